"""Weights for the difference of the decode from the forward, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from curriculab.objectives.importance import Importance

HALF, TWICE, FOURFOLD = -math.log(2), math.log(2), math.log(4)

# Two answers: of the first the second token weighs twice, the third is not known; of the second 4 and 1/2.
GAP = torch.tensor([0.0, TWICE, math.nan, FOURFOLD, HALF], dtype=torch.float64)
ANSWER = torch.tensor([3.0, 3.0, 3.0, 7.0, 7.0])


@pytest.mark.parametrize(
    ("mode", "bounds", "expected"),
    [
        ("token_truncate", (None, None), [1, 2, 1, 4, 0.5]),
        ("token_truncate", (None, 3.0), [1, 2, 1, 3, 0.5]),
        ("token_truncate", (0.75, 3.0), [1, 2, 1, 3, 0.75]),
        ("token_mask", (None, 3.0), [1, 2, 1, 0, 0.5]),
        ("token_mask", (0.75, None), [1, 2, 1, 4, 0]),
        ("sequence_truncate", (None, 1.5), [1.5, 1.5, 1.5, 1.5, 1.5]),
        ("sequence_truncate", (None, 3.0), [2, 2, 2, 2, 2]),  # 1 x 2, and 4 x 1/2
        ("sequence_mask", (None, 1.5), [0, 0, 0, 0, 0]),
        ("sequence_mask", (None, 3.0), [2, 2, 2, 2, 2]),
    ],
)
def test_each_mode_by_hand(mode, bounds, expected):
    found = Importance(mode, *bounds)(torch, GAP, ANSWER)
    assert found.tolist() == pytest.approx(expected)


def test_answers_of_the_same_number_apart_are_not_one():
    found = Importance("sequence_truncate")(torch, GAP[[1, 3]], torch.tensor([0.0, 1.0]))
    assert found.tolist() == pytest.approx([2, 4])
