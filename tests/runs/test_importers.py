"""Other people's runs: small files in the real formats, written by the programs themselves where they are installed."""

from __future__ import annotations

import json
import re
import struct
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab.runs import COLUMNS, Store, import_runs, join, load_runs

SECONDS = 1_000_000_000.0  # a wall time


# -- files as other programs write them -------------------------------------------------------------------------------
def write_state(folder: Path, log: list[dict], *, max_steps: int = 20) -> Path:
    from transformers import TrainerState

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "trainer_state.json"
    TrainerState(log_history=log, max_steps=max_steps, global_step=log[-1]["step"]).save_to_json(str(path))
    return path


def trained(accuracies: tuple[float, ...]) -> list[dict]:
    """What a Trainer logs: a training line every 5 steps, an evaluation every 10, a summary at the end."""
    log = []
    for i, accuracy in enumerate(accuracies, 1):
        log += [
            {
                "loss": 2.0 / (2 * i - 1),
                "grad_norm": 1.0,
                "epoch": 0.1,
                "num_tokens": 500.0 * (2 * i - 1),
                "step": 10 * i - 5,
            }
        ]
        log += [{"loss": 1.0 / i, "grad_norm": 0.5, "epoch": 0.2, "num_tokens": 1000.0 * i, "step": 10 * i}]
        log += [{"eval_loss": 1.5 / i, "eval_accuracy": accuracy, "eval_mean_token_accuracy": 0.9, "step": 10 * i}]
    return [*log, {"train_runtime": 12.5, "train_loss": 0.7, "step": 10 * len(accuracies)}]


def write_events(folder: Path, scalars: dict[str, list[tuple[int, float, float]]], *, new_style: bool = False) -> Path:
    from torch.utils.tensorboard import SummaryWriter

    before = set(folder.glob("*.tfevents.*"))
    with SummaryWriter(str(folder)) as writer:
        for tag, points in scalars.items():
            for step, value, after in points:
                writer.add_scalar(tag, value, step, walltime=SECONDS + after, new_style=new_style)
        writer.add_text("note", "not a number", 1, walltime=SECONDS)
    return next(iter(set(folder.glob("*.tfevents.*")) - before))


def sample(doc: int, correct: float, **more: object) -> dict:
    """One line as lm_eval 0.4.9 --log_samples writes it."""
    return {
        "doc_id": doc,
        "doc": {"question": f"{doc} + 1", "level": f"Level {1 + doc % 3}"},
        "target": str(doc + 1),
        "arguments": {"gen_args_0": {"arg_0": f"{doc} + 1", "arg_1": {"until": ["\n"]}}},
        "resps": [[str(doc + 1)]],
        "filtered_resps": [str(doc + 1)],
        "filter": "none",
        "metrics": ["exact_match"],
        "doc_hash": f"d{doc}",
        "prompt_hash": f"p{doc}",
        "target_hash": f"t{doc}",
        "exact_match": correct,
        **more,
    }


def write_samples(folder: Path, lines: list[dict], *, task: str = "sums") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"samples_{task}_2026-11-20T10-00-00.123456.jsonl"
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def refuses(line: str, source: object, **options: object) -> None:
    """The whole message, on one line."""
    with pytest.raises(ValueError) as caught:
        import_runs(source, **options)
    assert str(caught.value) == line and "\n" not in line


# -- Transformers and TRL ---------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_trainers_state_gives_curves_and_its_log(tmp_path):
    for variant, gain in (("random", 0.0), ("easy first", 0.2)):
        for seed in (0, 1, 2):
            write_state(tmp_path / f"{variant}-{seed}", trained((0.3 + seed / 100, 0.5 + gain + seed / 100)))
    runs = import_runs(str(tmp_path / "{variant}-{seed}"))
    assert sorted(runs.variants) == ["easy first", "random"] and runs.seeds == [0, 1, 2]
    one = runs.metrics[(runs.metrics.variant == "random") & (runs.metrics.seed == 0)]
    assert one.step.tolist() == [5, 10, 15, 20]
    assert one.loss.tolist() == [2.0, 1.0, 2.0 / 3, 0.5]
    assert one.progress.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert one.eval_loss.tolist()[1::2] == [1.5, 0.75] and one.eval_loss.isna().tolist() == [True, False, True, False]
    assert one.train_runtime.tolist()[-1] == 12.5
    for unknown in ("rows", "tokens", "rollouts", "generated", "seconds"):
        assert one[unknown].isna().all()
    assert set(runs.items.id) == {"eval"}  # the accuracy of tokens is none of rows
    curve = cl.figures.learning_curves(runs)
    line = next(t for t in curve.data if t.name == "easy first" and t.showlegend)
    np.testing.assert_allclose(line.x, [10, 20])
    np.testing.assert_allclose(line.y, [0.31, 0.71])
    result = cl.compare(runs, to="random")
    assert result.table.loc["easy first", "difference"] == pytest.approx(0.2)


