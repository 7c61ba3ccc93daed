"""Competence-based curriculum: rows are drawn evenly among those that are not harder than the competence.

Title    Competence-based Curriculum Learning for NMT
Authors  Platanios et al.
Year     2019
Needs    columns level
Adapts   no
Paper    Platanios et al. 2019, "Competence-based Curriculum Learning for Neural Machine Translation", NAACL
Kept     difficulty as the share of rows that are easier; c(t) linear or a root, c0 = 0.01; batches drawn evenly from
         the rows with difficulty <= c(t)
Changed  `until` is a share of the budget (the paper: the steps that plain training takes to 90% of its final BLEU);
         rows of equal difficulty are ranked at random once, so that coarse levels do not enter all at once; at
         least `run.batch` rows are always in use; geometric pacing added (Penha & Hauff 2020)
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.pacing import PACINGS, Pacing, Root
from curriculab.methods.samplers import ranked, scores
from curriculab.protocol import Run, Train
from curriculab.registry.knobs import Knob, check_bounds


def competence(
    pool: pd.DataFrame,
    run: Run,
    *,
    by: Annotated[str, Knob(help="column of difficulty, higher is harder")] = "level",
    pacing: Annotated[
        Pacing, Knob(choices=PACINGS, help="how much of the ranking is in use at which share of the budget")
    ] = Root(p=2),  # noqa: B008  the paper's best in most settings; frozen
    until: Annotated[
        float, Knob(0.1, 1.0, "share of the budget after which all rows are in use", step=0.05, above=0.0, most=1.0)
    ] = 0.5,  # ours: half of the budget, as the paper's needs a finished run
) -> Generator:
    """Batch ~ U{rows: rank / n <= c(t)}, c(t) = (t (1 - c0^p) + c0^p)^(1/p), t = progress / until."""
    check_bounds(competence, locals())
    if not callable(pacing):
        raise ValueError(
            f"pacing={pacing!r} is no pacing; give Linear(), Root(p=2) or Geometric() of cl.methods.pacing"
        )
    order = ranked(scores(pool, by), run.rng)
    while True:
        share = pacing(min(1.0, run.progress / until))
        known = min(max(int(share * len(order)), run.batch), len(order))
        picked = run.rng.choice(known, run.batch, replace=known < run.batch)
        yield Train(pool.take(order[picked]))


def check(bench: CheckBench) -> Check:
    """No row above its competence, even draws below it, and a better student at the end of the chain."""
    runs = bench.simulate(competence, signal=("score",), by="score")
    seen = bench.exposure(runs).assign(rank=lambda t: t.id.map(bench.pool.score.rank(pct=True)))
    allowed = np.array([Root(p=2)(min(1.0, share / 0.5)) for share in seen.share_before])
    allowed = np.maximum(allowed, bench.batch_size / len(bench.pool))
    above = float((seen["rank"] > allowed + 1e-9).mean())
    middle = float((seen["rank"] / allowed).mean())
    gain = float(np.mean(bench.final(runs) - bench.accuracy(bench.random)))
    return Check(
        claim="rows come evenly from below c(t), none from above, and on the chain the student ends above random order",
        refuted_by="any row above c(t); a mean of rank / c(t) further than 0.03 from 1/2, its expectation (0.03: four "
        "standard errors of 1,440 even draws); a mean gain below 0.05 (as for easy_to_hard)",
        measured={"above": above, "middle": middle, "gain": gain},
        held=above == 0 and abs(middle - 0.5) <= 0.03 and gain >= 0.05,
        seeds=bench.seeds,
    )
