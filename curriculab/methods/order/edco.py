"""EDCO: every so often, how unsure the model is when it begins to answer; only the most unsure rows are trained.

Title    EDCO: Dynamic Curriculum Orchestration
Year     2026
Number   45
Paper    2026, "EDCO: Dynamic Curriculum Orchestration", arXiv 2601.03725
Kept     mean entropy of the first `length` tokens of an answer, H; the rows with the largest H are trained until they
         are measured again; a suffix that asks for a direct answer, for measuring only (the paper's Quick-Answer
         Prompting; quick="" leaves it out); SFT or GRPO unchanged
Changed  `every`, `share`, `length` and the words of the suffix were not read: these are ours; H is measured on
         `candidates` drawn anew each time, not on the whole pool; `prefix="given"` reads the beginning of the row's own
         answer, which writes nothing; `mode` takes the middle or the least unsure rows instead; filtering the data
         beforehand is left out
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.pacing import steps_within
from curriculab.methods.samplers import Queue, ranked
from curriculab.objectives.sft import Sft
from curriculab.protocol import Run, Sample, Score, Train
from curriculab.registry.knobs import Knob, check_bounds

MODES = ("top", "middle", "bottom")
QUICK = "\nAnswer at once, without any explanation."  # ours: the paper's words were not read


def edco(
    pool: pd.DataFrame,
    run: Run,
    *,
    every: Annotated[
        float,
        Knob(0.05, 1.0, "share of the run between two measurements; from 1 on: steps", step=0.05, above=0.0),
    ] = 0.1,  # choice: ten measurements in a run of any length
    share: Annotated[
        float, Knob(0.05, 1.0, "share of the candidates that is trained", step=0.05, above=0.0, most=1.0)
    ] = 0.25,  # N as a share of the candidates, choice
    candidates: Annotated[int, Knob(help="rows drawn for a measurement", least=1)] = 1024,  # ours
    length: Annotated[int, Knob(help="tokens that entropy is the mean of", least=1)] = 32,  # L in tokens, choice
    quick: Annotated[
        str, Knob(help="text put behind the prompt while entropy is measured")
    ] = QUICK,  # behind the prompt while measuring; "": none
    prefix: Annotated[
        str, Knob(help="entropy of what the model writes itself ('own'), or of the row's answer ('given')")
    ] = "own",  # what the model writes itself; "given": the row's own answer
    mode: Annotated[str, Knob(choices=MODES, help="which rows by entropy are trained")] = "top",
) -> Generator:
    """H(x) = 1/L sum_{t <= L} - sum_v p(v | x, y_<t) log p(v | x, y_<t), L = length;  train the top share by H."""
    check_bounds(edco, locals())
    _check_knobs(prefix, mode)
    old = np.empty(0, int)
    while True:
        drawn = run.rng.choice(len(pool), min(candidates, len(pool)), replace=False)
        h = yield from _entropies(pool.take(drawn), length, quick, prefix)
        n = max(min(run.batch, len(drawn)), round(share * len(drawn)))
        first = {"bottom": 0, "middle": (len(drawn) - n) // 2, "top": len(drawn) - n}[mode]
        chosen = drawn[ranked(h, run.rng)[first : first + n]]
        note = {"entropy": float(h.mean()), "new": float(np.mean(~np.isin(chosen, old)))}
        queue, old = Queue.shuffled(chosen, run.rng), chosen
        for _ in steps_within(run, every):
            yield Train(pool.take(queue.take(run.batch)), note=note)


def _entropies(rows: pd.DataFrame, length: int, quick: str, prefix: str) -> Generator:
    """H of each row, (rows,), nats."""
    asked = rows.assign(prompt=rows["prompt"] + quick) if quick else rows
    if prefix == "own":
        out = yield Sample(asked, temperature=0.0, max_new_tokens=length, purpose="probe")
        return out["entropy"].to_numpy(float)
    out = yield Score(asked, "entropy", per="token")
    return np.array([float(np.mean(values[:length])) for values in out["entropy"]])


def _check_knobs(prefix: str, mode: str) -> None:
    if prefix not in ("own", "given"):
        raise ValueError(f"prefix={prefix!r} is unknown; give 'own' (what the model writes) or 'given' (the answer)")
    if mode not in MODES:
        raise ValueError(f"mode={mode!r} is unknown; give one of {', '.join(MODES)}")


RATES = {"mastered": 0.9, "easy": 0.7, "medium": 0.5, "hard": 0.3, "out of reach": 0.1}


def check(bench: CheckBench) -> Check:
    """Students most unsure where they guess blindly: which rows are the top quarter, of how many, and for how long?"""
    pool, student = bench.planted(RATES)
    how = dict(signal=("entropy",), steps=60, batch_size=16, rollouts=1, every=20, prefix="given")
    runs = bench.reinforce(edco, pool=pool, student=student, **how)
    shares = bench.exposure(runs, pool).topic.value_counts(normalize=True)
    hardest, hard = float(shares.get("out of reach", 0.0)), float(shares.get("hard", 0.0))
    fewer = bench.reinforce(edco, pool=pool, student=student, candidates=100, **{**how, "steps": 20})
    rows = float(fewer.exposure.groupby("seed").id.nunique().mean())
    pool, student = bench.planted({"first": 0.1, "then": 0.4}, rate=0.05)
    learned = bench.reinforce(edco, pool=pool, student=student, share=0.5, objective=Sft(), **how)
    by_turn = bench.exposure(learned, pool).assign(turn=lambda t: (t.step - 1) // 20)
    then = (by_turn.topic == "then").groupby(by_turn.turn).mean()
    return Check(
        claim="of five topics with as many rows, whose entropy rises as p falls to a blind guess among ten answers, "
        "the most unsure quarter is all of p = .1 and a quarter of p = .3: four fifths and one fifth of it; of 100 "
        "candidates 25 are trained; and a topic that was learned gives way when entropy is measured again",
        refuted_by="a share of trained rows off .8 or .2 by more than 0.02 (each 20 steps are six passes of 50 rows "
        "and 20 rows of a seventh: a standard error of 0.003 over nine of them; blind draws give .2 and .2); another "
        "number of rows than 25; or, of two topics of which the less sure one is trained from .1 up, any row of the "
        "other in the first 20 steps, or less than .9 of them in the next 20",
        measured={
            "p_0.1": hardest,
            "p_0.3": hard,
            "of_100_candidates": rows,
            "other_topic_first": float(then.iloc[0]),
            "other_topic_next": float(then.iloc[1]),
        },
        held=bool(
            abs(hardest - 0.8) <= 0.02
            and abs(hard - 0.2) <= 0.02
            and rows == 25
            and then.iloc[0] == 0
            and then.iloc[1] >= 0.9
        ),
        seeds=bench.seeds,
        mechanism=True,
        knobs={"every": 20, "prefix": "given"},  # what the student writes itself has lengths of its own
    )
