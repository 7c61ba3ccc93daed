"""The explorer shows recorded runs: filtered, over any axis, smoothed over the raw lines, their answers as text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab import figures, methods
from curriculab.figures.explore import EXPLORED, quantities, smoothed, traces
from curriculab.runs import Runs, Store
from curriculab.widgets import Explorer
from curriculab.widgets.explorer import answers_of, as_html


@pytest.fixture(scope="module")
def pool() -> pd.DataFrame:
    return cl.load_pool("ladder", n=120, seed=0)


@pytest.fixture(scope="module")
def runs(pool: pd.DataFrame) -> Runs:
    """Four variants under GRPO with three seeds: random, sec, a control, a null-band order; one failed run of sec."""
    variants = {
        "random": methods.random_order,
        "sec": methods.sec,
        "reverse": methods.hard_to_easy,
        "null 1": methods.random_order,
    }
    found = cl.simulate(
        variants,
        pool,
        steps=12,
        batch_size=4,
        rollouts=4,
        seed=range(3),
        objective="grpo",
        tests=pool.iloc[:30],
        evaluate_every=4,
    )
    records = [replace(r, spec={**r.spec, "control": r.key[0] == "reverse"}) for r in found.records]
    records[5] = replace(records[5], spec={**records[5].spec, "ended": "failed: ValueError: no"})  # sec, seed 2
    return Runs(tuple(records), null=("null 1",))


def named(figure: object, ending: str) -> list:
    return [t for t in figure.data if t.name.endswith(ending)]


# -- the figure -------------------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize("quantity", ["accuracy", "loss"])
def test_every_axis_is_what_was_spent_until_then(runs: Runs, quantity: str) -> None:
    table = traces(runs, quantity)
    own = table[(table.variant == "sec") & (table.seed == 1)].set_index("step")
    exposure = runs.exposure[(runs.exposure.variant == "sec") & (runs.exposure.seed == 1)]
    ledger = runs.ledger[(runs.ledger.variant == "sec") & (runs.ledger.seed == 1) & ~runs.ledger.test]
    for step in (4, 12):
        assert own.examples[step] == (exposure.step <= step).sum()
        sampled = ledger[(ledger.request == "Sample") & (ledger.step < step)]  # step 4 trains what was sampled before
        assert own.rollouts[step] == sampled.rollouts.sum()
        assert own.generated[step] == sampled.generated.sum()
    trained = ledger[ledger.request == "Train"]
    assert own.tokens[12] == trained.tokens.sum()
    for x, (column, title) in EXPLORED.items():
        figure = figures.explore(runs, quantity, x=x)
        (mean,) = [t for t in figure.data if t.name == "sec"]
        assert figure.layout.xaxis.title.text == title
        last = table[table.variant == "sec"].groupby("seed")[column].max()
        assert mean.x[-1] == pytest.approx(last.mean())


@pytest.mark.slow
def test_means_intervals_and_the_null_band(runs: Runs) -> None:
    figure = figures.explore(runs, "accuracy")
    right = runs.items[runs.items.step == 12].groupby(["variant", "seed"]).correct.mean()
    (mean,) = [t for t in figure.data if t.name == "random"]
    assert mean.y[-1] == pytest.approx(right["random"].mean())
    (band,) = named(figure, "random, 95% interval")
    half = 4.302653 * right["random"].std(ddof=1) / np.sqrt(3)  # t, 2 degrees of freedom
    n = len(mean.x)
    assert band.y[n - 1] - band.y[n] == pytest.approx(2 * half, rel=1e-5)
    (null,) = named(figure, "worst to best of 1 random orders")
    assert null.y[n - 1] == pytest.approx(right["null 1"].mean())
    assert len(named(figure, "seeds as recorded")) == 3


def test_smoothing_is_named_and_lies_over_the_raw_lines(runs: Runs) -> None:
    raw, smooth = figures.explore(runs, "loss"), figures.explore(runs, "loss", smooth=5)
    for before, after in zip(named(raw, "seeds as recorded"), named(smooth, "seeds as recorded"), strict=True):
        assert np.array_equal(before.y, after.y, equal_nan=True)
    (thick,) = named(smooth, "sec, mean of 5 points")
    assert smooth.layout.yaxis.title.text == "loss, mean of 5 points"
    loss = runs.metrics[runs.metrics.variant == "sec"].pivot(index="step", columns="seed", values="loss").to_numpy()
    assert thick.y[6] == pytest.approx(loss[4:9].mean())
    assert thick.y[0] == pytest.approx(loss[:3].mean()) and thick.y[-1] == pytest.approx(loss[-3:].mean())


def test_smoothing_never_mixes_seeds() -> None:
    table = pd.DataFrame({"label": "a", "seed": [0, 0, 1, 1], "step": [1, 2, 1, 2], "y": [0.0, 2.0, 10.0, 30.0]})
    assert smoothed(table, 3).y.tolist() == [1.0, 1.0, 20.0, 20.0]
    with pytest.raises(ValueError) as error:
        smoothed(table, 4)
    assert str(error.value) == "smooth=4; give an odd number of points, 1 for the raw line"


def test_errors_say_what_there_is(runs: Runs) -> None:
    with pytest.raises(ValueError) as error:
        figures.explore(runs, x="hours")
    assert str(error.value) == f"x='hours' is not an axis of runs; choose from {', '.join(EXPLORED)}"
    with pytest.raises(ValueError) as error:
        figures.explore(runs, "rewards")
    assert str(error.value) == f"no run recorded 'rewards'; they have {', '.join(quantities(runs))}"
    assert {"accuracy", "loss", "reward", "length", "signal"} <= set(quantities(runs))


# -- the widget -------------------------------------------------------------------------------------------------------
def test_at_first_it_shows_everything(runs: Runs) -> None:
    explorer = Explorer(runs)
    assert explorer.chosen.records == runs.records and explorer.message.value == ""
    expected = figures.explore(runs)
    assert [t.name for t in explorer.figure.data] == [t.name for t in expected.data]
    assert [v for _, v in explorer.controls["tags"].options] == ["curricula", "controls", "null", "failed"]


@pytest.mark.slow
def test_it_filters_by_variant_seed_and_kind(runs: Runs) -> None:
    explorer = Explorer(runs)
    explorer.controls["seeds"].value = (0, 2)  # what the browser does
    assert {r.key[1] for r in explorer.chosen.records} == {0, 2}
    explorer.controls["tags"].value = ("curricula",)
    assert [r.key for r in explorer.chosen.records] == [("random", 0), ("random", 2), ("sec", 0)]
    colour = {t.name: t.line.color for t in explorer.figure.data}["sec"]
    explorer.set(variants=["sec"])
    assert {t.name: t.line.color for t in explorer.figure.data}["sec"] == colour
    before = len(explorer.figure.data)
    explorer.set(variants=[])
    assert "no run is left: choose at least one variant" in explorer.message.value
    assert len(explorer.figure.data) == before
    with pytest.raises(ValueError) as error:
        explorer.set(colour="red")
    names = "quantity, x, smoothing, variants, seeds, tags, of, role, level, reward, page"
    assert str(error.value) == f"no control 'colour' here; there are {names}"


@pytest.mark.slow
def test_another_axis_and_smoothing_are_drawn(runs: Runs) -> None:
    explorer = Explorer(runs)
    explorer.set(quantity="reward", x="generated", smoothing=3)
    expected = figures.explore(runs, "reward", x="generated", smooth=3)
    assert explorer.figure.layout.xaxis.title.text == "generated tokens"
    for shown, wanted in zip(explorer.figure.data, expected.data, strict=True):
        assert np.array_equal(shown.y, wanted.y, equal_nan=True)


@pytest.mark.slow
def test_groups_are_browsed_by_level_and_reward(runs: Runs, pool: pd.DataFrame) -> None:
    bare = Runs(tuple(replace(r, tables={**r.tables, "rollouts": r.tables["rollouts"].iloc[:0]}) for r in runs.records))
    explorer = Explorer(bare, pool)
    assert len(explorer.answers) == len(runs.groups) and "their texts were not kept" in explorer.count.value
    explorer.set(level=3, reward=(0.5, 1.0), of="sec")
    level = runs.groups.id.map(pool.level)
    wanted = runs.groups[(runs.groups.variant == "sec") & (level == 3) & (runs.groups.reward >= 0.5)]
    assert sorted(explorer.answers.group) == sorted(wanted.group) and len(wanted)
    explorer.set(of="", level="", reward=(0.0, 1.0))
    explorer.browser["page"].value = 2
    assert f"{len(runs.groups):,} groups" in explorer.count.value and "9 to 16 shown" in explorer.count.value
    explorer.controls["seeds"].value = (1,)
    assert explorer.browser["page"].value == 1 and set(explorer.answers.seed) == {1}


@pytest.mark.slow
def test_answers_are_browsed_by_level_and_reward(runs: Runs, pool: pd.DataFrame) -> None:
    explorer = Explorer(runs, pool)
    assert len(explorer.answers) == len(runs.rollouts) and f"{len(runs.rollouts):,} answers" in explorer.count.value
    explorer.set(level=2, reward=(1.0, 1.0), of="random")
    asked = runs.rollouts.id.map(pool.level)
    wanted = runs.rollouts[(runs.rollouts.variant == "random") & (asked == 2) & (runs.rollouts.reward == 1)]
    assert len(explorer.answers) == len(wanted) > 0
    assert (explorer.answers.text == explorer.answers.id.map(pool.answer)).all()


def test_kept_answers_are_shown_as_text(runs: Runs, pool: pd.DataFrame) -> None:
    evil = "<img src=x onerror=alert(1)>"
    kept = pd.DataFrame(
        {
            "variant": "sec",
            "seed": 0,
            "step": [2, 1],
            "id": pool.index[:2],
            "prompt": [evil, "2 + 2 ="],
            "text": ["</pre><script>alert(2)</script>", "4"],
            "reward": [0.0, 1.0],
            "length": [9, 1],
        }
    )
    shown = as_html(answers_of(SimpleNamespace(rollouts=kept, groups=runs.groups), pool))
    assert "<img" not in shown and "<script" not in shown
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown and "&lt;/pre&gt;&lt;script&gt;" in shown
    assert shown.index("<pre>4</pre>") < shown.index("&lt;script")  # by step
    assert answers_of(SimpleNamespace(rollouts=kept, groups=runs.groups), pool).level.tolist() == [
        pool.level.iloc[1],
        pool.level.iloc[0],
    ]


@pytest.mark.slow
def test_a_store_is_read_again_and_choices_are_kept(runs: Runs, tmp_path: Path) -> None:
    explorer = Explorer(tmp_path / "runs")
    assert "Nothing to show yet." in explorer._nothing.value and "No recorded runs in" in explorer._nothing.value
    assert explorer._curves.layout.display == "none"
    store = Store(tmp_path / "runs")
    for number, record in enumerate(runs.records[:4]):
        store.save(record, f"{number:016x}")
    explorer.refresh.click()
    assert explorer._nothing.value == "" and explorer._curves.layout.display == ""
    assert {r.key for r in explorer.chosen.records} == {r.key for r in runs.records[:4]}
    explorer.set(seeds=[0, 1], quantity="reward")
    store.save(runs.records[8], "8".rjust(16, "0"))  # reverse, seed 2
    explorer.reload()
    assert set(explorer.controls["seeds"].value) == {0, 1} and explorer.controls["quantity"].value == "reward"
    assert "reverse" in explorer.controls["variants"].value


def test_runs_without_a_step_say_so() -> None:
    explorer = Explorer(Runs(()))
    assert "No step and no test is recorded yet" in explorer._nothing.value