@pytest.mark.slow
def test_columns_give_meaning_to_what_was_logged(tmp_path):
    path = write_state(tmp_path / "sec", trained((0.25, 0.5)))
    percent = {"accuracy": lambda t: 100 * t["eval_accuracy"] / 100, "tokens": "num_tokens"}
    runs = import_runs(path, columns=percent, seed=4)
    assert runs.variants == ["sec"] and runs.seeds == [4]
    assert runs.metrics.tokens.tolist() == [500, 1000, 1500, 2000]
    assert runs.items.tokens.tolist() == [1000, 2000] and runs.items.correct.tolist() == [0.25, 0.5]
    refuses(
        f"{path}: no column 'num_token', wanted for 'tokens'; did you mean 'num_tokens'? it has step, "
        "epoch, grad_norm, loss, num_tokens, eval_accuracy, eval_loss, eval_mean_token_accuracy, train_loss, "
        "train_runtime",
        path,
        columns={"tokens": "num_token"},
    )
    refuses(
        "columns has the target 'acuracy'; did you mean 'accuracy'? known are step, loss, rows, tokens, rollouts, "
        "generated, seconds, accuracy",
        path,
        columns={"acuracy": "x"},
    )


def test_several_test_sets_and_a_folder_of_checkpoints(tmp_path):
    early = [{"eval_math_accuracy": 0.2, "eval_code_accuracy": 0.4, "step": 50}]
    late = [*early, {"eval_math_accuracy": 0.4, "eval_code_accuracy": 0.8, "step": 100}]
    write_state(tmp_path / "sec" / "checkpoint-50", early, max_steps=200)
    write_state(tmp_path / "sec" / "checkpoint-100", late, max_steps=200)
    runs = import_runs(tmp_path / "sec")
    assert runs.variants == ["sec"]
    assert runs.items[["step", "id", "correct", "share"]].values.tolist() == [
        [50, "code", 0.4, 0.25],
        [50, "math", 0.2, 0.25],
        [100, "code", 0.8, 0.5],
        [100, "math", 0.4, 0.5],
    ]
    np.testing.assert_allclose(runs.accuracy().accuracy, [0.3, 0.6])
    refuses(
        f"{tmp_path}/sec/checkpoint-100/trainer_state.json, {tmp_path}/sec/checkpoint-50/trainer_state.json: found "
        "step 50 of 'sec', seed 0, twice, expected once; tell the runs apart with {variant}, {seed} or "
        "{step} in the "
        "pattern",
        tmp_path / "sec" / "*" / "trainer_state.json",
    )


def test_a_bad_trainer_state_is_refused_in_one_line(tmp_path):
    path = tmp_path / "trainer_state.json"
    path.write_text('{\n"log_history": [\n{"step": 1')
    refuses(
        f"{path}, line 3: found text that is not JSON (Expecting ',' delimiter), expected a "
        f"trainer_state.json; copy "
        "the file again, its end may be missing",
        path,
    )
    path.write_text('{"epoch": 1}')
    refuses(
        f"{path}: found {{'epoch': 1}}, expected an object with the list log_history; name the "
        f"trainer_state.json that "
        "Trainer.save_state or a checkpoint wrote",
        path,
    )
    path.write_text('{"log_history": [{"step": 1}, {"loss": 2}]}')
    refuses(
        f"{path}, entry 2 of log_history: found {{'loss': 2}}, expected an object with the number step; copy "
        f"the file "
        "again, or leave the entry out",
        path,
    )
    path.write_text('{"log_history": [{"step": 7, "eval_accuracy": 43.5}]}')
    refuses(
        f"{path}, step 7: found the accuracy 43.5 of 'eval', expected a share from 0 to 1; map it, for example "
        "columns={'accuracy': lambda t: t['eval_accuracy'] / 100}",
        path,
    )
    path.write_text('{"log_history": []}')
    assert import_runs(path).metrics.empty


