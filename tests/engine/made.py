"""Answers, an adapter and the gradient of a step by reinforcement."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from curriculab.engine.generation import Prompt, write
from curriculab.engine.texts import context_hash
from curriculab.engine.training import train_steps
from curriculab.protocol import Piece


def completed(model, pool, *, old: bool, seed: int = 0, sampled_by: int | None = None) -> pd.DataFrame:
    """Three groups of four answers of 1 to 12 tokens; `old`: with log-probabilities that are not the model's;
    sampled_by: the weights that are said to have sampled them."""
    rng = np.random.default_rng(seed)
    rows = pool.iloc[np.repeat([3, 4, 5], 4)]
    prompts = [
        Prompt(model.prompt(p), None, 1, 1.0, int(rng.integers(1, 13)), (), (seed, i))
        for i, p in enumerate(rows.prompt)
    ]
    pieces = []
    for prompt, (said,) in zip(prompts, write(model, prompts), strict=True):
        known = tuple((np.array(said.logprobs) + rng.normal(0, 0.3, len(said.tokens))).tolist()) if old else None
        behind = context_hash("learner", prompt.tokens)
        how = {"learn": True, "context_hash": behind, "sampled_by": sampled_by}
        pieces.append((Piece("", tokens=tuple(said.tokens), logprobs=known, **how),))
    reward = np.array([1.0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0.5, 1])
    return rows.assign(turns=pieces, reward=reward, group=np.repeat([1, 2, 3], 4))


def moved_adapter(model):
    """An adapter whose B is not zero, so that the base is somewhere else."""
    adapter = model.adapter(0)
    for i, (_, b) in enumerate(adapter.matrices):
        b.copy_(0.3 * torch.randn(b.shape, generator=torch.Generator().manual_seed(i)))
    return adapter


def gradient(model, adapter, rows, setting):
    """Our loss (summed with the coefficients of the step) and the flat gradient, before clipping and the step."""
    seen = {}
    from curriculab.engine import losses, training

    def taken(adapters, steps):
        seen.update(grad=adapters[0].weights.grad.clone())
        return [0.0]

    step, training.step_all = training.step_all, taken

    sums = []
    call = losses.TableLoss.__call__

    def listening(self, nll, which, *entropies):
        sums.append(call(self, nll, which, *entropies))
        return sums[-1]

    losses.TableLoss.__call__ = listening
    try:
        (answer,) = train_steps(model, [adapter], [rows], [setting])
    finally:
        losses.TableLoss.__call__, training.step_all = call, step
    assert not isinstance(answer, Exception), answer
    adapter.weights.grad.zero_()
    return float(sum(s.detach() for s in sums)), seen["grad"]
