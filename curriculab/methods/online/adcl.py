"""Adaptive difficulty: the pool sorted once and cut into chunks; before each chunk is trained, it alone is sorted anew.

Title    Learning Like Humans: adaptive difficulty (ADCL)
Authors  Zhang et al.
Year     2025
Number   8
Needs    objective grpo
Paper    Zhang et al. 2025, "Learning Like Humans: Advancing LLM Reasoning Capabilities via Adaptive Difficulty
         Curriculum Learning and Expert-Guided Self-Reformulation", EMNLP 2025, arXiv 2505.08364
Kept     difficulty = share of wrong answers of the model as it is now; chunks from easy to hard; only the next chunk is
         measured again and sorted within; the normalised inversion rate (NIR) says how much its order has changed
Changed  chunks share evenly what measuring leaves of the budget, and a chunk is walked once from its easy to its hard
         end over its share; the number of chunks and of answers a row were not read (`chunks`, `probe`). `floor=True`
         also measures each next chunk with the model of the start: the NIR that luck alone gives, at the price of twice
         the measuring
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import ranked, rewarded, scores
from curriculab.protocol import Copy, Run, Sample, Train
from curriculab.registry.knobs import Knob, check_bounds


def adcl(
    pool: pd.DataFrame,
    run: Run,
    *,
    chunks: Annotated[
        int, Knob(1, 10, "parts of the pool, sorted by difficulty, that are trained one after another", step=1, least=1)
    ] = 5,  # K, choice
    probe: Annotated[int, Knob(1, 16, "answers a row when difficulty is measured", step=1, least=1)] = 8,  # choice
    by: Annotated[str | None, Knob(help="column that stands for the first measurement; None: measure")] = None,
    floor: Annotated[
        bool, Knob(help="measure each chunk with the model of the start as well: the change of order by chance alone")
    ] = False,
) -> Generator:
    """delta = 1 - pass rate; B_1 ... B_K = the pool sorted by delta; after B_k, B_k+1 alone is sorted by a new delta.

    NIR = pairs whose order was turned round / (m (m - 1) / 2), m rows. Returns a table: chunk, step, nir, floor.
    """
    check_bounds(adcl, locals())
    if chunks > len(pool):
        raise ValueError(f"chunks={chunks} for {len(pool)} rows; give 1 to {len(pool)}")
    if floor:
        yield Copy("learner", to="start")
    delta = scores(pool, by) if by else failures((yield _probe(pool, probe)), len(pool))
    parts, found = np.array_split(ranked(delta, run.rng), chunks), []
    run.set_aside((1 + floor) * probe * sum(len(part) for part in parts[1:]))
    for k, part in enumerate(parts):
        if k:
            new = failures((yield _probe(pool.take(part), probe)), len(part))
            found.append({"chunk": k + 1, "step": run.step, "nir": inversion_rate(delta[part], new), "floor": np.nan})
            if floor:
                luck = failures((yield _probe(pool.take(part), probe, role="start")), len(part))
                found[-1]["floor"] = inversion_rate(delta[part], luck)
            part = part[ranked(new, run.rng)]
        note = {"chunk": k + 1, **({"nir": found[-1]["nir"]} if k else {})}
        while run.progress < (k + 1) / chunks - 1e-9:
            gone = run.progress * chunks - k
            first = min(max(0, int(gone * len(part) + 1e-9)), max(0, len(part) - run.batch))
            rows = pool.take(np.resize(part[first : first + run.batch], run.batch))
            rewarded((yield Train(rows, note=note)), "adcl")
    return pd.DataFrame(found, columns=["chunk", "step", "nir", "floor"])


def _probe(rows: pd.DataFrame, n: int, role: str = "learner") -> Sample:
    return Sample(rows, n, role=role, purpose="probe")


def failures(out: pd.DataFrame, rows: int) -> np.ndarray:
    """Share of wrong answers of each row asked, (rows,), from a reply with equally many answers a row."""
    return 1 - out["correct"].to_numpy(float).reshape(rows, -1).mean(axis=1)


def inversion_rate(old: np.ndarray, new: np.ndarray) -> float:
    """Share of all pairs that `old` puts in one order and `new` in the other, in [0, 1]; ties are no order."""
    order = np.lexsort((new, old))  # within ties of `old` rising, so that they hold no inversion
    new = new[order]
    turned = sum(int((new > value).cumsum()[new == value].sum()) for value in np.unique(new))
    return turned / max(1, len(new) * (len(new) - 1) // 2)


def check(bench: CheckBench) -> Check:
    """A student that learned from the easy rows of one skill finds its hard rows easier than those of another skill."""
    rates = {"a, easy": 0.9, "a, easy too": 0.9, "a, hard": 0.25, "b": 0.55}
    pool, student = bench.planted(rates, rate=0.1, skill="skill")
    pool = pool.assign(skill=pool["topic"].str[0])  # the first of two chunks is skill a alone
    knobs = {"chunks": 2, "probe": 16, "floor": True}
    runs = bench.reinforce(adcl, signal=("reward", "correct"), pool=pool, student=student, steps=40, **knobs)
    found = pd.concat(runs.findings.values())
    late = bench.exposure(runs, pool)[lambda t: (t.share > 0.5) & t.topic.isin(["a, hard", "b"])]
    when = late.groupby("topic").share.mean()
    shift, lead = float((found.nir - found.floor).mean()), float(when["b"] - when["a, hard"])
    return Check(
        claim="the order of the next chunk has changed more than luck changes it, and the chunk is trained in the new "
        "order, here the reverse of the first",
        refuted_by="NIR above its floor by less than 0.06, three standard errors of three seeds of a student that "
        "learns nothing (standard deviation 0.033 over 20 seeds), or rows of the skill trained coming after the others",
        measured={"nir": float(found.nir.mean()), "floor": float(found.floor.mean()), "shift": shift, "lead": lead},
        held=shift >= 0.06 and lead > 0,
        seeds=bench.seeds,
    )
