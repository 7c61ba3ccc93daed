"""One number a run and test set: W&B's table of runs, and the results of lm-evaluation-harness."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import curriculab as cl
from curriculab.runs import import_runs

TABLE = """"Name","State","Notes","User","Tags","Created","Runtime","lr","sampler","seed","_step","loss","eval/accuracy"
"easy","finished","-","ann","","2026-11-01T10:00:00.000Z","1204","0.001","sorted","0","400","1.25","0.5"
"easy","finished","-","ann","","2026-11-01T11:00:00.000Z","1190","0.001","sorted","1","400","1.5","0.75"
"random","finished","-","ann","","2026-11-01T12:00:00.000Z","1201","0.001","auto","0","400","1.75","0.25"
"random","{state}","-","ann","","2026-11-01T13:00:00.000Z","800","0.001","","1","{step}","{loss}","0.5"
"""


def write_table(folder: Path, state: str = "finished", step: str = "400", loss: str = "2.0") -> Path:
    path = folder / "wandb_export_2026-11-02.csv"
    path.write_text(TABLE.format(state=state, step=step, loss=loss), encoding="utf-8")
    return path


def test_a_table_of_runs_gives_every_run_its_last_numbers(tmp_path):
    runs = import_runs(write_table(tmp_path))
    assert list(runs.seeds) == [0, 1] and set(runs.variants) == {"easy", "random"}
    items = runs.items.set_index(["variant", "seed"]).correct
    assert items.to_dict() == {("easy", 0): 0.5, ("easy", 1): 0.75, ("random", 0): 0.25, ("random", 1): 0.5}
    assert set(runs.items.step) == {400}
    losses = runs.metrics.set_index(["variant", "seed"])["loss"]
    assert losses["easy", 1] == 1.5
    found = cl.compare(runs).table
    assert found.loc["easy", "difference"] == pytest.approx((0.25 + 0.25) / 2)


def test_a_run_that_crashed_is_told(tmp_path):
    with pytest.warns(UserWarning, match="the run 'random' is crashed; its last numbers are taken as they are"):
        runs = import_runs(write_table(tmp_path, state="crashed", step="210"))
    last = runs.items.set_index(["variant", "seed"])
    assert last.step["random", 1] == 210


def test_a_loss_that_is_no_number_is_told(tmp_path):
    with pytest.warns(UserWarning, match="random, seed 1: loss is not a number at step 400"):
        import_runs(write_table(tmp_path, loss="NaN"))


def test_a_table_of_runs_needs_steps(tmp_path):
    path = write_table(tmp_path)
    path.write_text(path.read_text().replace('"_step"', '"tokens"'))
    with pytest.raises(
        ValueError, match="table of runs without their steps, expected a column such as _step"
    ) as refused:
        import_runs(path)
    assert "\n" not in str(refused.value)
    with pytest.raises(ValueError, match="the run 'random' has no _step, expected its last step; remove its line"):
        import_runs(write_table(tmp_path, step=""))


def write_results(folder: Path, results: dict, **more: object) -> Path:
    """As lm_eval 0.4 writes its table, names and order of keys included."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results_2026-11-20T10-00-00.123456.json"
    path.write_text(json.dumps({"results": results, "group_subtasks": {}, "n-shot": {}, **more}))
    return path


GSM = {
    "alias": "gsm8k",
    "exact_match,strict-match": 0.25,
    "exact_match_stderr,strict-match": 0.01,
    "exact_match,flexible-extract": 0.5,
    "exact_match_stderr,flexible-extract": 0.01,
}
ARC = {"alias": "arc", "acc,none": 0.75, "acc_stderr,none": 0.02}


def test_results_of_tasks_become_accuracies_of_whole_test_sets(tmp_path):
    for variant, share in (("easy", 0.75), ("random", 0.5)):
        for seed in (0, 1):
            write_results(tmp_path / f"{variant}-{seed}", {"gsm8k": GSM, "arc": {**ARC, "acc,none": share}})
    runs = import_runs(f"{tmp_path}/{{variant}}-{{seed}}", filter={"gsm8k": "strict-match"})
    assert runs.items.whole_set.all() and len(runs.items) == 8
    one = runs.items[(runs.items.variant == "easy") & (runs.items.seed == 1)].set_index("id").correct
    assert one.to_dict() == {"gsm8k": 0.25, "arc": 0.75}
    found = cl.compare(runs)
    assert found.table.loc["easy", "difference"] == pytest.approx((0 + 0.25) / 2)


def test_a_group_of_tasks_that_stand_there_is_left_out(tmp_path):
    path = write_results(
        tmp_path,
        {"mmlu": {"alias": "mmlu", "acc,none": 0.5}, "a": ARC, "b": {**ARC, "acc,none": 0.25}},
        group_subtasks={"mmlu": ["a", "b"], "a": [], "b": []},
    )
    items = import_runs(path, variant="random").items
    assert dict(zip(items.id, items.correct, strict=True)) == {"a": 0.75, "b": 0.25}


def test_several_metrics_have_to_be_chosen(tmp_path):
    path = write_results(tmp_path, {"gsm8k": GSM})
    with pytest.raises(ValueError, match=r"task 'gsm8k': found the metrics exact_match,strict-match, exact_match,flex"):
        import_runs(path)
    chosen = import_runs(path, metric="exact_match,flexible-extract", variant="random")
    assert chosen.items.correct.tolist() == [0.5]
    with pytest.raises(ValueError, match="expected one that fits metric='acc'"):
        import_runs(path, metric="acc")


@pytest.mark.parametrize("text", ["{", "[]", '{"results": {}}', '{"results": {"a": {"acc,none": "N/A"}}}'])
def test_what_is_no_table_of_results_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "results_x.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="results_x.json") as refused:
        import_runs(path)
    assert "\n" not in str(refused.value)
