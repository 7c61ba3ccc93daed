"""SARI: a supervised warm start on worked solutions, then reinforcement from easy to hard by a pass rate measured once.

Title    SARI
Authors  Wen et al.
Year     2025
Number   26
Needs    objective grpo
Paper    Wen et al. 2025, "SARI: Structured Audio Reasoning via Curriculum-Guided Reinforcement Learning",
         arXiv 2504.15900
Kept     supervised first, then GRPO, on rows of their own: one of 16 is set aside for the warm start (2,000 of
         32,000); difficulty is the pass rate of the base model, measured once; rows that it never gets right are
         dropped; bins from easy to hard, shuffled within
Changed  text instead of sound, open answers beside multiple choice; the structured solutions are the pool's `solution`
         (theirs: four parts, planning, caption, reasoning, summary, by a larger model), so that shuffled or plain ones
         are a matter of the pool; with `tags` a share of the reward is for these parts in their order. Number of bins
         and of answers a row were not read; the bins share what the warm start leaves of the budget evenly
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue, ranked, rewarded, scores
from curriculab.protocol import Run, Sample, Train
from curriculab.registry.knobs import Knob, check_bounds
from curriculab.rewards import Composite, Correct, Tags


def sari(
    pool: pd.DataFrame,
    run: Run,
    *,
    warm: Annotated[
        float,
        Knob(0.0, 0.9, "share of the run in which solutions are learned first", step=0.0625, least=0.0, below=1.0),
    ] = 1 / 16,  # the paper: 2,000 rows of 32,000; where answers are counted, of the tokens trained
    apart: Annotated[
        float, Knob(help="share of the rows that is set aside for the warm start", above=0.0, below=1.0)
    ] = 1 / 16,  # the paper: 2,000 of 32,000; at least a batch, and at most half of the rows
    bins: Annotated[int, Knob(1, 8, "equal parts of the pool, from easy to hard", step=1, least=1)] = 4,  # choice
    probe: Annotated[int, Knob(1, 16, "answers a row when difficulty is measured", step=1, least=1)] = 8,  # choice
    role: Annotated[str, Knob(help="model whose pass rate is the difficulty")] = "base",  # as in the paper
    by: Annotated[
        str | None, Knob(help="column that stands for the measurement; None: measure")
    ] = None,  # with a column nothing is dropped
    tags: Annotated[tuple[str, ...], Knob(help="tags that an answer is rewarded for")] = (),
    tag_weight: Annotated[float, Knob(help="weight of the reward for tags; below 0 they are punished")] = 0.5,  # choice
) -> Generator:
    """p = right answers / `probe` of each row; the rows with p > 0 in `bins` equal parts of falling p.

    For `warm` of the run, solutions of the rows set apart are learned; at progress c of the rest, rows of part
    k = floor(bins c), counted from 0, with reward = correct, and with `tags` + tag_weight tags.
    """
    check_bounds(sari, locals())
    mixed = run.rng.permutation(len(pool))
    aside = min(max(round(apart * len(pool)), run.batch), len(pool) // 2) if warm else 0
    lessons = Queue.shuffled(mixed[:aside], run.rng)
    lesson_rows, pool = pool, pool.take(np.sort(mixed[aside:]))
    if by is None:
        out = yield Sample(pool, probe, role=role, purpose="probe")
        p = out["correct"].to_numpy(float).reshape(len(pool), probe).mean(axis=1)
        if not p.any():
            raise ValueError(f"no row was answered rightly in {probe} tries; train an easier pool, or order it by=...")
        difficulty, kept = 1 - p, p > 0
    else:
        difficulty, kept = scores(pool, by), np.ones(len(pool), bool)
    warm_start = run.phase(warm)
    while aside and warm_start.open:
        yield Train(lesson_rows.take(lessons.take(run.batch)), "sft", note={"bin": -1})
    order = ranked(difficulty, run.rng)
    parts = [part for part in np.array_split(order[kept[order]], bins) if len(part)]
    queues = [Queue.shuffled(part, run.rng) for part in parts]
    reward = None
    if tags:
        reward = Composite({"correct": Correct(), "tags": Tags(*tags)}, {"correct": 1.0, "tags": tag_weight})
    rest = run.phase()
    while True:
        k = min(int(rest.progress * len(queues) + 1e-9), len(queues) - 1)
        rows = pool.take(queues[k].take(run.batch))
        if reward:
            rows = reward((yield Sample(rows, run.rollouts)), run.progress)
        rewarded((yield Train(rows, note={"bin": k, "dropped": float(1 - kept.mean())})), "sari")


def check(bench: CheckBench) -> Check:
    """A supervised warm start on rows of its own; then rows by falling true pass rate, hardly any out of reach."""
    pool, student = bench.planted({"easy": 0.9, "middling": 0.6, "hard": 0.3, "out of reach": 0.01})
    asked: list = []
    how = dict(signal=("reward", "correct"), pool=pool, student=student, steps=48)
    runs = bench.reinforce(bench.watch(sari, asked), **how)
    supervised = [set(r.rows.index) for r in asked if isinstance(r, Train) and r.objective == "sft"]
    seen = bench.exposure(runs, pool).merge(runs.metrics[["seed", "step"]], on=["seed", "step"])
    warm, rest = seen[seen.step <= 3], seen[seen.step > 3].assign(rate=lambda t: 1 / (1 + np.exp(t.logit)))
    both = sum(len(set(warm.id[warm.seed == s]) & set(rest.id[rest.seed == s])) for s in bench.seeds)
    quarter = (4 * (rest.step - 4) // 45).rename("quarter")  # 45 steps are left
    means = rest.groupby(["seed", quarter]).rate.mean().unstack()
    rises = int((means.diff(axis=1) > 0.1).sum().sum())
    falls = float((means[0] - means[3]).min())
    beyond = float((rest.topic == "out of reach").mean())
    return Check(
        claim="three of 48 steps are supervised, on rows that are never reinforced; then rows follow each other with "
        "falling true pass rates, and rows out of reach are left out",
        refuted_by="another number of supervised steps than three a seed, or a row of them that is reinforced later; "
        "in any seed a quarter of the rest with a true pass rate 0.1 above that of the quarter before (a step on the "
        "seam moves it by 0.03), or a last one less than 0.3 below the first (0.9 and 0.3 are planted; in no order the "
        "difference deviates by 0.03); or more than 0.05 of the rows out of reach: a quarter of the pool is, and with "
        "a pass rate of 0.01 8 answers keep 1 - 0.99^8 = 0.08 of them, 0.025 of what is left",
        measured={
            "supervised": len(supervised) / len(bench.seeds),
            "in_both": both,
            "rises": rises,
            "falls_by": falls,
            "out_of_reach": beyond,
        },
        held=len(supervised) == 3 * len(bench.seeds) and both == 0 and rises == 0 and falls >= 0.3 and beyond <= 0.05,
        seeds=bench.seeds,
        mechanism=True,
    )
