"""The thinking boundary: targets, gains, gaps and their intervals, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.methods.analysis.thinking_boundary import boundary, over_seeds, right, set_apart, target
from curriculab.objectives import Sft
from curriculab.protocol import Clock, Run, Sample, Train, Use
from tests.methods.made import make


def test_each_row_is_trained_under_both_prompts_and_what_is_measured_is_not():
    pool = make([1] * 10, topic=["x"] * 5 + ["y"] * 5).assign(answer="7", solution="3+4\n#### 7")
    pool["prompt"] = list(pool.index)
    clock = Clock()
    made = methods.thinking_boundary(pool, Run(0, batch=6, clock=clock), measured=0.4)
    assert set(next(made).solvers) == {"cot", "direct"}
    asked = []
    request = made.send(None)
    while isinstance(request, Sample):
        assert request.temperature == 0.0 and request.purpose == "probe"
        asked.append(request.rows)
        request = made.send(request.rows.assign(text="7"))
    assert [rows["prompt"].iloc[0].split("\n")[1] for rows in asked] == ["Think step by step.", "Answer directly."]
    assert list(asked[0].index) == list(asked[1].index) and len(asked[0]) == 4
    assert isinstance(request, Train) and request.objective == Sft(average="rows")
    ids = list(request.rows.index)
    assert ids[:3] == ids[3:] and not set(ids) & set(asked[0].index)
    said = ["".join(piece.text for piece in turns) for turns in request.rows["turns"]]
    assert said == ["3+4\n#### 7"] * 3 + ["7"] * 3
    ends = [prompt.split("\n")[1] for prompt in request.rows["prompt"]]
    assert ends == ["Think step by step."] * 3 + ["Answer directly."] * 3


def test_one_of_the_two_alone_fills_the_batch():
    pool = make([1] * 4).assign(solution="1")
    made = methods.thinking_boundary(pool, Run(0, batch=2), kind="direct", lr=0.01)
    request = next(made)
    while not isinstance(request, Train):
        request = made.send(None if isinstance(request, Use) else request.rows.assign(text="1"))
    assert len(request.rows) == 2 and request.objective == Sft(average="rows", learning_rate=0.01)
    assert request.rows["prompt"].str.endswith("Answer directly.").all()


def test_targets_are_learned_under_their_own_prompts():
    rows = make([1]).assign(prompt="q", answer="7")
    cot = target(rows, pd.Series({"a": "x\n7"}), "cot")
    assert cot["prompt"].tolist() == ["q\nThink step by step."]
    assert [piece.text for piece in cot["turns"].iloc[0]] == ["x\n", "7"]
    assert target(rows, pd.Series({"a": "x\n7"}), "direct")["prompt"].tolist() == ["q\nAnswer directly."]


def test_gains_and_gaps_of_a_task():
    task = np.array(["x", "x", "y", "y"], object)
    before = {"cot": np.array([0, 0, 1, 1.0]), "direct": np.array([0, 1, 0, 0.0])}
    after = {"cot": np.array([1, 1, 1, 1.0]), "direct": np.array([0, 0, 1, 1.0])}
    found = boundary(task, before, after, np.random.default_rng(0)).set_index("task")
    assert found["gain_cot"].tolist() == [1.0, 0.0] and found["gain_direct"].tolist() == [-0.5, 1.0]
    assert found["gap"].tolist() == [1.0, 0.0] and found["rows"].tolist() == [2, 2]
    assert found["gap_low"].tolist() == [1.0, 0.0] == found["gap_high"].tolist()
    assert found["inside"].tolist() == [True, False]
    lone = boundary(task, after, after, np.random.default_rng(0)).set_index("task")
    assert lone.loc["x", "gap"] == 1.0 and not lone.loc["x", "inside"]  # a gap, and nothing gained


def test_an_interval_is_as_wide_as_resampled_rows_make_it():
    """100 gaps, half of them 1: the standard error is 0.05."""
    task, ones = np.array(["x"] * 100, object), np.tile([0.0, 1.0], 50)
    nothing = {"cot": np.zeros(100), "direct": np.zeros(100)}
    found = boundary(task, nothing, {"cot": ones, "direct": np.zeros(100)}, np.random.default_rng(0)).iloc[0]
    assert found["gap_low"] == pytest.approx(0.4, abs=0.03) and found["gap_high"] == pytest.approx(0.6, abs=0.03)


def test_the_interval_over_seeds_is_narrower():
    """Standard errors of .1 in two seeds: sqrt(.02) / 2 = .0707 of their mean."""
    found = pd.DataFrame({"task": ["x", "x"], "gap": [0.4, 0.6], "gap_low": [0.204, 0.404], "gap_high": [0.596, 0.796]})
    assert over_seeds(found)["x"] == pytest.approx(0.5 - 1.96 * 0.0707, abs=1e-3)


def test_answers_are_read_from_the_end_of_a_text():
    rows = make([1, 1]).assign(answer=["7", "8"])
    asking = right(rows, "cot")
    request = next(asking)
    with pytest.raises(StopIteration) as stop:
        asking.send(request.rows.assign(text=["3+4=8\n#### 7", "8\n7"]))
    assert stop.value.value.tolist() == [1.0, 0.0]


def test_some_of_every_task_is_set_apart():
    task = np.array(["x"] * 10 + ["y"], object)
    apart = set_apart(task, 0.3, np.random.default_rng(0))
    assert apart[:10].sum() == 3 and apart[10]


def test_a_kind_and_a_column_that_are_none_are_refused():
    with pytest.raises(ValueError, match="^kind='both' is unknown; give one of 'dual', 'cot', 'direct'$"):
        next(methods.thinking_boundary(make([1]), Run(0, batch=1), kind="both"))
    with pytest.raises(ValueError, match="^by='task' is no column of the pool; it has prompt, answer, topic, level$"):
        next(methods.thinking_boundary(make([1]), Run(0, batch=1), by="task"))


def test_answers_are_judged_by_the_options_of_their_row():
    rows = make([1, 1]).assign(answer=["x", "y"], task="choice", options=[["z", "x"], ["z", "y"]])
    asking = right(rows, "cot")
    request = next(asking)
    with pytest.raises(StopIteration) as stop:
        asking.send(request.rows.assign(text=["first this\n#### B", "#### A"]))
    assert stop.value.value.tolist() == [1.0, 0.0]
