"""The bench on the tiny model: side by side, recorded, reused, charged, and clear about what is wrong."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import curriculab as cl
from curriculab import methods
from curriculab.engine.loading import load_model


@pytest.fixture(scope="module")
def pools():
    return cl.split(cl.load_pool("ladder", levels=[1, 2], n=240, seed=0), test=12, by="level", seed=0)


@pytest.fixture
def bench(tiny_folder, pools, tmp_path):
    train, test = pools
    return cl.Bench(
        load_model(str(tiny_folder), bits=32),
        train,
        test,
        budget=cl.Budget(steps=6),
        batch_size=4,
        evaluate_every=3,
        max_new_tokens=4,
        store=tmp_path / "runs",
        valid=None,
    )


SIX = {
    "random": methods.random_order,
    "easy": methods.easy_to_hard,
    "hard": methods.hard_to_easy,
    "baby": methods.baby_steps,
    "competence": methods.competence,
    "cyclical": methods.cyclical,
}


def weights(runs, variant, seed):
    record = next(r for r in runs.records if r.key == (variant, seed))
    return load_file(record.adapter / "adapter_model.safetensors")


def test_tables_are_tidy_and_say_what_was_trained(bench):
    runs = bench.run({"random": methods.random_order}, seeds=2, progress=False)
    assert runs.metrics.groupby(["variant", "seed"]).step.max().tolist() == [6, 6]
    assert runs.exposure.groupby(["seed", "step"]).size().unique().tolist() == [4]
    assert sorted(runs.items.step.unique()) == [0, 3, 6]
    assert set(runs.items.columns) >= {"variant", "seed", "step", "id", "correct", "level", "topic"}
    assert set(runs.exposure.id) <= set(bench.train.index)
    model_tokens = bench.model.lengths(bench.train)[runs.exposure.id].groupby(runs.exposure.seed.to_numpy()).sum()
    trained = runs.ledger[(runs.ledger.request == "Train")].groupby("seed").tokens.sum()
    assert trained.tolist() == model_tokens.tolist()


@pytest.mark.slow
def test_side_by_side_equals_alone_to_the_bit(bench, tmp_path):
    together = bench.run(SIX, seeds=1, progress=False)
    for name, method in SIX.items():
        bench.design = replace(bench.design, store=type(bench.store)(tmp_path / f"alone-{name}"))
        alone = bench.run({name: method}, seeds=1, progress=False)
        ours, theirs = weights(together, name, 0), weights(alone, name, 0)
        assert all(torch.equal(ours[k], theirs[k]) for k in ours)
        pick = together.metrics[together.metrics.variant == name]
        assert pick.loss.tolist() == alone.metrics.loss.tolist()


@pytest.mark.slow
def test_the_same_seed_repeats_and_another_differs(bench, tmp_path):
    first = bench.run({"random": methods.random_order}, seeds=[0, 1], progress=False)
    bench.design = replace(bench.design, store=type(bench.store)(tmp_path / "again"))
    again = bench.run({"random": methods.random_order}, seeds=[0, 1], progress=False)
    assert first.metrics.loss.tolist() == again.metrics.loss.tolist()
    by_seed = first.exposure.groupby("seed").id.apply(list)
    assert by_seed[0] != by_seed[1]
    init = [bench.model.adapter(s).weights for s in (0, 0, 1)]
    assert torch.equal(init[0], init[1]) and not torch.equal(init[0], init[2])


def test_a_finished_run_is_loaded_and_a_changed_knob_or_row_is_not(bench):
    easy = partial(methods.easy_to_hard, by="level")
    first = bench.run({"easy": easy}, seeds=1, progress=False)
    calls = len(list(bench.store.root.iterdir()))
    again = bench.run({"another name": partial(methods.easy_to_hard, by="level")}, seeds=1, progress=False)
    assert len(list(bench.store.root.iterdir())) == calls
    assert again.variants == ["another name"]
    pd.testing.assert_frame_equal(first.metrics.drop(columns="variant"), again.metrics.drop(columns="variant"))
    digests = {
        bench.design.digest(easy, 0),
        bench.design.digest(easy, 1),
        bench.design.digest(partial(easy, by="topic"), 0),
    }
    bench.train.iloc[0, 0] += " "
    vars(bench.design).pop("train_digest")
    assert len(digests | {bench.design.digest(easy, 0)}) == 4


@pytest.mark.slow
def test_controls_add_reverse_shuffled_and_a_null_band(bench):
    runs = bench.run({"easy": methods.easy_to_hard}, seeds=1, controls=True, progress=False)
    assert runs.variants == ["easy", "random", "easy, reversed", "easy, shuffled scores"]
    assert runs.null == ("null 1", "null 2", "null 3")
    result = cl.compare(runs, to="random")
    assert list(result.table.index) and isinstance(result.verdict, str)


def test_a_method_from_a_notebook_cell_is_a_method_like_any_other(bench):
    def mine(pool, run, *, first=2):
        while True:
            yield cl.Train(pool.iloc[:first])

    runs = bench.run({"mine": mine, "mine, three": partial(mine, first=3)}, seeds=1, progress=False)
    assert runs.metrics.groupby("variant").rows.first().to_dict() == {"mine": 2, "mine, three": 3}


def test_a_closure_a_global_and_a_default_are_part_of_what_a_method_is(bench):
    def make(k):
        def mine(pool, run):
            yield cl.Train(pool.iloc[:k])

        return mine

    def plain(pool, run, *, first=2):
        yield cl.Train(pool.iloc[:first])

    before = bench.design.digest(plain, 0)
    plain.__kwdefaults__ = {"first": 3}
    assert bench.design.digest(plain, 0) != before
    runs = [bench.run({"mine": make(k)}, seeds=1, progress=False) for k in (2, 3)]
    assert [r.metrics.rows.tolist() for r in runs] == [[2], [3]]


def test_a_bad_request_changes_nothing_for_its_neighbour(bench, tmp_path):
    def bad(pool, run):
        rows = pool.iloc[:2]
        yield cl.Train(cl.tell(rows, "hi"))

    with pytest.warns(UserWarning, match="'bad' failed in seed 0: ValueError: Train: row .* has no learned tokens"):
        beside = bench.run({"bad": bad, "random": methods.random_order}, seeds=1, progress=False)
    bench.design = replace(bench.design, store=type(bench.store)(tmp_path / "alone"))
    alone = bench.run({"random": methods.random_order}, seeds=1, progress=False)
    ours, theirs = weights(beside, "random", 0), weights(alone, "random", 0)
    assert all(torch.equal(ours[k], theirs[k]) for k in ours)


def test_answered_and_bare_rows_may_be_trained_together(bench):
    def mixed(pool, run):
        rows = pool.iloc[:4]
        out = yield cl.Train(pd.concat([cl.say(rows.iloc[:2], "yes"), rows.iloc[2:]]))
        assert np.isfinite(out.loss).all()

    runs = bench.run({"mixed": mixed}, seeds=1, progress=False)
    lengths = [4, 4, *(bench.train.answer.iloc[2:4].str.len() + 1)]
    assert runs.exposure.tokens.tolist() == lengths


def test_a_method_that_fails_closes_only_itself(bench):
    def broken(pool, run):
        yield cl.Train(pool.iloc[:2])
        yield cl.Train(pool.iloc[:2].assign(weight=-1.0))

    with pytest.warns(UserWarning, match="'broken' failed in seed 0: ValueError: Train with weight -1.0 for row"):
        runs = bench.run({"broken": broken, "random": methods.random_order}, seeds=1, progress=False)
    assert runs.metrics.groupby("variant").step.max().to_dict() == {"broken": 1, "random": 6}
    kept = sorted(p.name.rsplit("-", 1)[0] + p.suffix for p in bench.store.root.iterdir() if p.name != "tables")
    assert kept == ["broken.failed", "random"]  # what failed is kept, and not as finished
    assert cl.load_runs(bench.store.root).variants == ["random"]
    (failed,) = bench.store.root.glob("*.failed")
    assert load_file(failed / "adapter" / "adapter_model.safetensors")  # the last good adapter


def test_a_loss_that_is_not_finite_stops_that_variant_and_names_the_row(bench):
    def explode(pool, run):
        yield cl.Train(pool.iloc[:2].assign(token_weight=[np.full(n + 1, np.inf) for n in lengths]))

    lengths = bench.train.answer[:2].str.len()  # bytes are tokens, and the end is one more
    with pytest.warns(
        UserWarning,
        match="'explode' failed in seed 0: FloatingPointError: the gradient's norm is (nan|inf) at step 1",
    ):
        runs = bench.run({"explode": explode, "random": methods.random_order}, seeds=1, progress=False)
    assert runs.metrics.groupby("variant").step.max().to_dict() == {"random": 6}


def test_probing_is_charged_and_ends_at_the_ceiling(bench):
    def prober(pool, run):
        while True:
            yield cl.Score(pool.iloc[:100], "nll")

    runs = bench.run({"prober": prober}, seeds=1, progress=False)
    why = "failed: nothing was trained, nothing was sampled (ceiling on total tokens, at 0 of 6 steps)"
    assert runs.records[0].spec["ended"] == why
    spent = runs.ledger[~runs.ledger.test].tokens.sum()
    assert spent >= bench.budget.max_total_tokens and len(runs.metrics) == 0


def test_copy_rewinds_and_roles_are_separate(bench):
    seen = {}

    def rewind(pool, run):
        rows = pool.iloc[:4]
        yield cl.Copy("learner", to="start")
        first = yield cl.Train(rows)
        yield cl.Train(rows)
        yield cl.Copy("start", to="learner")
        again = yield cl.Train(rows)
        yield cl.Copy("init", to="teacher")
        other = yield cl.Score(rows, "nll", role="teacher")
        base = yield cl.Score(rows, "nll", role="base")
        blend = yield cl.Copy({"learner": 0.0, "start": 1.0}, to="mean")
        mean = yield cl.Score(rows, "nll", role="mean")
        seen.update(first=first.loss, again=again.loss, other=other.nll, base=base.nll, blend=blend, mean=mean.nll)

    bench.run({"rewind": rewind}, seeds=1, progress=False)
    assert seen["first"].tolist() == seen["again"].tolist()
    assert seen["other"].tolist() == pytest.approx(seen["base"].tolist(), abs=1e-5)  # a fresh adapter changes nothing
    assert seen["mean"].tolist() == pytest.approx(seen["base"].tolist(), abs=1e-5)
    assert seen["blend"] is None


def test_use_changes_how_a_variant_is_tested_and_hides_the_gold(bench):
    seen = []

    def short(rows):
        seen.append(set(rows.columns))
        return (yield cl.Sample(rows, temperature=0.0, max_new_tokens=1))

    def tested(pool, run):
        yield cl.Use({"short": short})
        while True:
            yield cl.Train(pool.iloc[:2])

    runs = bench.run({"tested": tested}, seeds=1, progress=False)
    assert runs.items.solver.unique().tolist() == ["short"]
    assert sorted(runs.items.step.unique()) == [0, 3, 6]
    assert all("answer" not in columns for columns in seen)


@pytest.mark.slow
def test_plan_says_what_it_will_take_and_trains_nothing(bench, monkeypatch):
    monkeypatch.setattr(
        "curriculab.bench.planning.TIMED_TESTS", len(bench.test) - 1
    )  # as where there are many test rows
    table = bench.plan({"random": methods.random_order}, seeds=2)
    assert table.loc["random", "steps"] == 6 and table.loc["random", "seeds"] == 2
    expected = 6 * 4 * bench.model.lengths(bench.train).mean()
    assert table.loc["random", "train_tokens"] == pytest.approx(expected, rel=0.05)
    assert (table[["minutes", "bytes"]] > 0).all(axis=None) and not bench.store.root.exists()
    assert table.loc["random", "sample_tokens"] == table.loc["random", "score_tokens"] == 0
    reinforced = cl.Bench(
        bench.model,
        bench.train,
        bench.test,
        objective="grpo",
        budget=cl.Budget(rollouts=48),
        batch_size=4,
        rollouts=4,
        store=None,
        valid=None,
    )
    asked = reinforced.plan({"random": methods.random_order}, seeds=1).loc["random"]
    assert asked.steps == 3 and 0 < asked.sample_tokens and asked.minutes > 0


def test_saved_adapter_loads_in_plain_peft(bench, tiny_folder):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    runs = bench.run({"random": methods.random_order}, seeds=1, progress=False)
    base = AutoModelForCausalLM.from_pretrained(tiny_folder)
    loaded = PeftModel.from_pretrained(base, runs.records[0].adapter)
    text = bench.model.encode(bench.test.iloc[:1])[0]
    with torch.no_grad():
        logits = loaded(input_ids=torch.tensor(text.tokens)[None]).logits[0]
    nll = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(text.tokens[1:]), reduction="none").numpy()
    from curriculab.engine.adapter import Adapter
    from curriculab.engine.scoring import score

    adapter = Adapter.load(bench.model.layout, runs.records[0].adapter, bench.model.device)
    ours = score(bench.model, [adapter], [bench.test.iloc[:1]], "nll", "row")[0].reply["nll"].iloc[0]
    assert ours == pytest.approx(nll[text.learned[1:]].mean(), abs=1e-5)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            dict(budget=cl.Budget(steps=2), objective="sgd"),
            "objective='sgd'; choose among grpo, sft, or give a setting such as Sft(lr=1e-3)",
        ),
        (dict(budget=cl.Budget(steps=2), batch_size=0), "batch_size=0; give the number of rows in a step, at least 1"),
        (
            dict(budget=cl.Budget(steps=2), evaluate_every=0),
            "evaluate_every=0; give a number of at least 1, or None for start and end",
        ),
    ],
)
def test_bad_settings_give_one_line(tiny_folder, pools, change, line):
    with pytest.raises(ValueError) as caught:
        cl.Bench(load_model(str(tiny_folder), bits=32), *pools, **change, valid=None)
    assert str(caught.value) == line


def test_rows_in_train_and_test_are_refused(tiny_folder, pools):
    train, _ = pools
    with pytest.raises(
        ValueError, match=r"5 rows are in train and in test, such as .*; use cl\.split\(pool, test=\.\.\.\)"
    ):
        cl.Bench(load_model(str(tiny_folder), bits=32), train, train.iloc[:5], budget=cl.Budget(steps=2), valid=None)


def test_an_empty_budget_is_refused():
    with pytest.raises(ValueError, match="an empty budget never ends"):
        cl.Budget()
