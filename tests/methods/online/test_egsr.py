"""EGSR: its hints, and guided answers in place of failures."""

from __future__ import annotations

from functools import partial

import pandas as pd
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.methods.online.egsr import HINTS, hinted, put
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Sample, Train
from curriculab.simulation.pools import planted
from tests.methods.made import answered, asked_by, make


def test_put_replaces_failures_one_for_one_and_never_the_last():
    out = answered(make([1, 1]), [[0, 0, 0], [1, 0, 0]], first=7)
    right = answered(make([1]), [[1, 1, 1]]).assign(failed=7, text=["x", "y", "z"])
    one, three = put(out, right.iloc[:1]), put(out, right)
    assert one.text.tolist() == ["x", "1", "2", "3", "4", "5"] and one.reward.tolist() == [1, 0, 0, 1, 0, 0]
    assert three.text.tolist() == ["x", "y", "2", "3", "4", "5"] and three.group.tolist() == [7, 7, 7, 8, 8, 8]
    assert one.turns.iloc[0][0] is right.turns.iloc[0][0] and one.prompt.tolist() == ["q"] * 6
    fresh = Grpo().advantages(one.drop(columns="advantage"))
    assert fresh[:3].tolist() == pytest.approx([2 / 3**0.5, -1 / 3**0.5, -1 / 3**0.5], abs=1e-3)
    pd.testing.assert_frame_equal(put(out, right.iloc[:0]), out)


def test_what_is_known_of_a_rewrite_goes_with_it():
    out = answered(make([1]), [[0, 0, 0]], first=7)
    new = dict(failed=7, text="x", length=9, ended="length", logprob=-3.0, entropy=0.25)
    moved = put(out, answered(make([1]), [[1]]).assign(**new))
    first = moved[["text", "reward", "correct", "length", "ended", "logprob", "entropy"]].iloc[0]
    assert first.tolist() == ["x", 1.0, 1.0, 9, "length", -3.0, 0.25]
    assert moved.correct.tolist() == [1, 0, 0] and moved.length.tolist() == [9, 1, 1]


def test_hints_show_the_solution_where_there_is_one():
    rows = make([1, 1], solution=["1 = 1 {x}", None])
    solution, answer = hinted(rows, "solution")
    assert solution == HINTS["solution"].format(prompt="q", solution="1 = 1 {x}")
    assert answer == HINTS["answer"].format(prompt="q", answer="1") == hinted(rows, "answer")[0]
    assert hinted(rows, "solution", "{answer}<{prompt}") == ["1<q", "1<q"]


def test_egsr_asks_only_for_failed_groups_and_trains_bare_prompts():
    pool, student = planted({"easy": 0.999, "hard": 0.001}, rows=10)
    seen, runs = asked_by(methods.egsr, pool, 10, student=student, batch_size=10)
    helped = [r for r in seen if isinstance(r, Sample) and r.purpose == "guided"]
    assert all(set(r.rows.topic) == {"hard"} and r.n == 2 for r in helped)
    trained = pd.concat([r.rows for r in seen if isinstance(r, Train)])
    assert (trained.prompt == pool.prompt[trained.index]).all() and "failed" not in trained
    saved = trained[(trained.topic == "hard") & (trained.correct > 0)]
    assert len(saved) and set(saved.text) == {"yes"} and (saved.reward == 1).all()
    assert runs.metrics["all wrong"].mean() == pytest.approx(0.5, abs=0.1)
    assert 0 < runs.metrics.rescued.mean() < runs.metrics["all wrong"].mean()
    guided = runs.ledger[runs.ledger.purpose == "guided"]
    assert guided.rollouts.sum() == sum(2 * len(r.rows) for r in helped)  # a rescue is never free


POOL = make([1, 2, 3, 4])


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"guide": "teacher"}, "guide='teacher' is unknown; give 'answer' or 'solution'"),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(partial(methods.egsr, **knobs), POOL, steps=3, batch_size=2, name="v", objective="grpo")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
