"""Light-IF: bands, the cold start's tokens, rewards and stages, by hand."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab import methods
from curriculab.methods.reward.light_if import chosen, worth
from curriculab.protocol import Run, Sample, Score, Train
from tests.methods.made import answered, asked_by, make

RULES = json.dumps([{"rule": "words", "n": 2}, {"rule": "has", "part": "k"}])


def test_an_answer_is_worth_the_share_of_its_rules():
    out = pd.DataFrame({"text": ["luko biti", "luko", "biti", "7"], "correct": [0.0, 0.0, np.nan, 1.0]})
    assert worth(out.assign(metadata=[RULES, RULES, RULES, None])).tolist() == [1.0, 0.5, 0.0, 1.0]
    assert worth(out).tolist() == [0.0, 0.0, 0.0, 1.0]  # without rules: what the verifier says


def test_the_cold_start_keeps_the_tokens_with_the_largest_gap():
    """CE - 0.5 H: -1.0, 0.6, 2.0 and 0.5, 0.9; three of five are kept."""
    nll = [np.array([2.0, 0.6, 2.5]), np.array([1.0, 0.9])]
    entropy = [np.array([6.0, 0.0, 1.0]), np.array([1.0, 0.0])]
    found = chosen(pd.DataFrame({"nll": nll, "entropy": entropy}), keep=0.6, discount=0.5)
    assert [one.tolist() for one in found] == [[0.0, 1.0, 1.0], [0.0, 1.0]]
    nothing = chosen(pd.DataFrame({"nll": nll, "entropy": entropy}), keep=1.0, discount=0.5)
    assert np.concatenate(nothing).tolist() == [1.0] * 5


def begun(rewards, **knobs):
    """The method after its probes, which were rewarded so, one list a row."""
    method = methods.light_if(make([1] * len(rewards)), Run(0, batch=2, rollouts=2), probes=4, **knobs)
    probe = next(method)
    assert isinstance(probe, Sample) and probe.n == 4 and probe.purpose == "probe"
    return method, method.send(answered(probe.rows, rewards))


PASS, EASY, HARD = [1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]  # .75, .25 and 0 of four answers


def test_the_cold_start_learns_right_answers_to_pass_rows():
    method, request = begun([PASS, EASY, HARD, [0.5, 0.5, 0.5, 0.5]])
    assert isinstance(request, Score) and request.per == "token" and set(request.rows.index) == {"a"}
    assert (request.rows.correct == 1).all()
    read = request.rows[[]].assign(nll=[np.array([1.0, 3.0])] * 2, entropy=[np.array([0.0, 0.0])] * 2)
    request = method.send(read)
    assert isinstance(request, Train) and request.objective == "sft"
    assert np.concatenate(request.rows.token_weight.tolist()).tolist() == [1.0, 1.0, 1.0, 1.0]  # ceil(.8 * 4)


def test_easy_rows_come_before_hard_ones():
    """Rows a and b are met by a quarter of the answers or more, the others by none."""
    pool = make([1] * 4, topic=list("wxyz"))
    student = cl.simulation.Student(start=0.0, varies=0.0, spread=0.0, rate=0.0)
    seen, runs = asked_by(methods.light_if, pool, 8, student=student, hard=0.0, warm=0.0)
    assert runs.failed == {} and runs.metrics.stage.tolist() == [1, 1, 1, 1, 2, 2, 2, 2]
    method, request = begun([EASY, EASY, HARD, HARD], warm=0.0)
    assert set(request.rows.index) == {"a", "b"}


@pytest.mark.parametrize(
    ("rewards", "due"),
    [([PASS] * 4 + [EASY, EASY, HARD], {"e", "f"}), ([PASS, HARD, HARD, PASS], {"a", "d"}), ([HARD, HARD], {"a", "b"})],
)
def test_the_first_stage_has_pass_rows_only_where_none_is_easy(rewards, due):
    _, request = begun(rewards, warm=0.0)
    assert set(request.rows.index) == due


def test_no_cold_start_without_a_row_that_passes():
    _, request = begun([EASY, HARD])
    assert isinstance(request, Sample) and request.purpose == "answer"


@pytest.mark.parametrize(("dense", "due"), [(True, [1.0, 0.5]), (False, [1.0, 0.0])])
def test_rewards_by_rules_or_by_all_of_them(dense, due):
    method, request = begun([EASY, EASY], dense=dense, warm=0.0)
    out = answered(request.rows, [[1.0, 0.5], [1.0, 0.5]])
    request = method.send(out.assign(text=["luko biti", "biti a"] * 2, metadata=RULES))
    assert request.rows.reward.tolist() == due * 2
    assert request.note["met"] == 0.75 and request.note["all_met"] == 0.5 and request.note["stage"] == 1


def test_each_stage_has_its_length():
    method, request = begun([EASY, EASY], warm=0.0, lengths=(8, 16))
    assert request.max_completion_length == 8
