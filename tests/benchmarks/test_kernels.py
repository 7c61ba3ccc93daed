"""Kernels are counted as PyTorch starts them, and the counts of this package hold what they should."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import kernels
from curriculab.engine.route import forced
from curriculab.engine.training import train_steps
from curriculab.objectives.sft import Sft

# With adapters one after the other, in the packing of 2026-11-29: 28 layers, one adapter.
TRAINING_ONE_BY_ONE, DECODING_ONE_BY_ONE = 5916, 2402
MOST = 1.3  # times the kernels of one adapter that eight may take


@pytest.fixture(scope="module")
def counts() -> dict[str, float]:
    figures = list(kernels.run(say=lambda text: None))
    assert all(figure["unit"] == "kernels" and figure["ratio"] is figure["peer"] is None for figure in figures)
    return {figure["name"].removeprefix("kernels_"): figure["ours"] for figure in figures}


@pytest.mark.slow
def test_eight_adapters_start_hardly_more_kernels_than_one(counts: dict[str, float]) -> None:
    assert counts["training_one"] <= TRAINING_ONE_BY_ONE and counts["decoding_one"] <= DECODING_ONE_BY_ONE
    assert counts["training_eight"] <= MOST * counts["training_one"]
    assert counts["decoding_eight"] <= MOST * counts["decoding_one"]


@pytest.mark.slow
def test_one_by_one_they_start_many_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is counted is what the engine does: on the way of a CPU, eight adapters cost several times one's."""
    model = kernels.deep(2)
    monkeypatch.setattr(kernels, "forced", lambda batched: forced(batched=False))
    assert kernels.training(model, 8) > 3 * kernels.training(model, 1)


@pytest.mark.slow
def test_rows_of_unlike_lengths_cost_hardly_more() -> None:
    """Eight adapters whose rows have lengths of their own against the mean of each alone, of layers only."""
    tables = []
    for seed in range(8):
        words = np.random.default_rng(seed).integers(1, 30, 2)
        rows = {"prompt": ["word " * int(n) for n in words], "answer": ["a few words of answer"] * 2}
        tables.append(pd.DataFrame(rows, index=["first", "second"]))

    def count(layers: int, which: range) -> int:
        model = kernels.deep(layers)
        own, settings = [model.adapter(i) for i in which], [Sft()] * len(which)
        return kernels.counted(lambda: train_steps(model, own, [tables[i] for i in which], settings))

    alone = np.mean([count(3, range(i, i + 1)) - count(2, range(i, i + 1)) for i in range(8)])
    assert count(3, range(8)) - count(2, range(8)) <= MOST * alone


def test_products_count_and_views_do_not() -> None:
    x, w = torch.ones(2, 3), torch.ones(4, 3)
    with kernels.Kernels() as found:
        (x @ w.T).view(-1).add_(1).narrow(0, 0, 2)
    assert dict(found.counts) == {"mm": 1, "add_": 1} and found.total == 2


def test_what_is_set_up_once_is_not_counted() -> None:
    made: list[torch.Tensor] = []

    def run() -> None:
        if not made:
            made.append(torch.zeros(3))
        made[0].add_(1)

    assert kernels.counted(run) == 1
