"""Transfer teacher: a finished model says how hard each row is; the learner is paced from easy to hard by it.

Title    Curriculum Learning by Transfer Learning
Authors  Weinshall et al.
Year     2018
Paper    Weinshall, Cohen & Amir 2018, "Curriculum Learning by Transfer Learning", ICML; Hacohen & Weinshall 2019, "On
         The Power of Curriculum Learning in Training Deep Networks", ICML
Kept     difficulty from a reference model, read once; fixed exponential pacing: the rows in use grow by a factor in
         equal stairs; even draws from them
Changed  difficulty is the teacher's loss on a row's answer (there, the margin of a classifier on its features); the
         teacher is the base model, or a read-only model that the bench was given by name; the numbers of the pacing
         are tuned there, and choices here. The schedule is any method that orders by a column: `schedule`
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.order.competence import competence
from curriculab.methods.pacing import Pacing, Root, Stairs
from curriculab.objectives.sft import Sft
from curriculab.protocol import Run, Score, method_name
from curriculab.registry.knobs import Knob, check_knobs

COLUMN = "teacher's loss"


def transfer_teacher(
    pool: pd.DataFrame,
    run: Run,
    *,
    teacher: Annotated[
        str, Knob(help="model that says how hard a row is: the base model or a reference model")
    ] = "base",
    measure: Annotated[str, Knob(help="measure of difficulty that the teacher gives")] = "nll",
    schedule: Annotated[
        Callable[..., Generator], Knob(help="method that orders by the teacher's measure")
    ] = competence,
    **knobs: object,
) -> Generator:
    """Batch ~ U{rows: rank of loss_teacher / n <= pacing(t)},  pacing(t) = min(1, start increase^floor(t / length)).

    `knobs` go to `schedule`; competence gets pacing=Stairs() and until=1 unless they say otherwise.
    """
    check_knobs(partial(schedule, **knobs))
    read = yield Score(pool, measure, role=teacher)
    if method_name(schedule) == "competence":
        pacing: Pacing = Stairs()
        knobs = {"pacing": pacing, "until": 1.0, **knobs}
    column = read[measure].to_numpy(float)
    return (yield from schedule(pool.assign(**{COLUMN: column}), run, by=COLUMN, **knobs))


def check(bench: CheckBench) -> Check:
    """The chain, its later skills a little harder for the base model: rows come as its losses allow; does that pay?"""
    pool = bench.pool
    skills = bench.chain(*sorted(set(pool["topic"])))
    student = bench.student(rate=0.1, start=-2.0, spread=0.3, varies=0.0, prerequisites=skills)
    how = dict(pool=pool, student=student, steps=60, objective=Sft())
    runs = bench.reinforce(transfer_teacher, signal=("nll",), **how)
    random = bench.reinforced(bench.random, **how)
    own = float(np.mean(bench.final(runs) - random))
    knobs: dict[str, object] = {"pacing": Root(p=2)}
    paced = float(np.mean(bench.reinforced(transfer_teacher, signal=("nll",), **knobs, **how) - random))
    bound = "a mean gain below 0.055: four standard errors over three seeds (the difference deviates by 0.023 over 20)"
    return Check(
        claim="with its equal stairs the student of the chain ends above random order",
        refuted_by=bound,
        measured={"gain": own},
        held=own >= 0.055,
        seeds=bench.seeds,
        also=(
            Check(
                claim="with a square root for stairs the student of the chain ends above random order",
                refuted_by=bound,
                measured={"gain": paced},
                held=paced >= 0.055,
                seeds=bench.seeds,
                knobs=knobs,
            ),
            _stairs(bench, bench.exposure(runs)),
        ),
    )


def _stairs(bench: CheckBench, seen: pd.DataFrame) -> Check:
    level = bench.pool.level
    easier = seen.level.map(lambda k: (level < k).mean())
    # a share of .04 that grows by 1.9 at each tenth of the run (its defaults), but room for a batch at least
    stair = np.minimum(1.0, 0.04 * 1.9 ** np.floor(seen.share_before * 10 + 1e-9))
    early = float((easier >= np.maximum(stair, bench.batch_size / len(level))).mean())
    return Check(
        claim="no row comes before the stair that its rank by the base model's loss is on",
        refuted_by="any row of a level whose easier levels alone fill the stair of the moment",
        measured={"early": early},
        held=early == 0,
        seeds=bench.seeds,
        mechanism=True,
    )
