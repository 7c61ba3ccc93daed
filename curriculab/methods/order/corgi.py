"""Corgi: instruction data in the order of a school: by subject, by stage, by Bloom's level, blocked or interleaved.

Title    Instruction Tuning with Human Curriculum
Authors  Lee et al.
Year     2024
Number   6
Needs    columns topic, level
Adapts   no
Paper    Lee et al. 2024, "Instruction Tuning with Human Curriculum", Findings of NAACL
Kept     blocking: subject by subject; clustering: by subject within each Bloom level; spiral: all subjects in turn
         within each stage, stage after stage; interleaving: stages, and Bloom levels within them, rise for all subjects
         together, which take turns (the paper's winner); one pass, no shuffling after it
Changed  the exact orders were not read, these are their descriptions; ties are random, a subject that has no rows left
         drops out of the turns; without a column for Bloom's level or for the stage all rows count as of one. The one
         walk takes the whole budget, skipping or repeating rows evenly (`span="pass"`: whole passes one after another)
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.order.easy_to_hard import sorted_rows
from curriculab.methods.samplers import scores
from curriculab.objectives.sft import Sft
from curriculab.protocol import Run
from curriculab.registry.knobs import Knob

ORDERS = ("blocking", "clustering", "spiral", "interleaving")
BLOOM = ("remember", "understand", "apply", "analyse", "evaluate", "create")  # Anderson & Krathwohl 2001


def corgi(
    pool: pd.DataFrame,
    run: Run,
    *,
    order: Annotated[
        str, Knob(choices=ORDERS, help="which of subject, stage and kind of task comes first in the sorting")
    ] = "interleaving",
    subject: Annotated[str, Knob(help="column of the subject")] = "topic",
    stage: Annotated[
        str | None, Knob(help="column of the stage of learning, higher is later; None: no stages")
    ] = "level",
    bloom: Annotated[
        str | None, Knob(help="column of the kind of task by Bloom, as names or numbers; None: no kinds")
    ] = None,  # names of BLOOM
    span: Annotated[
        str,
        Knob(
            choices=("pass", "budget"), help="sort once a pass over the rows, or stretch one pass over the whole budget"
        ),
    ] = "budget",
) -> Generator:
    """Rows sorted by (subject, stage, bloom), (bloom, subject, stage), (stage, turn, subject) or (stage, bloom, turn,
    subject); turn = how many rows of the same subject came before in the same stage (and Bloom level)."""
    if order not in ORDERS:
        raise ValueError(f"order={order!r} is unknown; give one of {', '.join(ORDERS)}")
    if subject not in pool:
        raise ValueError(f"subject={subject!r} is no column of the pool; it has {', '.join(map(str, pool.columns))}")
    of = pd.factorize(pool[subject], use_na_sentinel=False)[0]
    height = scores(pool, stage) if stage else np.zeros(len(pool))
    depth = bloom_level(pool, bloom) if bloom else np.zeros(len(pool))
    luck = run.rng.permutation(len(pool))
    keys = {
        "blocking": (of, height, depth, luck),
        "clustering": (depth, of, height, luck),
        "spiral": (height, turns(of, luck, height), of),
        "interleaving": (height, depth, turns(of, luck, height, depth), of),
    }[order]
    place = np.empty(len(pool))
    place[np.lexsort(keys[::-1])] = np.arange(len(pool))
    yield from sorted_rows(pool, run, place, span)


def turns(of: np.ndarray, luck: np.ndarray, *within: np.ndarray) -> np.ndarray:
    """How many rows of the same subject and the same values of `within` have less `luck`, (rows,)."""
    table = pd.DataFrame({"of": of, **{str(i): key for i, key in enumerate(within)}}).iloc[np.argsort(luck)]
    return table.groupby(list(table.columns)).cumcount().sort_index().to_numpy()


def bloom_level(pool: pd.DataFrame, column: str) -> np.ndarray:
    """Numbers as they are; the six verbs count from 1."""
    if column not in pool or pd.api.types.is_numeric_dtype(pool[column]):
        return scores(pool, column)
    level = pool[column].str.lower().map({name: i for i, name in enumerate(BLOOM, start=1)})
    if level.isna().any():
        row = pool.index[level.isna()][0]
        found = pool[column].loc[row]
        raise ValueError(f"bloom={column!r} is {found!r} for row {row!r}; give one of {', '.join(BLOOM)}, or numbers")
    return level.to_numpy(float)


# A student that forgets what it does not practise, so that one block after another costs it the first ones
STUDENT = {"rate": 0.1, "forget": 0.03, "start": -1.0, "spread": 1.0}


def check(bench: CheckBench) -> Check:
    """What the names promise, on the rows trained; and what blocks cost a student that forgets."""
    pool = bench.wide
    how = dict(
        pool=pool,
        student=bench.student(**STUDENT),
        signal=("topic", "level"),
        steps=len(pool) // bench.batch_size,
        objective=Sft(),
    )
    runs = {order: bench.reinforce(corgi, order=order, **how) for order in ("blocking", "interleaving")}
    blocked, mixed = (bench.exposure(r, pool) for r in runs.values())
    blocks = float(blocked.groupby("seed").topic.agg(lambda t: (t != t.shift()).sum()).max())
    falls = float((mixed.groupby("seed")["level"].diff() < 0).mean())
    fewest = float(mixed.groupby(["seed", "step"]).topic.nunique().mean())
    gain = float(np.mean(bench.final(runs["interleaving"]) - bench.final(runs["blocking"])))
    return Check(
        claim="blocking makes one block a subject; interleaving has all four subjects in nearly every step while the "
        "level never falls, and leaves a student that forgets better off than blocking does",
        refuted_by="more blocks than subjects; any fall of the level; fewer than 3.9 of 4 subjects a step (random: "
        "3.6); a mean gain below 0.035: four standard errors over three seeds (the gain deviates by 0.015 over 20)",
        measured={"blocks": blocks, "falls": falls, "subjects_a_step": fewest, "gain": gain},
        held=blocks == pool.topic.nunique() and falls == 0 and fewest >= 3.9 and gain >= 0.035,
        seeds=bench.seeds,
    )
