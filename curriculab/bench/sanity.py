"""Is what this machine trains what was asked for, and does a seed mean what it says? A few seconds, before any result.

truth_test(model, train)       # a table of 13 checks; raises SanityCheckError where one does not hold
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pandas as pd
import torch

from curriculab.bench.bench import Bench
from curriculab.bench.budget import Budget
from curriculab.bench.grading import grade
from curriculab.bench.provenance import Provenance, TrainingTexts
from curriculab.engine.check_at_load import probe
from curriculab.engine.model import Model
from curriculab.environments.turns import say
from curriculab.objectives.sft import Sft
from curriculab.protocol import Piece, Rows, Run, Sample, Score, Train

STEPS = 10


BATCH = 4


SEEDS = (0, 1)


LEARNED = 0.1  # nats a token that ten steps on one word bring at least; the pocket model's bring 5


CLOSE = {"cpu": 1e-4, "cuda": 2e-2}  # nats between a loss while training and one read apart; bf16 on a GPU is coarse


SAID = "no"  # what the second variant learns behind every prompt, so that the two come to differ


WRONG = "987654321"  # an answer to no row


# Nats a token between an answer's likelihood by the decode and as read; it is a mean over at most four tokens.
WRITTEN = {"cpu": 1e-3, "cuda": 5e-2}


class SanityCheckError(RuntimeError):
    """What was trained is not what was asked, or a seed does not decide what it should."""


@dataclass
class Trace:
    """What one method asked for and was told: row ids (steps, rows), losses read apart and losses of training; what it
    wrote at the end, by the decode and as read (nats a token), and what it then makes of `SAID` (nats a token)."""

    seed: int
    asked: list[list[str]] = field(default_factory=list)
    replied: list[list[str]] = field(default_factory=list)
    read: list[np.ndarray] = field(default_factory=list)
    losses: list[np.ndarray] = field(default_factory=list)
    recorded: list[list[str]] = field(default_factory=list)
    written: np.ndarray = field(default_factory=lambda: np.empty(0))
    reread: np.ndarray = field(default_factory=lambda: np.empty(0))
    said: float = float("nan")
    start: torch.Tensor | None = None

    def off(self) -> float:
        """Largest difference between a row's loss in training and as read just before, nats."""
        pairs = zip(self.read, self.losses, strict=True)
        return max(float(np.abs(a - b).max()) if len(a) == len(b) else np.inf for a, b in pairs)