# -- TensorBoard ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("new_style", [False, True])
def test_event_files_give_scalars_and_the_clock(tmp_path, new_style):
    folder = tmp_path / "sec"
    points = {"train/loss": [(10, 2.0, 0), (20, 1.0, 30)], "eval/accuracy": [(20, 0.5, 31)]}
    write_events(folder, points, new_style=new_style)
    runs = import_runs(folder)
    assert runs.variants == ["sec"]
    assert runs.metrics[["step", "loss", "seconds"]].values.tolist() == [[10, 2.0, 0.0], [20, 1.0, 31.0]]
    assert runs.items[["step", "correct", "seconds", "share"]].values.tolist() == [[20, 0.5, 31.0, 1.0]]
    assert "note/text_summary" not in runs.metrics


def test_after_a_resume_the_later_event_file_counts(tmp_path):
    folder = tmp_path / "sec"
    first = write_events(folder, {"train/loss": [(10, 2.0, 0), (20, 9.0, 1)]})
    first.rename(folder / "events.out.tfevents.1.a.1")
    second = write_events(folder, {"train/loss": [(20, 1.0, 5), (30, 0.5, 9)]})
    second.rename(folder / "events.out.tfevents.2.a.1")
    assert import_runs(folder).metrics.loss.tolist() == [2.0, 1.0, 0.5]


def test_a_cut_event_file_is_told_and_a_broken_one_refused(tmp_path):
    whole = write_events(tmp_path / "whole", {"train/loss": [(1, 2.0, 0), (2, 1.0, 1)]}).read_bytes()
    ends, at = [], 0  # of the records
    while at < len(whole):
        at += struct.unpack("<Q", whole[at : at + 8])[0] + 16
        ends.append(at)
    cut = tmp_path / "a.tfevents.1"
    cut.write_bytes(whole[: ends[-1] - 3])
    with pytest.warns(UserWarning, match=f"^{re.escape(str(cut))}: its last record is cut off at byte {ends[-2]} of"):
        assert import_runs(cut).metrics.loss.tolist() == [2.0, 1.0]  # the record that is cut off was the text
    broken = tmp_path / "b.tfevents.1"
    place = ends[1] + 14  # in the third record's content
    broken.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
    refuses(
        f"{broken}, byte {ends[1]} of {len(whole)}: found a damaged record, expected an event of "
        f"TensorBoard; copy the "
        "file again",
        broken,
    )
    text = tmp_path / "c.tfevents.1"
    text.write_text("not an event file, though long enough to be read as one")
    refuses(
        f"{text}, byte 0 of 55: found a damaged record, expected an event of TensorBoard; copy the file again", text
    )


# -- Weights & Biases -------------------------------------------------------------------------------------------------
def test_a_panels_export_gives_every_run_without_its_extremes(tmp_path):
    path = tmp_path / "wandb_export_2026-11-20.csv"
    path.write_text(
        '"Step","sec - big-seed0 - eval/accuracy","sec - big-seed0 - eval/accuracy__MIN",'
        '"sec - big-seed0 - eval/accuracy__MAX","random-seed1 - eval/accuracy"\n'
        '"10","0.25","0.2","0.3",""\n"20","0.5","0.4","0.6","0.125"\n'
    )
    runs = import_runs(path, names="{variant}-seed{seed}")
    assert [r.key for r in runs.records] == [("sec - big", 0), ("random", 1)]
    assert runs.items[["variant", "step", "correct", "share"]].values.tolist() == [
        ["sec - big", 10, 0.25, 0.5],
        ["sec - big", 20, 0.5, 1.0],
        ["random", 20, 0.125, 1.0],
    ]
    assert import_runs(path).variants == ["sec - big-seed0", "random-seed1"]
    refuses(
        f"{path}: found the name 'sec - big-seed0', expected one like '{{variant}}_{{seed}}' with whole "
        f"numbers for "
        "seed and step; make the pattern wider, or import it alone",
        path,
        names="{variant}_{seed}",
    )


def test_a_history_goes_by_the_trainers_own_step(tmp_path):
    history = pd.DataFrame(
        {
            "_step": [0, 1, 2, 3],
            "_timestamp": [1.7e9] * 4,
            "_runtime": [3.5, 8.0, 9.0, 15.0],
            "train/global_step": [5, 10, 10, np.nan],
            "train/loss": [2.0, 1.0, np.nan, np.nan],
            "eval/accuracy": [np.nan, np.nan, 0.5, np.nan],
            "note": ["a", None, None, None],
            "gpu": [np.nan] * 3 + [7],
        }
    )
    history.to_csv(tmp_path / "sec.csv")
    with pytest.warns(UserWarning, match="1 of 4 lines have no train/global_step and are left out"):
        runs = import_runs(tmp_path / "sec.csv")
    assert runs.variants == ["sec"]
    assert runs.metrics[["step", "loss", "seconds"]].values.tolist() == [[5, 2.0, 3.5], [10, 1.0, 9.0]]
    assert runs.metrics.note.tolist()[0] == "a"
    assert runs.items[["step", "correct", "seconds"]].values.tolist() == [[10, 0.5, 9.0]]


