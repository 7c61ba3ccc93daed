"""Train Long, Think Short: a token budget that shrinks in stages, asked for in the prompt and rewarded by a triangle.

Title    Train Long, Think Short
Authors  Hammoud et al.
Year     2025
Number   12
Needs    objective grpo
Paper    Hammoud et al. 2025, "Train Long, Think Short: Curriculum Learning for Efficient Reasoning", arXiv 2508.08940
Kept     B(t) = max(1, B0 gamma^floor(t / T)), 256, 179, 125, 87 tokens; the prompt ends with the budget; reward =
         weights of correctness, closeness of the length to B(t), and tags; triangle or band; exponential or linear
Changed  the sentence about the budget is our own, and `tell_budget=False` leaves it out for models that were never
         asked that way; tests ask the bare prompt, as for every other variant; a linear budget falls by equal parts
         and meets the exponential one after `drops` drops (how theirs falls was not read). `gamma=1` is the control
         with a fixed budget
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue, rewarded
from curriculab.protocol import Run, Sample, Train
from curriculab.registry.knobs import Knob, check_bounds
from curriculab.rewards import Band, Composite, Correct, Tags, Triangle

LENGTHS = {"triangle": Triangle, "band": Band}
SHAPES = ("exponential", "linear")


def train_long_think_short(
    pool: pd.DataFrame,
    run: Run,
    *,
    start: Annotated[
        float, Knob(8, 512, "length budget of an answer at the start, in tokens", step=1, least=1.0)
    ] = 256,  # B0, tokens; section 4 of the paper, as are the next two
    gamma: Annotated[
        float, Knob(0.3, 1.0, "by what the length budget is multiplied each time", step=0.05, above=0.0, most=1.0)
    ] = 0.7,
    every: Annotated[
        int, Knob(1, 200, "optimiser steps between two changes of the length budget", step=1, least=1)
    ] = 150,  # T, optimiser steps; a quarter of the paper's 600
    shape: Annotated[str, Knob(choices=("exponential", "linear"), help="how the length budget falls")] = "exponential",
    drops: Annotated[
        int, Knob(help="changes after which a linear length budget stays as it is", least=1)
    ] = 3,  # of the paper's run; where a linear budget stops falling
    length: Annotated[
        str, Knob(help="reward of the length: 'triangle' around the budget, or 'band' up to it")
    ] = "triangle",
    weights: Annotated[tuple[float, float, float], Knob(help="weights of correctness, length and tags")] = (
        0.3,
        0.6,
        0.1,
    ),  # correct, length, tags: length-heavy; (.6, .3, .1) is the
    # paper's correctness-heavy setting; which of them its main table used was not read
    tags: Annotated[tuple[str, ...], Knob(help="tags that an answer is rewarded for")] = ("think", "answer"),
    tell_budget: Annotated[bool, Knob(choices=(True, False), help="say the length budget in the prompt")] = True,
    max_new_tokens: Annotated[
        int | None, Knob(help="tokens of an answer at most; None: those of the bench", least=1)
    ] = None,  # the bench's; it should leave room for `start`
) -> Generator:
    """reward = w_c correct + w_l R(l, B(t)) + w_f tags, R = l/B up to B, then 1 - (l - B)/B, never below 0.

    t is the optimiser step, l the tokens of an answer.
    """
    check_bounds(train_long_think_short, locals())
    if length not in LENGTHS:
        raise ValueError(f"length={length!r} is unknown; give {' or '.join(map(repr, LENGTHS))}")
    if len(weights) != 3 or min(weights) < 0 or not max(weights) > 0:
        raise ValueError(f"weights={weights}; give three of correct, length and tags, at least 0 and some above")
    budget = partial(budget_at, start=start, gamma=gamma, every=every, shape=shape, drops=drops)
    queue = Queue.shuffled(np.arange(len(pool)), run.rng)
    named = dict(zip(("correct", "length", "tags"), weights, strict=True))
    while True:
        B = budget(run.step)
        rows = pool.take(queue.take(run.batch))
        if tell_budget:
            rows = rows.assign(prompt=[f"{prompt}\nAnswer in {B} tokens." for prompt in rows["prompt"]])
        out = yield Sample(rows, run.rollouts, max_new_tokens=max_new_tokens)
        reward = Composite({"correct": Correct(), "length": LENGTHS[length](B), "tags": Tags(*tags)}, named)
        out = reward(out, run.progress)
        note = {"budget": B, "correct": float(out["reward/correct"].mean())}
        rewarded((yield Train(out, note=note)), "train_long_think_short")


def budget_at(step: int, *, start: float, gamma: float, every: int, shape: str = "exponential", drops: int = 3) -> int:
    """Whole tokens at an optimiser step, rounded down as the paper prints them: 256, 179, 125, 87."""
    if shape not in SHAPES:
        raise ValueError(f"shape={shape!r} is unknown; give {' or '.join(map(repr, SHAPES))}")
    k = step // every
    if shape == "linear":
        return max(1, int(start - min(k, drops) * start * (1 - gamma**drops) / drops + 1e-9))
    return max(1, int(start * gamma**k + 1e-9))


def check(bench: CheckBench) -> Check:
    """A student that fills its answers with words cuts them down to the budget, but not without the length reward."""
    student = bench.student(rate=0.2, start=0.0, spread=0.0, words=30.0)  # 30 words of 3 bytes, 9 of the answer
    knobs = {"start": 96, "every": 8}  # 96, 67, 47, 32 tokens; the last of four stages begins at step 24
    run = partial(bench.reinforce, train_long_think_short, signal=("length",), student=student, steps=32, **knobs)
    with_length, without = (_follows(run(weights=w)) for w in ((0.3, 0.6, 0.1), (0.9, 0.0, 0.1)))
    return Check(
        claim="mean length follows the budget to the end, and only because of the length reward",
        refuted_by="a mean length of the last 5 steps more than 15% off the budget (set before measuring; the "
        "paper's models end 2% above it), or one within 15% with the length weight 0",
        measured={"length_over_budget": with_length, "without_length_reward": without},
        held=abs(with_length - 1) <= 0.15 < abs(without - 1),
        seeds=bench.seeds,
    )


def _follows(runs: object) -> float:
    last = runs.metrics[lambda t: t.step > t.step.max() - 5]
    return float((last.length / last.budget).mean())
