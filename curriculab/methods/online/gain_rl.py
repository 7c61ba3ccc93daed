"""GAIN-RL: rows ranked once by how concentrated the model's states are; a Gaussian walks down the ranks with success.

Title    GAIN-RL: Angles Don't Lie
Authors  Wang et al.
Year     2025
Number   40
Needs    objective grpo
Paper    Wang et al. 2025, "Angles Don't Lie: Unlocking Training-Efficient RL Through the Model's Own Signals",
         arXiv 2506.02281
Kept     the ranking by angle concentration, highest first, read once: mean cosine among the question's tokens, C_intra,
         and between them and what stands before the question, C_inter, added up; draws without repeats within a step,
         Gaussian around mu; mu moves on by tanh of accuracy and of the answers' own concentration, never back, by at
         most `longest`
Changed  before the question stand one row of the pool and its answer, the same for all (there, a system prompt and a
         sum of two numbers); states are those behind the last layer, normalised (there, what its MLP reads); `inter` =
         8 is the weight of C_inter in the released data_processor.py (wangqinsi1/GAINRL), whose slices leave out
         questions of fewer than 117 tokens. sigma, pace and longest are shares of the pool (the released code: 1000,
         500, 1000 ranks of 7,473 rows); mu stops at the last rank (there it runs past it until no row has a
         probability); accuracy counts in [0, 1] as in the text; one step of the walk is one batch (there 256 rows).
         `by` walks over any other ranking
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.data.rendering import learned_text
from curriculab.data.validation import render_prompt
from curriculab.environments.turns import ask
from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import gaussian_ranks, ranked, rewarded, scores
from curriculab.protocol import Piece, Run, Sample, Score, Train
from curriculab.registry.knobs import Knob, check_bounds


def gain_rl(
    pool: pd.DataFrame,
    run: Run,
    *,
    by: Annotated[
        str | None, Knob(help="column to rank by, lowest first; None: angles between hidden states, measured once")
    ] = None,
    sigma: Annotated[
        float, Knob(help="width of the draw, as a share of the ranks", above=0.0)
    ] = 0.125,  # released code (1000 of
    # 7,473 ranks), as are the next four
    pace: Annotated[float, Knob(help="how far the draw moves, as a share of the ranks", above=0.0)] = 1 / 16,  # n
    longest: Annotated[
        float, Knob(help="how far the draw moves after a step at most, as a share of the ranks", above=0.0)
    ] = 1 / 8,
    alpha: Annotated[float, Knob(help="how strongly the draw reacts to accuracy and angles", least=0.0)] = 2.0,
    beta: Annotated[float, Knob(0.1, 0.9, "accuracy above which the draw moves on to later ranks", step=0.05)] = 0.5,
    angle: Annotated[
        bool, Knob(choices=(True, False), help="let the angles between hidden states move the draw as well")
    ] = True,  # False: without the second term, which costs a forward over the answers
    inter: Annotated[
        float, Knob(help="weight of the angles between a question and the demonstration before it", least=0.0)
    ] = 1.0,  # C_inter + C_intra in the paper; 8 in the released code
) -> Generator:
    """Rank by C_intra + inter C_inter;  p(i) ~ exp(-(i - mu)^2 / (2 sigma^2)) over ranks i;
    mu += clip(n tanh(alpha (acc - beta)) + n tanh(alpha ang), 0, longest), n = pace * rows."""
    check_bounds(gain_rl, locals())
    if by:
        score = scores(pool, by)
    else:
        read = yield Score(behind_demonstration(pool, int(run.rng.integers(len(pool)))), ("angle", "angle_across"))
        score = -(read["angle"] + inter * read["angle_across"]).to_numpy(float)
    order, size, mu = ranked(score, run.rng), len(pool), 0.0
    while True:
        rank = gaussian_ranks(run.batch, mu, sigma * size, size, run.rng)
        out = yield Sample(pool.take(order[np.resize(rank, run.batch)]), run.rollouts)
        ang = float((yield Score(out, "angle"))["angle"].mean()) if angle else 0.0
        acc = float(out["reward"].mean())
        rewarded((yield Train(out, note={"mu": mu, "accuracy": acc, "angle": ang})), "gain_rl")
        step = pace * (np.tanh(alpha * (acc - beta)) + np.tanh(alpha * ang))
        mu = min(mu + float(np.clip(step, 0.0, longest)) * size, size - 1.0)


def behind_demonstration(pool: pd.DataFrame, at: int) -> pd.DataFrame:
    """Each question as a segment of its own behind the question at `at` and its answer."""
    shown = pool.iloc[[at]]
    options = pool["options"] if "options" in pool else [None] * len(pool)
    listed = [o if isinstance(o, list | tuple | np.ndarray) else None for o in options]
    texts = [render_prompt(prompt, o).rstrip("\n") for prompt, o in zip(pool["prompt"], listed, strict=True)]
    answered = Piece(learned_text(shown)[0], end=True)
    turns = [(answered, Piece(text, learn=True, turn=True)) for text in texts]
    return ask(pool, texts[at]).assign(turns=pd.Series(turns, index=pool.index, dtype=object))


RATES = {"mastered": 0.9, "easy": 0.7, "medium": 0.5, "hard": 0.3, "out of reach": 0.1}
# Of 200 ranks with weights exp(-(i / 25)^2 / 2) the first 40 have .888 of the sum, the next .111, the third .001: a
# mean pass rate of .888 * .9 + .111 * .7 + .001 * .5 = .878.
BEGINS = 0.878
# Shares of the ranks that a step moves by where all pass rates and angles are p: (tanh(2 p - 1) + tanh(2 p)) / 16, in
# [0, 1/8]: p = .9: (.6640 + .9468) / 16; p = .3: (-.3799 + .5370) / 16; p = .1: (-.6640 + .1974) / 16 < 0.
SPEED = {0.9: 0.1007, 0.3: 0.0098, 0.1: 0.0}


def check(bench: CheckBench) -> Check:
    """Where the walk begins and ends, how fast it goes at three pass rates, and that it goes on as a student learns."""
    pool, student = bench.planted(RATES)
    how = dict(batch_size=16, rollouts=8, signal=("angle", "angle_across", "reward", "correct"))
    runs = bench.reinforce(gain_rl, pool=pool, student=student, steps=30, **how)
    rate = bench.exposure(runs, pool).assign(rate=lambda t: t.topic.map(RATES)).groupby("step").rate.mean()
    first, last = float(rate.iloc[0]), float(rate.iloc[-10:].mean())
    speed = {p: _walked(bench, p, steps=5, **how) / 4 for p in SPEED}  # five steps, four moves
    off = max(abs(speed[p] - SPEED[p]) for p in SPEED)
    learned = _walked(bench, 0.3, steps=24, rate=0.1, **how)
    return Check(
        claim="the first batch comes from the most concentrated rows, which here have the highest pass rates, as the "
        "Gaussian around rank 0 says; the walk comes to where acc + ang falls below beta; it moves by tanh of accuracy "
        "and of angles; and it goes on as a student learns",
        refuted_by=f"a first batch further than 0.05 from {BEGINS} (48 rows that deviate by 0.06: four standard errors "
        "are 0.035, and draws without repeats reach further); a mean pass rate above 0.3 in the last 10 steps (where "
        "ang = acc, as in the simulated student, mu moves while acc > beta / 2 = 0.25); at pass rates .9, .3, .1 a "
        "step further than 0.005 of the ranks from .1007, .0098, 0 (four standard errors of 128 answers over 12 moves "
        "at .3); or less than half of the ranks walked in 23 moves by a student that begins at .3 and learns (0.22 by "
        "one that does not)",
        measured={"first": first, "last": last, "speed_off": off, "walked_learning": learned},
        held=abs(first - BEGINS) <= 0.05 and last <= 0.3 and off <= 0.005 and learned >= 0.5,
        seeds=bench.seeds,
        mechanism=True,
    )


def _walked(bench: CheckBench, p: float, *, steps: int, rate: float = 0.0, **how: object) -> float:
    """Share of the ranks that mu has moved over by the last of some steps, all rows beginning at pass rate p."""
    pool, student = bench.planted({"all": p}, rows=200, rate=rate)
    mu = bench.reinforce(gain_rl, pool=pool, student=student, steps=steps, **how).metrics.groupby("seed").mu.last()
    return float(mu.mean()) / len(pool)
