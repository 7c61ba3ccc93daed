"""Dynamic sampling: the groups that it keeps."""

from __future__ import annotations

import re

import pytest

from curriculab import methods
from curriculab.protocol import Run, Train
from tests.methods.made import numbered, sampled

TWO = numbered([1, 1, 1, 2, 2, 2])


def test_dynamic_sampling_keeps_groups_that_disagree():
    made = methods.dynamic_sampling(numbered(range(30)), Run(0, batch=4, rollouts=8))
    request = next(made)
    assert len(request.rows) == 12  # three batches
    request = made.send(sampled(request.rows, 8, [0, 8, 1, 7, 8, 4, 0, 0, 0, 0, 2, 3]))
    assert isinstance(request, Train)
    assert request.rows.groupby("group", sort=False).reward.sum().tolist() == [1, 7, 4, 2]


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        (
            {"rounds": 0},
            "rounds=0, oversample=3.0 ask nothing; give at least 1 round and more than 0",
        ),
    ],
)
def test_knobs_that_mean_nothing(knobs, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        next(methods.dynamic_sampling(TWO, Run(0, batch=4), **knobs))
