"""Dynamic sampling: the groups that it keeps."""

from __future__ import annotations

from curriculab import methods
from curriculab.protocol import Run, Train
from tests.methods.made import numbered, sampled


def test_dynamic_sampling_keeps_groups_that_disagree():
    made = methods.dynamic_sampling(numbered(range(30)), Run(0, batch=4, rollouts=8))
    request = next(made)
    assert len(request.rows) == 12  # three batches
    request = made.send(sampled(request.rows, 8, [0, 8, 1, 7, 8, 4, 0, 0, 0, 0, 2, 3]))
    assert isinstance(request, Train)
    assert request.rows.groupby("group", sort=False).reward.sum().tolist() == [1, 7, 4, 2]


def test_asking_goes_on_until_the_batch_is_full():
    made = methods.dynamic_sampling(numbered(range(60)), Run(0, batch=4, rollouts=8))
    request, asked = next(made), 0
    while not isinstance(request, Train):
        asked += 1
        request = made.send(sampled(request.rows, 8, [8, 0, 3, *[8] * 9]))  # one group of twelve disagrees
    assert asked == 4 and request.rows.group.nunique() == 4
    assert request.note == {"accepted": 4 / 48, "asked": 48}
