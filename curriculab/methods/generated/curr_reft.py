"""Curr-ReFT: yes or no, then a choice, then the open question; in the end the learner's own good answers are learned.

Title    Curr-ReFT
Authors  Deng et al.
Year     2025
Number   30
Needs    objective grpo
Paper    Deng et al. 2025, arXiv 2503.07065; read with its released code (ding523/Curr_REFT)
Kept     three stages of reinforcement of about equal length on the same rows, each from the weights of the one before:
         is this answer right, which of the options is right, what is the answer; reward 1 or 0, and with `tags` a
         reward for the form; then supervised steps on own answers that a judge lets pass
Changed  text instead of images: the rewards of detection (overlap of boxes) and of classification (share of labels)
         have no counterpart here. Wrong answers that are shown are right answers to other rows (`cl.data.to_binary`,
         `to_choice`), theirs come with the data. The judge is the verifier, theirs a model with a mark of 85 of 100,
         and the answers are the learner's on the pool, theirs are drawn from a larger mixture. `finish` is ours: there
         2,000 supervised steps follow 500 to 600 of each stage, at a learning rate of 2e-7
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.data import to_binary, to_choice
from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue
from curriculab.protocol import Run, Sample, Train
from curriculab.registry.knobs import Knob, check_bounds
from curriculab.rewards import Composite, Correct, Tags

FORMS = ("binary", "choice", "open")


def curr_reft(
    pool: pd.DataFrame,
    run: Run,
    *,
    stages: Annotated[
        tuple[str, ...], Knob(help="forms of the rows, in turn, in equal shares of the reinforcement")
    ] = FORMS,  # 500 to 600 steps each
    options: Annotated[int, Knob(2, 10, "options of a choice", step=1, least=2, most=10)] = 4,
    finish: Annotated[
        float, Knob(0.0, 0.5, "share of the run, its end, that learns own answers", step=0.1, least=0.0, below=1.0)
    ] = 0.1,  # ours
    keep: Annotated[
        float, Knob(0.0, 1.0, "least worth of an own answer that is learned", step=0.05, least=0.0, most=1.0)
    ] = 0.85,  # of the judge's marks, there
    tags: Annotated[tuple[str, ...], Knob(help="tags that an answer is rewarded for")] = (),
    tag_weight: Annotated[float, Knob(help="weight of the reward for tags")] = 1.0,  # released code
) -> Generator:
    """form = stages[floor(progress * stages)] until 1 - `finish` of the run, reward = correct [+ tag_weight tags];
    then supervised steps on answers to open rows with correct >= `keep`."""
    check_bounds(curr_reft, locals())
    unknown = [one for one in stages if one not in FORMS]
    if unknown or not stages:
        raise ValueError(f"stages={stages}; give some of {', '.join(map(repr, FORMS))}")
    tables = {
        "binary": to_binary(pool, seed=run.rng),
        "choice": to_choice(pool, options, seed=run.rng),
        "open": pool.drop(columns="options", errors="ignore"),
    }
    worth = (
        Composite({"correct": Correct(), "tags": Tags(*tags)}, {"correct": 1.0, "tags": tag_weight}) if tags else None
    )
    queue = Queue.shuffled(np.arange(len(pool)), run.rng)
    reinforced = run.phase(1 - finish)
    while reinforced.open:
        stage = min(int(reinforced.progress * len(stages) + 1e-9), len(stages) - 1)
        rows = tables[stages[stage]].take(queue.take(run.batch))
        out = yield Sample(rows, run.rollouts)
        note = {"stage": stage}
        if stages[stage] == "binary":  # a learner that always says the same has collapsed
            note["yes"] = float(out["text"].str.strip().str.lower().str.startswith("yes").mean())
        yield Train(worth(out, run.progress) if worth else out, "grpo", note=note)
    while True:
        out = yield Sample(tables["open"].take(queue.take(run.batch)), run.rollouts)
        good = out[(out["correct"] >= keep).to_numpy()]
        kept = {"stage": len(stages), "kept": len(good) / len(out)}
        yield Train(good, "sft", note=kept) if len(good) else Train(out, "grpo", note=kept)


RATES = {"hard": 0.03, "harder": 0.01}  # of right answers to open questions before training
HOW = dict(budget={"rollouts": 960}, rollouts=4)  # G = 4 as in the paper, 30 steps of 8 rows


def check(bench: CheckBench) -> Check:
    """Open questions, at as many answers: the three stages, the stages in reverse, and open questions alone."""
    pool, student = bench.planted(RATES, rows=40, rate=0.05)  # 45 steps and 0.03 at first; made shorter for time
    pool = pool.assign(answer=[str(10_000 + i) for i in range(len(pool))], task="ladder")
    how = dict(pool=pool, student=student, **HOW)
    staged = bench.reinforce(curr_reft, stages=("open", "binary", "choice") if bench.broken else FORMS, **how)
    accuracy, of_reversed = bench.final(staged), bench.final(bench.reinforce(curr_reft, stages=FORMS[::-1], **how))
    over_reversed = float((accuracy - of_reversed).mean())
    measured = {"staged": float(accuracy.mean()), "over_reversed": over_reversed}
    over_open = np.nan
    if over_reversed >= 0.05:  # for nothing otherwise
        alone = bench.reinforce(curr_reft, stages=("open",), **how)
        over_open = float((accuracy - bench.final(alone)).mean())
        measured |= {"over_open": over_open, "signal_binary": _signal(staged), "signal_open": _signal(alone)}
    return Check(
        claim="at as many answers, the three stages end above the stages in reverse and above open questions alone, in "
        "open accuracy",
        refuted_by="a mean gain below 0.05 over either (set before measuring); the open stage before the other two "
        "must fail",
        measured=measured,
        held=over_reversed >= 0.05 and over_open >= 0.05,
        seeds=bench.seeds,
        mechanism=True,
    )


def _signal(runs: object) -> float:
    """Share of the first step's groups with right and wrong answers; no claim, since it follows from chance alone."""
    return float((runs.groups[runs.groups.step == 0].spread > 0).mean())
