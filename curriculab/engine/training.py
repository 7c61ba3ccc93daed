"""One optimiser step of many adapters in shared forwards, whatever each of them learns by.

A loss is made of the negative log-likelihoods of learned tokens, with coefficients that are fixed per request
beforehand, and summed over requests: gradients of different adapters never mix.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from curriculab.engine.adapter import Adapter
from curriculab.engine.losses import TableLoss
from curriculab.engine.model import Model
from curriculab.engine.packing import (
    MICRO_BATCH,
    Work,
    deal,
    likelihood,
    likelihood_and_entropy,
    micro_batches,
    read_tokens,
    run_batch,
    work_of,
)
from curriculab.engine.stepping import Step, step_all
from curriculab.engine.texts import Text
from curriculab.objectives.objective import Objective
from curriculab.protocol import Answer, Rows
from curriculab.registry.progress import ticked


def train_steps(
    model: Model,
    adapters: Sequence[Adapter],
    tables: Sequence[Rows],
    settings: Sequence[Objective],
    *,
    roles: Sequence[str] | None = None,
    rate_factors: Sequence[float] | None = None,
    budget: int = MICRO_BATCH,
    gradient_checkpointing: bool = False,
) -> list[Answer | Exception]:
    """One optimiser step of each (different) adapter on its own table, in shared forwards.

    roles: names the adapters go by, to tell whether log-probabilities in the rows are theirs; rate_factors: what the
    learning rate of each is multiplied by (None: 1); budget: tokens in one forward; gradient_checkpointing: layers are
    computed again on the way back.
    """
    settings = [s.fitted(model.learning_rates) for s in settings]
    works = [
        work_of(model, a, _texts(model, a, t, role if s.needs_samples else None))
        for a, t, s, role in zip(adapters, tables, settings, roles or ["learner"] * len(tables), strict=True)
    ]
    works = [replace(work, recompute=gradient_checkpointing) for work in works]
    losses = _losses(model, works, tables, settings, budget)
    found: list[list] = [[None] * len(w.texts) for w in works]
    for adapter in adapters:
        adapter.open()
    read = likelihood_and_entropy if any(s.reads_entropy for s in settings) else likelihood
    for batch in ticked([*micro_batches(works, budget)]):
        values, owners = run_batch(model, works, batch, read, grad=True)
        sum(_loss(losses[i], part, rows) for i, rows, part in _by_work(values, owners)).backward()
        nll = values if values.ndim == 1 else values[0]
        deal(nll.detach().cpu().numpy(), owners, found)
    per_row = [_means(own) for own in found]
    norms = _steps(works, settings, per_row, rate_factors or [1.0] * len(tables))
    return [_answer(*each) for each in zip(works, tables, settings, losses, found, per_row, norms, strict=True)]


def _loss(loss: TableLoss, values: torch.Tensor, rows: list[int]) -> torch.Tensor:
    """The loss of some rows by what was read of their tokens: (tokens,), or (2, tokens) with entropies."""
    return loss(values, rows) if values.ndim == 1 else loss(values[0], rows, values[1])


def _means(tokens: Sequence[np.ndarray]) -> np.ndarray:
    """Mean over each row's tokens, 0 of a row that learns none."""
    return np.array([x.mean() if len(x) else 0.0 for x in tokens], dtype=float)


def _steps(
    works: Sequence[Work], settings: Sequence[Objective], per_row: Sequence[np.ndarray], factors: Sequence[float]
) -> list[float | FloatingPointError | None]:
    """Take the steps of all whose losses are finite: the norm of each gradient, its error, None of a loss that is
    not."""
    whole = [i for i, losses in enumerate(per_row) if np.isfinite(losses).all()]
    for i in set(range(len(works))) - set(whole):
        works[i].adapter.clear()
    steps = [
        Step(
            settings[i].learning_rate * factors[i],
            settings[i].weight_decay,
            settings[i].max_grad_norm or math.inf,  # 0: as in TRL, no clipping
        )
        for i in whole
    ]
    norms = dict(zip(whole, step_all([works[i].adapter for i in whole], steps), strict=True))
    return [norms.get(i) for i in range(len(works))]


def _texts(model: Model, adapter: Adapter, table: Rows, role: str | None) -> list[Text]:
    """The rows as tokens; role: where log-probabilities that it sampled count, and whether it had these weights."""
    weights = None if role is None else adapter.fingerprint()
    return model.texts.encode(table, role=role, weights=weights)


def _losses(
    model: Model, works: Sequence[Work], tables: Sequence[Rows], settings: Sequence[Objective], budget: int
) -> list[TableLoss]:
    """The loss of each request; the base is read for those whose objective asks for it."""
    near = [i for i, setting in enumerate(settings) if setting.reads_base]
    base = read_tokens(model, [replace(works[i], adapter=None) for i in near], budget=budget)
    known = dict(zip(near, base, strict=True))
    return [
        TableLoss(work.texts, table, setting, known.get(i))
        for i, (work, table, setting) in enumerate(zip(works, tables, settings, strict=True))
    ]


def _by_work(values: torch.Tensor, owners: list[tuple[int, int, int]]) -> list[tuple[int, list[int], torch.Tensor]]:
    """A batch's values, (work, its rows, their tokens' values) for each work in it."""
    rows: dict[int, list[int]] = {}
    size: dict[int, int] = {}
    for i, row, n in owners:
        rows.setdefault(i, []).append(row)
        size[i] = size.get(i, 0) + n
    return [(i, rows[i], part) for i, part in zip(rows, values.split(list(size.values()), -1), strict=True)]


def _answer(
    work: Work,
    table: Rows,
    setting: Objective,
    loss: TableLoss,
    found: list[np.ndarray],
    per_row: np.ndarray,
    norm: float | FloatingPointError | None,
) -> Answer | Exception:
    if norm is None:
        bad = table.index[np.flatnonzero(~np.isfinite(per_row))[0]]
        return FloatingPointError(
            f"the loss of row {bad!r} is not finite at step {work.adapter.steps + 1}; the step was not taken"
        )
    if isinstance(norm, FloatingPointError):
        rows = ", ".join(map(repr, dict.fromkeys(table.index[:3]))) + (", ..." if len(table) > 3 else "")
        return FloatingPointError(f"{norm} {rows}; the step was not taken")
    figures = loss.figures(found)
    trained = sum(map(len, work.texts))
    read = trained if setting.reads_base else 0  # by the base
    carried = {name: pd.Series(values, table.index, object) for name, values in loss.carried(found).items()}
    reply, learned = table.assign(loss=per_row, **loss.columns, **carried), np.array([len(x) for x in found])
    return Answer(reply, trained + read, trained=trained, learned=learned, figures=figures)
