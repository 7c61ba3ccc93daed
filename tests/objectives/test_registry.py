"""Objectives by name."""

from __future__ import annotations

import pytest

import curriculab as cl
from curriculab.objectives.registry import OBJECTIVES, as_objective


def test_pair_is_not_public_until_it_trains():
    assert not hasattr(cl, "Pair") and "pair" not in OBJECTIVES
    with pytest.raises(ValueError, match="objective='pair'; choose among grpo, sft, or give a setting"):
        as_objective("pair")
