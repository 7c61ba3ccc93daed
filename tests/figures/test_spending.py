"""Waste shows what reinforcement spent."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from curriculab import figures
from curriculab.runs import Runs


def test_waste_shows_shares_that_add_up(online: Runs):
    figure = figures.waste(online)
    assert [t.name for t in figure.data] == [
        "taught something",
        "no signal: all advantages 0",
        "asked to measure difficulty",
    ]
    assert np.sum([t.x for t in figure.data], axis=0) == pytest.approx([1, 1])
    taught, silent, probed = (list(t.x) for t in figure.data)
    assert (taught, silent, probed) == (pytest.approx([0, 0.8]), pytest.approx([0.8, 0]), pytest.approx([0.2, 0.2]))
    assert figure.layout.yaxis.ticktext == ("random<br>200 tokens", "sec<br>200 tokens")


@pytest.mark.parametrize(
    ("message", "call"),
    [
        (
            "no waste to show: nothing was sampled (runs.groups is empty); it is of reinforcement runs",
            lambda runs: figures.waste(Runs(())),
        ),
    ],
)
def test_what_was_not_noted_is_said(online: Runs, message: str, call: Callable):
    with pytest.raises(ValueError) as error:
        call(online)
    assert str(error.value) == message