def test_a_bad_csv_is_refused_in_one_line(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("_step,loss\n1,2.0\n2,two\n")
    refuses(
        f"{path}, line 3, column 'loss': found 'two', expected a number or nothing; mend the cell or remove the column",
        path,
    )
    path.write_text("time,loss\n1,2.0\n")
    refuses(
        f"{path}, line 1: found the columns time, loss, expected one that counts steps (step, _step, global_step, "
        'iteration, epoch), or a W&B panel\'s export; name it, columns={"step": "..."}',
        path,
    )
    path.write_text("Relative Time (Process),sec - loss\n1,2.0\n")
    refuses(
        f"{path}, line 1: found the x axis 'Relative Time (Process)', expected Step or global_step; choose "
        f"it as the "
        "panel's x axis and export again",
        path,
    )
    path.write_text("_step,loss\n1\n")
    with pytest.raises(ValueError, match="^x.csv, line 2: found 1 cell \\('1'\\), expected 2"):
        import_runs(path)


# -- lm-evaluation-harness --------------------------------------------------------------------------------------------
def exams(root: Path, *, rows: int = 40) -> dict[tuple[str, int], np.ndarray]:
    """Samples of two variants with three seeds; what is right, by run."""
    right = {}
    for v, (variant, share) in enumerate((("random", 0.4), ("sec", 0.8))):
        for seed in range(3):
            found = np.random.default_rng([v, seed]).random(rows) < share
            write_samples(root / variant / f"seed{seed}", [sample(i, float(r)) for i, r in enumerate(found)])
            right[variant, seed] = found
    return right


def test_samples_of_several_seeds_are_compared(tmp_path):
    right = exams(tmp_path)
    runs = import_runs(str(tmp_path / "{variant}/seed{seed}/samples_*.jsonl"))
    assert sorted(r.key for r in runs.records) == sorted(right)
    for (variant, seed), found in right.items():
        own = runs.items[(runs.items.variant == variant) & (runs.items.seed == seed)]
        assert own.correct.tolist() == found.astype(float).tolist()
    assert runs.items.id.iloc[7] == "sums/7" and set(runs.items.level) == {1, 2, 3}
    assert set(runs.items.topic) == {"sums"}
    assert runs.items.step.isna().all() and runs.items.progress.isna().all() and (runs.items.share == 1).all()
    assert runs.metrics.empty and runs.exposure.empty
    result = cl.compare(runs, to="random")
    gaps = [right["sec", s].mean() - right["random", s].mean() for s in range(3)]
    assert result.table.loc["sec", "difference"] == pytest.approx(np.mean(gaps))
    assert result.verdict.splitlines()[1].startswith("sec is better than random by")


def test_steps_in_the_pattern_give_a_curve(tmp_path):
    for step, share in ((100, 0.25), (200, 0.5)):
        write_samples(tmp_path / f"sec-{step}", [sample(i, float(i < 20 * share)) for i in range(20)])
    runs = import_runs(str(tmp_path / "{variant}-{step}"))
    assert runs.accuracy()[["step", "accuracy"]].values.tolist() == [[100, 0.25], [200, 0.5]]
    assert sorted(set(runs.items.share)) == [0.5, 1.0]
    line = next(t for t in cl.figures.learning_curves(runs, by="level").data if t.mode == "lines+markers")
    assert list(line.x) == [100, 200]


def test_a_metric_or_filter_has_to_be_chosen_where_there_are_several(tmp_path):
    both = {"metrics": ["acc", "acc_norm"], "acc": 1.0, "acc_norm": 0.0}
    path = write_samples(tmp_path / "sec", [sample(0, 1.0, **both)], task="arc")
    refuses(
        f"{path}: found the metrics acc, acc_norm, expected one that tells right from wrong; pass it as metric=", path
    )
    assert import_runs(path, metric="acc_norm").items.correct.tolist() == [0.0]
    refuses(
        f"{path}: no metric 'acc_nrm'; did you mean 'acc_norm'? it has acc, acc_norm; pass one as metric=",
        path,
        metric="acc_nrm",
    )
    lines = [sample(0, float(k == "strict"), filter=k) for k in ("strict", "flexible")]
    path = write_samples(tmp_path / "dump", lines, task="gsm8k")
    refuses(
        f"{path}: found several filters, expected results by one; it has strict, flexible; pass one as filter=", path
    )
    assert import_runs(path, filter="strict").items.correct.tolist() == [1.0]
    refuses(
        f"{path}: found no filter 'stric', expected results by one; it has strict, flexible; pass one as filter=",
        path,
        filter="stric",
    )


def test_bad_samples_are_refused_in_one_line(tmp_path):
    path = write_samples(tmp_path / "a", [sample(0, 1.0), sample(0, 0.0)])
    refuses(
        f"{path}, line 2: found doc_id 0 again (first in line 1), expected every row once; remove one of the two", path
    )
    path.write_text(json.dumps(sample(0, 1.0)) + "\n" + json.dumps(sample(1, 3.5)) + "\n")
    refuses(
        f"{path}, line 2: found exact_match 3.5, expected a number from 0 (wrong) to 1 (right); choose "
        f"another with "
        "metric=",
        path,
    )
    path.write_text('{"doc_id": 1}\n')
    refuses(f"{path}: found no column 'target', expected what lm_eval --log_samples writes; give its samples_*", path)
    path.write_text('{"doc_id": 1\n')
    with pytest.raises(ValueError, match="line 1: found .*, expected one JSON object$"):
        import_runs(path)


def test_rows_of_two_versions_of_a_task_are_not_paired(tmp_path):
    write_samples(tmp_path / "a", [sample(0, 1.0)])
    write_samples(tmp_path / "b", [sample(0, 1.0, doc_hash="other")])
    found = [f"{tmp_path}/{v}/samples_sums_2026-11-20T10-00-00.123456.jsonl" for v in "ab"]
    refuses(
        f"{found[1]}: found another question under the id 'sums/0' than in {found[0]} (its doc_hash "
        f"differs), expected "
        "the same test rows in all runs; test them with one version of the task",
        str(tmp_path / "{variant}"),
    )


# -- all of them ------------------------------------------------------------------------------------------------------
def test_a_log_and_samples_of_one_run_are_one_record_and_can_be_kept(tmp_path):
    write_state(tmp_path / "out" / "sec-0", trained((0.3, 0.5)))
    write_samples(tmp_path / "out" / "sec-0" / "eval", [sample(i, 1.0) for i in range(3)])
    runs = import_runs(str(tmp_path / "out" / "{variant}-{seed}" / "**" / "*.json*"), step=20)
    assert [r.key for r in runs.records] == [("sec", 0)]
    assert len(runs.metrics) == 4 and len(runs.items) == 2 + 3
    for record in runs.records:
        for name, table in record.tables.items():
            assert [c for c in table.columns if c in COLUMNS[name]] == COLUMNS[name][2:]
        Store(tmp_path / "runs").save(record, "0123456789abcdef")
    kept = load_runs(tmp_path / "runs")
    pd.testing.assert_frame_equal(kept.items, runs.items)
    pd.testing.assert_frame_equal(kept.metrics, runs.metrics)


def test_own_and_imported_runs_stand_side_by_side(tmp_path):
    exams(tmp_path)
    pattern = str(tmp_path / "{variant}/seed{seed}")
    sec, both = import_runs(pattern.replace("{variant}", "sec"), variant="theirs"), import_runs(pattern)
    together = join(both, sec)
    assert together.variants == [*both.variants, "theirs"]
    assert cl.compare(together, to="random").table.loc["theirs", "difference"] > 0
    with pytest.raises(ValueError) as caught:
        join(both, both)
    name, seed = both.records[0].key
    assert str(caught.value) == (
        f"the variant {name!r} has seed {seed} twice, with the same test rows, such as 'sums/0'; import one with "
        "another variant= or seed="
    )


def test_what_cannot_be_found_or_recognised_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    known = (
        "trainer_state.json, *.tfevents.*, a .csv or .jsonl with steps, a W&B .csv, samples_*.jsonl or results_*.json"
    )
    refuses(
        f"nowhere/{{variant}}: no such file or folder in {tmp_path}; give a path, or a pattern that fits some",
        "nowhere/{variant}",
    )
    refuses(f"notes.txt: cannot tell what wrote it; known are {known}", "notes.txt")
    refuses("out/{run}: found {run}, expected {variant}, {seed} or {step}; else use *", "out/{run}")
    (tmp_path / "empty").mkdir()
    refuses(f"empty: found none of {known}; name a file, or a pattern such as empty/{{variant}}", "empty")
    (tmp_path / "late").mkdir()
    with pytest.raises(ValueError, match="^late: found none of"):
        import_runs("{variant}e")


# -- logs as other people have them -----------------------------------------------------------------------------------
def warned(source: object, **options: object) -> tuple[cl.Runs, list[str]]:
    """The runs, and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        runs = import_runs(source, **options)
    return runs, [str(w.message) for w in caught if issubclass(w.category, UserWarning)]


@pytest.mark.parametrize("step", ["step", "Step", "iteration", "global_step", "epoch"])
def test_csv_logs_with_names_of_their_own_are_read(tmp_path, step):
    (tmp_path / "mine.csv").write_text(
        f"{step},loss,reward_avg,eval_acc\n10,2.0,0.1,\n20,1.5,0.2,0.25\n30,1.0,0.3,0.5\n"
    )
    runs = import_runs(tmp_path / "mine.csv")
    assert runs.variants == ["mine"] and runs.metrics[["step", "loss"]].values.tolist() == [
        [10, 2.0],
        [20, 1.5],
        [30, 1],
    ]
    assert runs.items[["step", "correct"]].values.tolist() == [[20, 0.25], [30, 0.5]]


def test_a_column_is_said_to_count_steps(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("batch no,train loss,test score\n1,2.0,\n2,1.5,0.25\n")
    assert import_runs(path, columns={"step": "batch no", "loss": "train loss"}).metrics["step"].tolist() == [1, 2]
    runs = import_runs(path, columns={"step": lambda t: 10 * t["batch no"], "accuracy": "test score"})
    assert runs.items[["step", "correct"]].values.tolist() == [[20, 0.25]]
    refuses(
        f"{path}, line 1: found the columns batch no, train loss, test score, did you mean 'batch no'? expected one "
        "that counts steps (step, _step, global_step, iteration, epoch), or a W&B panel's export; name it, "
        'columns={"step": "..."}',
        path,
        columns={"step": "batch_no"},
    )
    state = write_state(tmp_path / "a", [{"loss": 1.0, "step": 1}])
    refuses(
        f"{state}: it tells its steps itself; columns={{'step': ...}} is for a .csv or .jsonl log",
        state,
        columns={"step": "epoch"},
    )


def test_lines_of_json_and_a_bare_log_history_are_logs(tmp_path):
    log = [{"step": 10, "loss": 2.0, "note": {"a": 1}}, {"step": 20, "loss": 1.0, "eval_acc": 0.5}]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, log)))
    (tmp_path / "log_history.json").write_text(json.dumps(log))
    for name in ("log.jsonl", "log_history.json"):
        runs = import_runs(tmp_path / name, variant="a")
        assert runs.metrics["loss"].tolist() == [2.0, 1.0] and runs.items["correct"].tolist() == [0.5]


def test_after_a_resume_no_point_of_the_branch_that_was_thrown_away_stays(tmp_path):
    """File 1 tests at 10 to 70; file 2, resumed from 50, at 60 alone: the run ends with 0.6, and step 70 never was."""
    first = {"eval/accuracy": [(s, s / 200, s) for s in range(10, 80, 10)], "train/loss": [(65, 9.0, 65)]}
    write_events(tmp_path / "sec", first).rename(tmp_path / "sec" / "events.out.tfevents.1.a.1")
    later = write_events(tmp_path / "sec", {"eval/accuracy": [(60, 0.6, 100)]})
    later.rename(tmp_path / "sec" / "events.out.tfevents.2.a.1")
    runs, said = warned(tmp_path / "sec")
    steps = [10, 20, 30, 40, 50, 60]
    assert runs.items["step"].tolist() == steps and runs.metrics["step"].tolist() == steps
    assert runs.items["correct"].tolist() == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.25, 0.6])
    assert said == [
        f"{tmp_path}/sec: resumed at step 60; 2 earlier values from there on belong to a branch that was thrown away, "
        "and are left out"
    ]


def test_a_file_with_other_tags_cuts_nothing(tmp_path):
    write_events(tmp_path / "sec", {"train/loss": [(10, 2.0, 0), (20, 1.0, 1)]})
    write_events(tmp_path / "sec", {"eval/accuracy": [(10, 0.5, 2)]})
    runs, said = warned(tmp_path / "sec")
    assert runs.metrics["loss"].tolist() == [2.0, 1.0] and runs.items["correct"].tolist() == [0.5] and said == []


def test_a_history_whose_steps_go_back_is_cut_there(tmp_path):
    rows = [(0, 10, 0.1), (1, 20, 0.2), (2, 30, 0.3), (3, 15, 0.4), (4, 25, 0.5)]
    table = pd.DataFrame(rows, columns=["_step", "train/global_step", "eval/accuracy"])
    table.to_csv(tmp_path / "sec.csv", index=False)
    runs, said = warned(tmp_path / "sec.csv")
    assert runs.items[["step", "correct"]].values.tolist() == [[10, 0.1], [15, 0.4], [25, 0.5]]
    assert len(said) == 1 and said[0].startswith(f"{tmp_path}/sec.csv: resumed at step 15; 2 earlier values")
    table.iloc[:3].iloc[::-1].to_csv(tmp_path / "sec.csv", index=False)  # newest first is no resume
    runs, said = warned(tmp_path / "sec.csv")
    assert runs.items["correct"].tolist() == [0.1, 0.2, 0.3] and said == []


NAN = float("nan")


@pytest.mark.parametrize("kind", ["state", "events", "csv"])
def test_an_accuracy_that_is_no_number_is_told_and_no_earlier_one_speaks_for_the_run(tmp_path, kind):
    for seed in range(3):
        for variant, accuracies in (("random", (0.4, 0.5, 0.6)), ("hot", (0.6, 0.6, NAN if seed == 2 else 0.7))):
            folder = tmp_path / kind / f"{variant}-{seed}"
            points = [(25 * (i + 1), a + seed / 100) for i, a in enumerate(accuracies)]
            if kind == "state":
                write_state(folder, [{"eval_accuracy": a, "step": s} for s, a in points], max_steps=75)
            elif kind == "events":
                write_events(folder, {"eval/accuracy": [(s, a, s) for s, a in points]})
            else:
                folder.mkdir(parents=True)
                (folder / "log.csv").write_text("step,eval_acc\n" + "".join(f"{s},{a}\n" for s, a in points))
    ending = "/log.csv" if kind == "csv" else ""
    runs, said = warned(str(tmp_path / kind / ("{variant}-{seed}" + ending)))
    assert len(said) == 1 and re.fullmatch(
        r"hot, seed 2: eval[_/]acc(uracy)? is not a number at step 75 and later ones \(.*\); the run diverged there",
        said[0],
    )
    result = cl.compare(runs)
    assert result.table.loc["hot", "n"] == 2
    assert result.table.loc["hot", "difference"] == pytest.approx(0.1)
    assert "hot, seed 2, logged an accuracy that is not a number from step 75 on" in result.verdict
    assert "last tested at" not in result.verdict


def test_a_mean_over_grouped_runs_is_named_and_is_no_seed(tmp_path):
    path = tmp_path / "wandb_export.csv"
    header = [f"{v} - eval/accuracy{end}" for v in ("easy", "random") for end in ("", "__MIN", "__MAX")]
    path.write_text(",".join(["Step", *header]) + "\n10,0.5,0.3,0.7,0.4,0.2,0.6\n")
    runs, said = warned(path)
    assert [line.partition(";")[0] for line in said] == [
        f"{path}: {name!r} is a mean over grouped runs (its __MIN and __MAX differ), not one seed"
        for name in ("easy", "random")
    ]
    verdict = cl.compare(runs, to="random").verdict
    assert "easy and random are means over runs that W&B grouped, whose seeds are not known" in verdict


def test_metric_and_filter_are_chosen_by_task(tmp_path):
    for seed in range(2):
        both = {"metrics": ["acc", "acc_norm"], "acc": 1.0, "acc_norm": 0.0}
        write_samples(tmp_path / "a" / f"s{seed}", [sample(0, 1.0, **both)], task="arc_easy")
        lines = [sample(0, float(k == "strict"), filter=k) for k in ("strict", "flexible")]
        write_samples(tmp_path / "a" / f"s{seed}", lines, task="gsm8k")
    pattern = str(tmp_path / "{variant}" / "s{seed}")
    runs = import_runs(pattern, metric={"arc_*": "acc_norm"}, filter={"gsm8k": "strict"})
    assert runs.items.groupby("id")["correct"].mean().to_dict() == {"arc_easy/0": 0.0, "gsm8k/0": 1.0}
    runs = import_runs(pattern, metric={"arc_*": "acc", "gsm8k": "exact_match,flexible"})
    assert runs.items.groupby("id")["correct"].mean().to_dict() == {"arc_easy/0": 1.0, "gsm8k/0": 0.0}
    one = import_runs(pattern + "/samples_arc*.jsonl", metric="acc")
    two = import_runs(pattern + "/samples_gsm8k*.jsonl", filter="strict")
    together = join(one, two)
    assert [r.key for r in together.records] == [("a", 0), ("a", 1)] and len(together.items) == 4


def test_statistics_of_samples_without_steps_give_numbers_or_one_line(tmp_path):
    right = exams(tmp_path)
    runs = import_runs(str(tmp_path / "{variant}/seed{seed}"))
    with pytest.warns(UserWarning, match="^no area and no time: .* has no test on the axis 'step'"):
        table = cl.statistics.aggregate(runs)
    mean = np.mean([right["sec", s].mean() for s in range(3)])
    found = table[(table["variant"] == "sec") & (table["quantity"] == "accuracy")]
    assert found["value"].tolist() == pytest.approx([mean])
    assert set(table["quantity"]) == {"accuracy", "iqm by level"}
    looks = cl.statistics.looks(runs)
    assert looks["difference"].tolist() == pytest.approx(
        [mean - np.mean([right["random", s].mean() for s in range(3)])]
    )
    with pytest.raises(ValueError) as caught:
        cl.statistics.to_threshold(runs)
    assert str(caught.value).endswith(
        "has no test on the axis 'step': a curve needs two; give evaluate_every=, or another x"
    )
    with pytest.raises(ValueError) as caught:
        cl.figures.learning_curves(runs)
    assert str(caught.value) == (
        "no test of these runs has a number on the axis 'steps': nothing can be drawn over it; there are none"
    )


def test_runs_without_an_accuracy_say_what_they_logged(tmp_path):
    for variant in ("random", "sec"):
        log = [{"loss": 2.0, "eval_rewards/accuracy_reward/mean": 0.5, "step": 10}, {"loss": 1.0, "step": 20}]
        write_state(tmp_path / f"{variant}-0", log)
    runs = import_runs(str(tmp_path / "{variant}-{seed}"))
    for ask in (cl.compare, cl.statistics.aggregate, cl.figures.learning_curves):
        with pytest.raises(ValueError) as caught:
            ask(runs)
        assert str(caught.value) == (
            "the imported files hold no accuracy that is known by its name; map one, "
            "import_runs(..., columns={'accuracy': 'eval_rewards/accuracy_reward/mean'}); they logged "
            "eval_rewards/accuracy_reward/mean, loss"
        )
    named = import_runs(str(tmp_path / "{variant}-{seed}"), columns={"accuracy": "eval_rewards/accuracy_reward/mean"})
    assert named.items["correct"].tolist() == [0.5, 0.5]
    line = next(trace for trace in cl.figures.loss_curves(runs).data if trace.name == "sec")
    assert list(line.x) == [10, 20] and list(line.y) == [2.0, 1.0]


def test_a_figure_over_an_axis_that_was_not_recorded_is_refused_in_one_line(tmp_path):
    write_state(tmp_path / "random-0", trained((0.3, 0.5)))
    runs = import_runs(str(tmp_path / "{variant}-{seed}"))
    for draw in (cl.figures.learning_curves, cl.figures.loss_curves):
        with pytest.raises(ValueError) as caught:
            draw(runs, x="rollouts")
        assert str(caught.value).endswith(
            "has a number on the axis 'rollouts': nothing can be drawn over it; there are steps"
        )


def test_the_methods_paragraph_of_logs_says_only_what_they_tell(tmp_path):
    for variant, gain in (("random", 0.0), ("sec", 0.1)):
        for seed in range(3):
            write_state(tmp_path / f"{variant}-{seed}", trained((0.3, 0.5 + gain + seed / 50 * (1 + gain))))
    runs = import_runs(str(tmp_path / "{variant}-{seed}"))
    paragraph = cl.report.methods_paragraph(runs, cl.compare(runs))
    assert "same test rows" not in paragraph and "these test rows" not in paragraph
    assert (
        "Final accuracies were compared with random, paired by the seed that the files' names give; they are those "
        "that other programs logged of whole test sets, and whether these had the same rows was not recorded"
        in paragraph
    )
    exams(tmp_path / "rows")
    runs = import_runs(str(tmp_path / "rows" / "{variant}" / "seed{seed}"))
    assert "on the same test rows" in cl.report.methods_paragraph(runs, cl.compare(runs))
