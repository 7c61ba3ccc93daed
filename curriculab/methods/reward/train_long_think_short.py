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
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.pacing import passed
from curriculab.methods.samplers import Queue, rewarded
from curriculab.protocol import Run, Sample, Train
from curriculab.registry.knobs import Knob, check_bounds
from curriculab.rewards import Band, Composite, Correct, Tags, Triangle

if TYPE_CHECKING:
    from curriculab.runs import Runs

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
        float,
        Knob(0.05, 1.0, "share of the run between two changes; from 1 on: optimiser steps", step=0.05, above=0.0),
    ] = 0.25,  # T: 150 of the paper's 600 optimiser steps, so that a run of any length sees all four budgets
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

    B(t) = max(1, start gamma^floor(t / every)), t the share of the run that is over, or the optimiser step where
    `every` is a number of steps; l the tokens of an answer.
    """
    check_bounds(train_long_think_short, locals())
    if length not in LENGTHS:
        raise ValueError(f"length={length!r} is unknown; give {' or '.join(map(repr, LENGTHS))}")
    if len(weights) != 3 or min(weights) < 0 or not max(weights) > 0:
        raise ValueError(f"weights={weights}; give three of correct, length and tags, at least 0 and some above")
    budget = partial(budget_after, start=start, gamma=gamma, shape=shape, drops=drops)
    queue = Queue.shuffled(np.arange(len(pool)), run.rng)
    named = dict(zip(("correct", "length", "tags"), weights, strict=True))
    while True:
        B = budget(passed(run, every))
        rows = pool.take(queue.take(run.batch))
        if tell_budget:
            rows = rows.assign(prompt=[f"{prompt}\nAnswer in {B} tokens." for prompt in rows["prompt"]])
        out = yield Sample(rows, run.rollouts, max_new_tokens=max_new_tokens)
        reward = Composite({"correct": Correct(), "length": LENGTHS[length](B), "tags": Tags(*tags)}, named)
        out = reward(out, run.progress)
        note = {"budget": B, "correct": float(out["reward/correct"].mean())}
        rewarded((yield Train(out, note=note)), "train_long_think_short")


def budget_at(step: int, *, start: float, gamma: float, every: int, shape: str = "exponential", drops: int = 3) -> int:
    """Whole tokens at an optimiser step, where one change follows another after `every` steps."""
    return budget_after(step // every, start=start, gamma=gamma, shape=shape, drops=drops)


def budget_after(k: int, *, start: float, gamma: float, shape: str = "exponential", drops: int = 3) -> int:
    """Whole tokens after k changes, rounded down as the paper prints them: 256, 179, 125, 87."""
    if shape not in SHAPES:
        raise ValueError(f"shape={shape!r} is unknown; give {' or '.join(map(repr, SHAPES))}")
    if shape == "linear":
        return max(1, int(start - min(k, drops) * start * (1 - gamma**drops) / drops + 1e-9))
    return max(1, int(start * gamma**k + 1e-9))


BUDGETS = (256, 179, 125, 87)  # tokens, as the paper prints them


def check(bench: CheckBench) -> Check:
    """A student that fills its answers with words, learning at its default rate: do lengths follow, and does it pay?"""
    pool, student = bench.planted({"easier": 0.5, "harder": 0.3}, rate=0.05, words=85.0)  # 85 words of 3 bytes
    knobs: dict[str, object] = {"every": 10}  # a quarter of the run, as in the paper
    run = partial(bench.reinforce, train_long_think_short, signal=("length",), pool=pool, student=student)
    falling = run(steps=40, **knobs)
    over = _over(falling, BUDGETS, 10)
    without = _over(run(steps=8, every=2, weights=(0.9, 0.0, 0.1)), BUDGETS, 2)[-1]
    gain = bench.final(falling) - bench.final(run(steps=40, start=BUDGETS[-1], gamma=1.0))
    return Check(
        claim="mean length follows the budget through its four stages, and only because of the length reward",
        refuted_by="a mean length of the last 3 steps of any stage more than 15% off 256, 179, 125, 87 tokens (set "
        "before measuring; the paper's models end 2% above it), or one within 15% in the end with the length weight 0",
        measured={f"length_over_{budget}": x for budget, x in zip(BUDGETS, over, strict=True)}
        | {"without_length_reward": without},
        held=max(abs(x - 1) for x in over) <= 0.15 < abs(without - 1),
        seeds=bench.seeds,
        knobs=knobs,
        also=(
            Check(
                claim="at equal steps and the same final budget, a falling budget ends more accurate than a fixed one",
                refuted_by="a mean gain below 0.035 (the paper's on GSM8K: 86.2 against 82.7); in this student length "
                "and knowledge have nothing to do with each other, so that only a model can show it",
                measured={"gain": float(gain.mean())},
                held=float(gain.mean()) >= 0.035,
                seeds=bench.seeds,
                knobs=knobs,
            ),
        ),
    )


def _over(runs: Runs, budgets: tuple[int, ...], every: int) -> list[float]:
    """Mean length of the last (at most three) steps of each stage over its budget."""
    mean = runs.metrics.groupby("step").length.mean()
    ends = range(every, every * len(budgets) + 1, every)
    return [
        float(mean.loc[max(end - 2, end - every + 1) : end].mean()) / b for end, b in zip(ends, budgets, strict=True)
    ]
