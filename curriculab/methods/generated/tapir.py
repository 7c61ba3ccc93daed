"""TAPIR: rows that the student fails and a teacher does not, their share raised round by round, task types in balance.

Title    TAPIR: Task-aware Curriculum Planning for Instruction Refinement
Authors  Yue et al.
Year     2024
Number   55
Paper    Yue et al. 2024, "Distilling Instruction-following Abilities of Large Language Models with Task-aware
         Curriculum Planning", Findings of EMNLP, arXiv 2405.13448
Kept     difficulty of a row for this student: the teacher's score less the student's; rows above `delta` are hard; in
         round r the share `start` + r `rise` of a batch is hard rows, the rest others; every round is scored anew; task
         types are drawn by given shares; the student learns the teacher's answers
Changed  scores are shares of right answers, of the teacher one answer (theirs: a judge, 1 to 10, and delta = 2 there);
         without a teacher the pool's answers are learned, which are always right; the rows of the pool stand for the
         instructions that the teacher expands the hard ones to, and no answer is written anew for its type; types
         weigh alike (theirs: .167 mathematics, .167 reasoning, .083 each for two kinds of code, .017 for most others).
         `anew=True` begins each round from the start. Shares of .3 and .2 in three rounds are remembered figures of the
         paper, which were not read again; no trainer was released (alibaba/EasyNLP, examples/tapir)
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.environments import say
from curriculab.methods.check import Check, CheckBench, detectable
from curriculab.methods.samplers import Queue
from curriculab.objectives.sft import Sft
from curriculab.protocol import Copy, Run, Sample, Train
from curriculab.registry.knobs import Knob, check_bounds


def tapir(
    pool: pd.DataFrame,
    run: Run,
    *,
    rounds: Annotated[int, Knob(1, 8, "times that rows are scored and trained", step=1, least=1)] = 3,  # theirs
    start: Annotated[float, Knob(0.0, 1.0, "share of hard rows in the first round", step=0.1, least=0.0)] = 0.3,
    rise: Annotated[float, Knob(0.0, 0.5, "what a round adds to it", step=0.05, least=0.0)] = 0.2,
    delta: Annotated[float, Knob(0.0, 1.0, "a row is hard above this gap", step=0.05, least=0.0)] = 0.5,  # ours
    answers: Annotated[
        int, Knob(1, 16, "answers of the student by which a row is scored", step=1, least=1)
    ] = 4,  # ours
    scored: Annotated[int, Knob(16, 2000, "rows that are scored and trained, at most", step=16, least=1)] = 400,  # ours
    balance: Annotated[bool, Knob(choices=(True, False), help="draw every task type alike")] = True,
    by: Annotated[str, Knob(help="column of task types, where there is one")] = "topic",
    teacher: Annotated[
        str | None, Knob(help="role that answers every row once; None: the pool's answers, always right")
    ] = None,
    anew: Annotated[bool, Knob(choices=(False, True), help="begin each round from the start")] = False,
) -> Generator:
    """gap = teacher's share of right answers - student's; hard where gap > delta; a batch of round r has the share
    min(1, start + r rise) of hard rows, r = 0, 1, ...
    """
    check_bounds(tapir, locals())
    rows = pool.take(np.sort(run.rng.permutation(len(pool))[:scored]))
    run.set_aside((rounds - 1) * len(rows) * answers)
    right = np.ones(len(rows))
    lessons = rows
    if teacher is not None:
        said = yield Sample(rows, role=teacher, temperature=0.0, purpose="lesson")
        right = said["correct"].fillna(0.0).to_numpy(float)
        lessons = say(rows, said["text"].tolist())
    kinds = rows[by].to_numpy() if balance and by in rows else np.zeros(len(rows), int)
    for number in range(rounds):
        stage, share = run.phase(1 / (rounds - number)), min(1.0, start + number * rise)
        out = yield Sample(rows, answers, purpose="probe")
        got = out["correct"].fillna(0.0).to_numpy(float).reshape(len(rows), answers).mean(axis=1)
        gap = right - got
        if anew and number:
            yield Copy("init", to="learner")
        hard = Mix(np.flatnonzero((gap > delta) & (right > 0)), kinds, run.rng)
        other = Mix(np.flatnonzero((gap <= delta) & (right > 0)), kinds, run.rng)
        if not len(hard) + len(other):
            raise ValueError(f"the teacher {teacher!r} has no right answer to {len(rows)} rows; give another one")
        while stage.open:
            n = drawn(share * run.batch, run.rng) if len(hard) and len(other) else run.batch * bool(len(hard))
            at = np.concatenate([hard.take(n), other.take(run.batch - n)])
            note = {"round": number + 1, "gap": float(gap.mean()), "hard_share": n / run.batch}
            yield Train(lessons.take(at), note=note)


def drawn(share: float, rng: np.random.Generator) -> int:
    """A whole number whose mean is `share`."""
    return int(share) + int(rng.random() < share - int(share))


class Mix:
    """Rows in random passes, one task type after another."""

    def __init__(self, rows: np.ndarray, kinds: np.ndarray, rng: np.random.Generator) -> None:
        self._rows = rows
        self._queues = [Queue.shuffled(rows[kinds[rows] == kind], rng) for kind in pd.unique(kinds[rows])]
        self._turn = Queue.shuffled(np.arange(len(self._queues)), rng)

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, n: int) -> np.ndarray:
        """The next `n` positions, (n,)."""
        parts = [self._queues[kind].take(1) for kind in self._turn.take(n)] if n else []
        return np.concatenate([np.empty(0, int), *parts])


# -- the check --------------------------------------------------------------------------------------------------------
RATES = {"easy": 0.9, "hard": 0.1}
STEPS = 30


def check(bench: CheckBench) -> Check:
    """A rising share of hard rows against the same share throughout; and what the rounds really draw."""
    wide = bench.wide
    student = bench.student(rate=0.1, start=-0.5)
    how = dict(pool=wide, student=student, steps=STEPS, objective=Sft(), signal=("probe:correct",))
    ramp = on_hard(bench, bench.reinforce(tapir, **how), wide)
    flat = on_hard(bench, bench.reinforce(tapir, start=0.5, rise=0.0, **how), wide)
    gain = ramp - flat
    error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
    shares, apart = mixed(bench)
    off = float(np.abs(shares - [0.3, 0.5, 0.7]).max())
    return Check(
        claim="rows that a student fails have the shares 0.3, 0.5 and 0.7 of the three rounds, and with task types in "
        "balance the accuracies of the types differ less",
        refuted_by="a share further than 0.1 from these (240 rows a round: three standard errors), or accuracies of "
        "types that differ as much or more; gaps that are dealt to other rows must fail",
        measured={"off": off, "apart": apart[0], "apart_free": apart[1]},
        held=bool(off <= 0.1 and apart[0] < apart[1]),
        seeds=bench.seeds,
        mechanism=True,
        also=(
            Check(
                claim="at as many rows, a share of hard rows that rises from 0.3 to 0.7 ends more accurate on hard "
                "rows than 0.5 throughout",
                refuted_by="less than 0.02 more right answers to the rows of the two highest levels (set before the "
                "first run)",
                measured={"gain": float(gain.mean()), "error": error},
                held=float(gain.mean()) >= 0.02,
                seeds=bench.seeds,
                detectable=detectable(gain),
                threshold=0.02,
                gain=float(gain.mean()),
            ),
        ),
    )


def on_hard(bench: CheckBench, runs: object, pool: pd.DataFrame) -> np.ndarray:
    """Share of right answers at the end to rows of the two highest levels, (seeds,)."""
    bench.final(runs)  # a failed run raises
    last = runs.items[runs.items.share == 1.0]
    hard = last[last.id.map(pool["level"]) >= pool["level"].max() - 1]
    return hard.groupby("seed").correct.mean().loc[list(bench.seeds)].to_numpy()


def mixed(bench: CheckBench) -> tuple[np.ndarray, tuple[float, float]]:
    """Shares of rows that a student really fails, (rounds,), where nothing is learned; and how far the accuracies of
    types are apart at the end, with types in balance and without, where one has six times the rows of each other."""
    # At a first look the shares were off by 0.29, since rates were task types too and were balanced with them, and all
    # types were mastered after 30 steps: now there is no balance in the first run, and 10 steps in the others.
    pool, still = bench.planted(RATES, rows=60)
    runs = bench.train(tapir, ("probe:correct",), pool, still, {"balance": False}, steps=STEPS, batch_size=8)
    seen = bench.exposure(runs, pool)
    third = np.minimum((seen.share_before * 3).astype(int), 2)
    shares = (seen.topic == "hard").groupby(third).mean().to_numpy()
    kinds, learns = bench.planted(dict.fromkeys("abcd", 0.3), rows=60, rate=0.1, spread=0.0)
    kinds = kinds[(kinds["topic"] == "a") | (np.arange(len(kinds)) % 6 == 0)]
    apart = []
    for balance in (True, False):
        runs = bench.train(tapir, (), kinds, learns, {"balance": balance}, steps=STEPS // 3, batch_size=8)
        bench.final(runs)
        last = runs.items[runs.items.share == 1.0]
        by_kind = last.groupby(["seed", last.id.map(kinds["topic"])]).correct.mean().unstack()
        apart.append(float(by_kind.std(axis=1).mean()))
    return shares, (apart[0], apart[1])
