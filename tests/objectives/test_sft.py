"""Supervised training: its settings, and weights worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

import curriculab as cl
from curriculab.objectives.objective import LearnedTokens
from curriculab.objectives.sft import Sft
from tests.objectives.made import COUNTS, rows


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        (dict(lr=float("nan")), "Sft(learning_rate=nan); give a number from 0 to 10"),
        (dict(lr="1e-3"), "Sft(learning_rate='1e-3'); give a number from 0 to 10"),
        (dict(lr=1e6), "Sft(learning_rate=1000000.0); give a number from 0 to 10"),
        (dict(max_grad_norm=float("inf")), "Sft(max_grad_norm=inf); give a number of at least 0"),
        (dict(weight_decay=-0.1), "Sft(weight_decay=-0.1); give a number of at least 0"),
    ],
)
def test_settings_that_cannot_end_well_are_refused(setting, line):
    with pytest.raises(ValueError) as caught:
        cl.Sft(**setting)
    assert str(caught.value) == line


def test_weights_by_hand():
    table = rows().assign(weight=[1.0, 2.0, 0.0], token_weight=[None, [1.0, 0.0, 2.0], None])
    found = Sft().terms(table, LearnedTokens(COUNTS)).tokens["weight"]
    assert np.allclose(np.concatenate(found), np.array([1, 1, 2, 0, 4, 0]) / 6)
    found = Sft(average="rows").terms(table, LearnedTokens(COUNTS)).tokens["weight"]
    assert np.allclose(np.concatenate(found), [1 / 6, 1 / 6, 2 / 9, 0, 4 / 9, 0])
