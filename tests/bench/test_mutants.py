"""Trying planted errors: each in a process of its own, who sees it, and what the command says."""

from __future__ import annotations

import hashlib
import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest

from curriculab import methods
from curriculab.bench import mutants, planted
from curriculab.bench.checking import main
from curriculab.bench.mutants import failures, job_of, run, run_jobs, summary
from curriculab.bench.planted import Planted

MIRRORED = "lambda x: x.min() + x.max() - x"
SAME = Planted("reversed_score", "same", "scores are mirrored", MIRRORED, "lambda x: x")
QUIET = replace(SAME, id="quiet", new="lambda x: x.max() - x + x.min()")


def found(*errors: Planted) -> dict[str, dict]:
    return {job.error.id: result for job, result in run_jobs([job_of(error) for error in errors], 1)}


@pytest.fixture
def no_tests(monkeypatch):
    """As if the method had no tests of its own, which are tried before its check."""
    monkeypatch.setattr(mutants, "files_of_tests", lambda error: [])


@pytest.mark.slow
def test_an_error_is_seen_by_the_check_or_by_nobody_and_touches_no_file(no_tests):
    path = Path(methods.reversed_score.__code__.co_filename)
    before = hashlib.sha256(path.read_bytes()).hexdigest(), sorted(path.parent.rglob("reversed_score*"))
    seen = found(SAME, QUIET)
    assert seen["same"]["by"] == "check" and seen["same"]["what"].startswith("rank_correlation 0.9")
    assert seen["quiet"]["by"] == "nobody" and seen["quiet"]["requests"] == [61, 61]
    assert (hashlib.sha256(path.read_bytes()).hexdigest(), sorted(path.parent.rglob("reversed_score*"))) == before


@pytest.mark.slow
def test_an_error_that_only_a_test_sees_is_told_with_the_test():
    error = Planted(
        "baby_steps", "buckets", "one bucket a value", "np.diff(score[order])) + 1)", "np.diff(score[order])))"
    )
    (seen,) = found(replace(error, knobs={"buckets": None})).values()
    assert seen["by"] == "test" and seen["what"].startswith("tests/methods/order/test_baby_steps.py::test_")


@pytest.mark.slow
def test_an_error_that_stops_the_method_or_makes_it_ask_for_less_does_not_count():
    fails = replace(SAME, id="fails", new="lambda x: x / x[:0]")
    less = Planted("superloss", "less", "a forward", '(yield Score(rows, "nll"))["nll"]', 'rows["level"]')
    seen = found(fails, less)
    assert {result["by"] for result in seen.values()} == {"does not count"}
    assert seen["fails"]["what"].startswith("RuntimeError: the run failed: ")
    assert seen["less"]["what"] == "61 requests instead of 121"
    (seen,) = found(replace(less, fewer="it reads nothing")).values()
    assert seen["by"] in ("check", "test") and seen["requests"] == [121, 61]


def test_an_error_is_tried_again_with_what_saw_it():
    job = job_of(SAME, {"by": "check", "what": "rank_correlation 0.98"})
    assert all(job.held) and job.tests == () and job.before is None
    path = "tests/methods/order/test_reversed_score.py"
    own = "test_the_range_of_the_scores_stays"
    for name, found in ((f"{own}[1]", f"{path}::{own}"), ("test_of_another_time", path)):
        job = job_of(SAME, {"by": "test", "what": f"{path}::{name}"})
        assert job.tests == [found] and not any(job.held)


def test_the_summary_names_what_nobody_saw():
    tried = {
        "a/1": {"by": "check", "what": "gain 0"},
        "a/2": {"by": "test", "what": "test_a"},
        "b/1": {"by": "nobody", "what": ""},
        "b/2": {"by": "nobody", "what": "the same draws"},
        "c/1": {"by": "does not count", "what": "59 requests instead of 60"},
    }
    assert failures(tried, {"b/2"}) == ["b/1", "c/1"]
    assert summary(tried, {"b/2"}).splitlines() == [
        "5 planted errors: 1 seen by the check, 1 by a test",
        "  not seen: b/1: ",
        "  not seen: b/2 (excused): the same draws",
        "  do not count: c/1: 59 requests instead of 60",
    ]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(planted, "PLANTED", tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_command_goes_on_where_it_was_and_fails_where_nobody_saw_an_error(folder, capsys, no_tests):
    shown = {"id": "same", "breaks": SAME.breaks, "old": SAME.old, "new": SAME.new}
    quiet = shown | {"id": "quiet", "new": QUIET.new}
    (folder / "reversed_score.json").write_text(json.dumps([shown]))
    assert main(["mutants", "reversed_score"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.split()[:2] == ["reversed_score/same", "check"]
    assert last == "1 planted errors: 1 seen by the check, 0 by a test"
    (folder / "reversed_score.json").write_text(json.dumps([shown, quiet]))
    assert main(["mutants", "reversed_score"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["reversed_score/quiet", "nobody"]  # the other is known from before
    assert lines[1:] == ["2 planted errors: 1 seen by the check, 0 by a test", "  not seen: reversed_score/quiet: "]
    assert main(["mutants", "reversed_score", "--one"]) == 0
    assert capsys.readouterr().out.split()[:2] == ["reversed_score/same", "check"]
    (folder / "reversed_score.json").write_text(json.dumps([quiet | {"survives": "the same scores"}]))
    assert main(["mutants", "reversed_score"]) == 0


def test_what_cannot_be_tried_says_so(folder, capsys, monkeypatch):
    assert main(["mutants", "random_order"]) == 2
    said = capsys.readouterr().err
    assert said == "no method 'random_order' claims anything; give all, or the name of one that does\n"
    monkeypatch.setattr(planted, "PLANTED", planted.ROOT / "tests" / "nowhere")
    assert run(Namespace(name="all")) == 2
    assert capsys.readouterr().err == "no planted errors here: they stand in tests/nowhere of a checkout\n"
