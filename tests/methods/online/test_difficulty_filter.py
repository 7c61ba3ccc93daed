"""The difficulty filter: its band, its rounds, and what it charges."""

from __future__ import annotations

import re

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.budget import Budget
from curriculab.bench.simulate import simulate
from curriculab.methods.online import difficulty_filter
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Run, Sample, Train
from curriculab.simulation.pools import planted
from curriculab.simulation.student import Student
from tests.methods.made import numbered, sampled, trained

TWO = numbered([1, 1, 1, 2, 2, 2])


@pytest.mark.parametrize(
    ("inclusive", "kept"), [("both", [1, 2, 3, 4]), ("neither", [2, 3])]
)  # of 5 answers, the band [.2, .8]: 1/5 and 4/5 are its ends
def test_the_band_holds_its_ends_or_not(inclusive, kept):
    out = sampled(numbered(range(6)), 5, range(6))
    group, inside = difficulty_filter.in_band(out, 0.2, 0.8, inclusive)
    assert out[np.isin(group, inside)].level.unique().tolist() == kept


def test_the_filter_asks_until_the_batch_is_full_and_drops_the_surplus():
    pool = numbered(range(20))
    made = methods.difficulty_filter(pool, Run(0, batch=4, rollouts=8))
    request, asked = next(made), []
    for right in ([0, 8, 4, 8], [8, 3, 0, 0], [4, 5, 6, 0]):  # 1, then 1, then 3 in the band: one too many
        assert isinstance(request, Sample) and request.n == 8 and request.purpose == "answer"
        asked.append(request.rows.index)
        request = made.send(sampled(request.rows, 8, right))
    assert isinstance(request, Train) and request.note == {"accepted": 5 / 12, "asked": 12}
    ids = list(dict.fromkeys(request.rows.index))
    assert ids == [asked[0][2], asked[1][1], asked[2][0], asked[2][1]] and len(request.rows) == 32
    assert len(set(np.concatenate(asked))) == 12  # refilled from the queue
    following = made.send(trained(request.rows))
    assert isinstance(following, Sample) and asked[2][2] not in following.rows.index


def test_the_filter_trains_what_there_is_after_its_last_round():
    made = methods.difficulty_filter(numbered(range(20)), Run(0, batch=4, rollouts=8), rounds=2, oversample=1.5)
    request = next(made)
    assert len(request.rows) == 6
    made.send(sampled(request.rows, 8, 0))
    request = made.send(sampled(request.rows, 8, [4, 0, 0, 0, 0, 8]))
    assert isinstance(request, Train) and len(request.rows) == 8 and request.note["accepted"] == 1 / 12


def test_the_filter_trains_nothing_where_nothing_passes_and_still_ends():
    pool = numbered(range(20))
    how = dict(steps=5, batch_size=4, objective=Grpo(), learner=Student(start=-50.0))
    with pytest.warns(UserWarning, match="nothing was trained"):
        runs = simulate(methods.difficulty_filter, pool, **how)
    why = (
        "failed: nothing was trained (ceiling on total tokens, at 0 of 5 steps); "
        "measure less, drop fewer rows, or give a larger budget"
    )
    assert runs.failed == {("difficulty_filter", 0): why} and len(runs.metrics) == 0


def test_rejected_answers_are_charged():
    pool, student = planted({"medium": 0.5, "mastered": 1 - 1e-9})
    runs = simulate(
        methods.difficulty_filter, pool, budget=Budget(rollouts=800), batch_size=4, objective=Grpo(), learner=student
    )
    assert runs.ledger.rollouts.sum() >= 800 and (runs.metrics["rows"] == 32).all()
    assert runs.ledger.rollouts.sum() > 1.5 * runs.metrics["rows"].sum()
    groups = runs.groups.set_index("id")
    assert (groups.loc[groups.index.str.contains("mastered"), "trained"] == 0).all()
    assert (runs.metrics.signal == 1.0).all()


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"low": 0.9}, "low=0.9, high=0.8: no pass rate lies between; give low <= high"),
        ({"inclusive": "left"}, "inclusive='left' is unknown; give 'both' or 'neither'"),
    ],
)
def test_knobs_that_mean_nothing(knobs, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        next(methods.difficulty_filter(TWO, Run(0, batch=4), **knobs))