def truth_test(model: Model, pool: Rows) -> pd.DataFrame:
    """Check that this machine trains what it is asked to: two variants, two seeds, ten steps, twice.

    One trains rows as they are, the other the same word behind every prompt: what one learned must not be found with
    the other. Known right and wrong answers go through the grading of tests.

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
    first, again = (_traced(model, pool) for _ in range(2))
    table = pd.DataFrame(
        [
            *_of_seeds(first["witness", 0], again["witness", 0], first["witness", 1], model),
            *_of_rows(first.values(), model),
            *_of_neighbours(first, model),
            *_of_grading(pool),
            _of_forward(model),
        ],
        columns=["check", "found", "holds"],
    ).set_index("check")
    if not table.holds.all():
        failed = "; ".join(f"{check}: {line.found}" for check, line in table[~table.holds].iterrows())
        raise SanityCheckError(
            f"the truth test failed ({failed}); no result of this machine means anything until it passes"
        )
    return table


def _traced(model: Model, pool: Rows) -> dict[tuple[str, int], Trace]:
    """One short run of both variants and seeds side by side, and what their methods asked and were told."""
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
            valid=None,
        )
    traces: dict[tuple[str, int], Trace] = {}
    variants = {"witness": _tracing("witness", traces), "other": _tracing("other", traces)}
    runs = bench.run(variants, seeds=SEEDS, progress=False)
    if runs.failed:
        raise SanityCheckError(f"the truth test failed: the witness {next(iter(runs.failed.values()))}")
    for (name, seed), trace in traces.items():
        own = runs.exposure[(runs.exposure.variant == name) & (runs.exposure.seed == seed)]
        trace.recorded = own.groupby("step").id.apply(list).tolist()
        trace.start = model.adapter(seed).weights.data.cpu()
    return traces


def _tracing(name: str, traces: dict[tuple[str, int], Trace]) -> Callable:
    def witness(pool: Rows, run: Run):
        # Of the run's own chance: a bench starts a method once more beforehand, to see whether it can start at all.
        seed = run.rng.bit_generator.seed_seq.entropy[0]
        trace = traces[name, seed] = Trace(seed)
        order = run.rng.permutation(len(pool))
        for at in range(0, len(order), run.batch):
            rows = pool.iloc[order[at : at + run.batch]]
            rows = say(rows, SAID) if name == "other" else rows
            trace.asked.append(rows.index.tolist())
            trace.read.append((yield Score(rows, "nll")).nll.to_numpy(float))
            if at + run.batch >= len(order):  # before the budget's last step, behind which nothing is answered
                few = pool.iloc[: run.batch]
                trace.said = float((yield Score(say(few, SAID), "nll")).nll.mean())
                out = yield Sample(few, temperature=1.0, max_completion_length=4)
                trace.written = -out.logprob.to_numpy(float) / out.length.to_numpy(float)
                trace.reread = (yield Score(out, "nll")).nll.to_numpy(float)
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


def _of_rows(traces: Iterable[Trace], model: Model) -> list[tuple[str, str, bool]]:
    count, same, exact, off = 0, 0, True, 0.0
    for trace in traces:
        three = (trace.asked, trace.replied, trace.recorded)
        asked, replied, recorded = (list(chain.from_iterable(ids)) for ids in three)
        alike = sum(a == b == c for a, b, c in zip(asked, replied, recorded, strict=False))
        count, same = count + len(asked), same + alike
        exact, off = exact and trace.asked == trace.replied == trace.recorded, max(off, trace.off())
    return [
        ("asked, trained, recorded: rows", f"{same} of {count} equal, in their order", exact),
        ("asked, trained: losses of these rows", f"at most {off:.1e} nats apart", off <= CLOSE[model.device.type]),
    ]


def _of_neighbours(traces: Mapping[tuple[str, int], Trace], model: Model) -> list[tuple[str, str, bool]]:
    """Does each variant have its own adapter where it trains, reads and writes, beside the other and the other seed?"""
    gaps = [traces["witness", seed].said - traces["other", seed].said for seed in SEEDS]
    pairs = [(trace.written, trace.reread) for trace in traces.values()]
    whole = all(len(a) == len(b) > 0 for a, b in pairs)
    off = max(float(np.abs(a - b).max()) for a, b in pairs) if whole else np.inf
    lines = [
        ("side by side: what each trained, it learned", f"{min(gaps):+.2f} nats a token or more", min(gaps) > LEARNED),
        (
            "side by side: each writes as it reads",
            f"at most {off:.1e} nats a token apart",
            off <= WRITTEN[model.device.type],
        ),
    ]
    return lines


def _of_grading(pool: Rows) -> list[tuple[str, str, bool]]:
    """Known right and wrong answers, as a model would have written them, through the grading of tests."""
    rows = pool[pool["answer"].notna()].iloc[: STEPS * BATCH]
    wrong = [WRONG if str(answer) != WRONG else f"{WRONG}0" for answer in rows["answer"]]
    lines = []
    for name, texts, worth in (("right", rows["answer"].astype(str).tolist(), 1.0), ("wrong", wrong, 0.0)):
        answers = rows.assign(text=texts, turns=[(Piece(text, sample=i),) for i, text in enumerate(texts)])
        provenance = Provenance("truth test", rows, TrainingTexts(rows.iloc[:0]))
        provenance.note(Sample(rows, purpose="test"), answers)
        found = grade(answers, rows, provenance) == worth
        lines.append((f"grading: {name} answers are {name}", f"{int(found.sum())} of {len(rows)}", bool(found.all())))
    return lines


def _of_forward(model: Model) -> tuple[str, str, bool]:
    """Our forward against the model's own, with PEFT's LoRA, as it was checked at load."""
    found = probe(model)
    return ("packed rows, and the model's own forward", f"{found.apart:.1e} nats apart", found.right)
