"""Tasks of Reasoning Gym, and what is said without the package."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from curriculab.data.loading import load_pool
from tests.data.written import message


def test_gym_says_how_to_install_what_it_needs(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)  # makes its import fail
    assert message("gym:chain_sum") == (
        "gym:chain_sum needs the package reasoning-gym: pip install 'curriculab[gym]' (one of its dependencies has no "
        "wheel and needs a C compiler)"
    )


@pytest.mark.needs("reasoning-gym")
def test_gym_tasks_load(here: Path) -> None:
    rows = [load_pool("gym:chain_sum", n=50, seed=seed, min_digits=4) for seed in (0, 1)]
    assert not set(rows[0]["prompt"]) & set(rows[1]["prompt"])
    text = message("gym:chain_summ")
    assert text.startswith("unknown task 'chain_summ' in 'gym:chain_summ'; did you mean 'chain_sum'? known are ab, ")
