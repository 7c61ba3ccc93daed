"""Is what this machine trains what was asked for, and does a seed mean what it says? A few seconds, before any result.

truth_test(model, train)       # a table of nine checks; raises SanityCheckError where one does not hold
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pandas as pd
import torch

from curriculab.bench.bench import Bench
from curriculab.bench.budget import Budget
from curriculab.engine.check_at_load import probe
from curriculab.engine.model import Model
from curriculab.objectives.sft import Sft
from curriculab.protocol import Rows, Run, Score, Train

STEPS = 10


BATCH = 4


CLOSE = {"cpu": 1e-4, "cuda": 2e-2}  # nats between a loss while training and one read apart; bf16 on a GPU is coarse


class SanityCheckError(RuntimeError):
    """What was trained is not what was asked, or a seed does not decide what it should."""


@dataclass
class Trace:
    """What one method asked for and was told: row ids (steps, rows), losses read apart and losses of training."""

    seed: int
    asked: list[list[str]] = field(default_factory=list)
    replied: list[list[str]] = field(default_factory=list)
    read: list[np.ndarray] = field(default_factory=list)
    losses: list[np.ndarray] = field(default_factory=list)
    recorded: list[list[str]] = field(default_factory=list)
    start: torch.Tensor | None = None

    def off(self) -> float:
        """Largest difference between a row's loss in training and as read just before, nats."""
        pairs = zip(self.read, self.losses, strict=True)
        return max(float(np.abs(a - b).max()) if len(a) == len(b) else np.inf for a, b in pairs)


def truth_test(model: Model, pool: Rows) -> pd.DataFrame:
    """Train a random order three times for ten steps, twice with the same seed, and hold it against what was asked.

    Parameters
    ----------
    model : Model
        What `load_model` returned.
    pool : DataFrame
        At least 41 rows.

    Returns
    -------
    DataFrame
        A line a check: `found` (in words), `holds`.

    Raises
    ------
    SanityCheckError
        Names every check that fails.
    ValueError
        Where the pool has too few rows.

    Examples
    --------
    >>> cl.truth_test(cl.load_model("pocket", bits=32, device="cpu"), cl.load_pool("ladder", n=8, seed=0))
    Traceback (most recent call last):
    ValueError: the truth test wants 41 rows, the pool has 8; load more
    """
    first, again, other = (_traced(model, pool, seed) for seed in (0, 0, 1))
    table = pd.DataFrame(
        [*_of_seeds(first, again, other, model), *_of_rows(first, model), _of_forward(model)],
        columns=["check", "found", "holds"],
    ).set_index("check")
    if not table.holds.all():
        failed = "; ".join(f"{check}: {line.found}" for check, line in table[~table.holds].iterrows())
        raise SanityCheckError(
            f"the truth test failed ({failed}); no result of this machine means anything until it passes"
        )
    return table


def _traced(model: Model, pool: Rows, seed: int) -> Trace:
    """One short run in random order on a bench of its own, and what its method asked and was told."""
    trace = Trace(seed)
    few = pool.iloc[: STEPS * BATCH + 1]
    if len(few) <= STEPS * BATCH:
        raise ValueError(f"the truth test wants {STEPS * BATCH + 1} rows, the pool has {len(few)}; load more")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a row tested that is trained too is of no harm here
        bench = Bench(
            model,
            few.iloc[:-1],
            few.iloc[-1:],
            objective=Sft(),
            budget=Budget(steps=STEPS, max_total_tokens=10**9),
            batch_size=BATCH,
            max_new_tokens=1,
            store=None,
        )
    runs = bench.run({"witness": _tracing(trace)}, seeds=[seed], progress=False)
    if runs.failed:
        raise SanityCheckError(f"the truth test failed: the witness {next(iter(runs.failed.values()))}")
    trace.recorded = runs.exposure.groupby("step").id.apply(list).tolist()
    trace.start = model.adapter(seed).weights.data.cpu()
    return trace


def _tracing(trace: Trace) -> Callable:
    def witness(pool: Rows, run: Run):
        order = run.rng.permutation(len(pool))
        for at in range(0, len(order), run.batch):
            rows = pool.iloc[order[at : at + run.batch]]
            trace.asked.append(rows.index.tolist())
            trace.read.append((yield Score(rows, "nll")).nll.to_numpy(float))
            out = yield Train(rows)
            trace.replied.append(out.index.tolist())
            trace.losses.append(out.loss.to_numpy(float))

    return witness


def _of_seeds(first: Trace, again: Trace, other: Trace, model: Model) -> list[tuple[str, str, bool]]:
    exact = model.device.type == "cpu"

    def three(a: Trace, b: Trace) -> dict[str, bool]:
        losses = [np.concatenate(x.losses) for x in (a, b)]
        near = losses[0].shape == losses[1].shape and np.allclose(*losses, rtol=0, atol=0 if exact else CLOSE["cuda"])
        return {
            "adapter at the start": torch.equal(a.start, b.start),
            "order of rows": a.replied == b.replied,
            f"first {STEPS} losses": near,
        }

    said = {True: "equal" if exact else "equal, or nearly", False: "different"}
    lines = [(f"same seed: {what}", said[same], same) for what, same in three(first, again).items()]
    return [*lines, *((f"another seed: {what}", said[same], not same) for what, same in three(first, other).items())]


def _of_rows(trace: Trace, model: Model) -> list[tuple[str, str, bool]]:
    asked, replied, recorded = (list(chain.from_iterable(ids)) for ids in (trace.asked, trace.replied, trace.recorded))
    same = sum(a == b == c for a, b, c in zip(asked, replied, recorded, strict=False))
    exact = trace.asked == trace.replied == trace.recorded
    off, most = trace.off(), CLOSE[model.device.type]
    return [
        ("asked, trained, recorded: rows", f"{same} of {len(asked)} equal, in their order", exact),
        ("asked, trained: losses of these rows", f"at most {off:.1e} nats apart", off <= most),
    ]


def _of_forward(model: Model) -> tuple[str, str, bool]:
    """Our forward against the model's own, with PEFT's LoRA, as it was checked at load."""
    found = probe(model)
    return ("packed rows, and the model's own forward", f"{found.apart:.1e} nats apart", found.right)
