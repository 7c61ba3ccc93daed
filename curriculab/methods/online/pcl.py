"""Prompt Curriculum Learning: a small value model guesses pass rates; prompts guessed closest to 1/2 are trained.

Title    Prompt Curriculum Learning
Authors  Gao et al.
Year     2025
Number   14
Needs    objective grpo
Paper    Gao et al. 2025, "Prompt Curriculum Learning for Efficient LLM Post-Training", arXiv 2510.01135
Kept     k m candidates, of which the m with the smallest |V - tau| are answered; V learns from the mean rewards of
         these answers alone and so lags one step; no further answers. Before the first step V is constant
Changed  V is a linear read-out of the policy's own states (mean of the last layer over the prompt), read anew for the
         candidates of every step and fitted by ridge regression; the paper trains a second language model as V. Older
         answers fade by `memory` a step, as the policy moves. `role="base"` is cheaper and further from the paper: the
         states of the base model, read once for each row, so that V sees of the policy its rewards alone. The paper's
         objective is Grpo(scale_rewards=False, loss_type="grpo"), a setting of the bench
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import per_row, rewarded
from curriculab.protocol import Run, Score, Train
from curriculab.registry.knobs import Knob, check_bounds


def pcl(
    pool: pd.DataFrame,
    run: Run,
    *,
    k: Annotated[
        int, Knob(1, 8, "candidates for each row of a batch", step=1, least=1)
    ] = 4,  # the paper's, as is the next
    tau: Annotated[
        float, Knob(0.0, 1.0, "predicted pass rate that rows are chosen for", step=0.05, least=0.0, most=1.0)
    ] = 0.5,
    ridge: Annotated[
        float, Knob(help="penalty on the weights of the predictor", above=0.0)
    ] = 0.3,  # ours: variance of a mean of 8 rewards over that of pass rates among prompts, about .03 / .1
    memory: Annotated[
        float, Knob(help="how much the answers of a step count one step later", least=0.0, most=1.0)
    ] = 0.95,  # ours
    features: Annotated[
        int, Knob(help="numbers of an embedding; longer ones are projected at random", least=1)
    ] = 128,  # ours
    role: Annotated[
        str, Knob(choices=("learner", "base"), help="whose states of a prompt the predictor reads: the policy's or not")
    ] = "learner",  # "base": once for each row
) -> Generator:
    """Train argmin_{|S| = m} sum_S |V(x) - tau| of k m candidates;  V(x) = 1/2 + w . z(x),
    w = argmin sum_i memory^age_i (V(x_i) - mean reward_i)^2 + ridge |w|^2."""
    check_bounds(pcl, locals())
    value, embedded = Value(ridge, memory), Embedded(len(pool), features, run.rng)
    note = {}
    while True:
        drawn = run.rng.choice(len(pool), min(k * run.batch, len(pool)), replace=False)
        if len(new := drawn if role == "learner" else embedded.missing(drawn)):
            read = yield Score(pool.take(new), "embedding", role=role)
            embedded.add(new, np.stack(read["embedding"].to_list()))
        z = embedded[drawn]
        guess = value(z)
        nearest = np.resize(np.argsort(np.abs(guess - tau), kind="stable"), run.batch)
        note |= {"value": float(guess[nearest].mean())}
        rows = pool.take(drawn[nearest])
        out = per_row(rows, rewarded((yield Train(rows, note=note)), "pcl"))
        rate, at = (out["right"] / out["n"]).to_numpy(), nearest[out["at"].to_numpy()]
        note = {"last error": float(np.mean((guess[at] - rate) ** 2)), "last spread": float(np.var(rate))}
        value.update(z[at], rate)


class Value:
    """V(x) = 1/2 + w . z: a ridge regression of pass rates on features z (rows, d) that forgets step by step."""

    def __init__(self, ridge: float, memory: float) -> None:
        self.ridge, self.memory, self.w, self.moments, self.target = ridge, memory, 0.0, 0.0, 0.0

    def __call__(self, z: np.ndarray) -> np.ndarray:
        return 0.5 + (z * self.w).sum(axis=1)

    def update(self, z: np.ndarray, rate: np.ndarray) -> None:
        self.moments = self.memory * self.moments + z.T @ z
        self.target = self.memory * self.target + z.T @ (rate - 0.5)
        self.w = np.linalg.solve(self.moments + self.ridge * np.eye(z.shape[1]), self.target)


class Embedded:
    """Features of the rows seen so far: a 1, and the embedding, each number standardised over the first candidates."""

    def __init__(self, rows: int, features: int, rng: np.random.Generator) -> None:
        self.features, self.rng, self.mean = features, rng, None
        self.slot, self.known, self.z = np.full(rows, -1, np.int32), 0, np.empty((0, 0), np.float32)

    def missing(self, rows: np.ndarray) -> np.ndarray:
        return rows[self.slot[rows] < 0]

    def add(self, rows: np.ndarray, x: np.ndarray) -> None:
        """Embeddings x (rows, d) of these rows, in place of those that they had."""
        if self.mean is None:
            d = x.shape[1]
            self.mix = self.rng.standard_normal((d, self.features)) if d > self.features else np.eye(d)
            self.mix = self.mix.astype(np.float32)
        x = x.astype(np.float32) @ self.mix
        if self.mean is None:
            self.mean, deviation = x.mean(axis=0), x.std(axis=0)
            flat = deviation <= 1e-6 * np.abs(x).max()  # what varies by rounding only
            self.scale = np.where(flat, 1.0, deviation) * np.sqrt(x.shape[1])  # |z|^2 is about 2
        z = np.column_stack([np.ones(len(x)), (x - self.mean) / self.scale])
        old = self.slot[rows] >= 0
        if old.any():
            self.z[self.slot[rows[old]]] = z[old]
            rows, z = rows[~old], z[~old]
        if self.known + len(z) > len(self.z):  # doubled, so that a row is copied twice at most
            room = np.empty((2 * (self.known + len(z)), z.shape[1]), np.float32)
            if self.known:
                room[: self.known] = self.z[: self.known]
            self.z = room
        self.z[self.known : self.known + len(z)] = z
        self.slot[rows] = np.arange(self.known, self.known + len(z))
        self.known += len(z)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return self.z[self.slot[rows]].astype(float)


RATES = {"mastered": 0.98, "easy": 0.8, "medium": 0.5, "hard": 0.2, "out of reach": 0.02}


def check(bench: CheckBench) -> Check:
    """The first batch is drawn blindly; later ones have pass rates near 1/2, and stay there as a student learns."""
    pool, student = bench.planted(RATES)
    how = dict(pool=pool, student=student, steps=30, batch_size=8, rollouts=8)
    runs = bench.reinforce(pcl, signal=("reward", "correct", "embedding"), **how)
    seen = bench.exposure(runs, pool)
    off = (seen.topic.map(RATES) - 0.5).abs()
    late, first = float(off[seen.step > 15].mean()), float(off[seen.step == 1].mean())
    blind = float(np.mean([abs(rate - 0.5) for rate in RATES.values()]))
    grid = {f"{i:02d}": float(1 / (1 + np.exp((i - 6) / 3))) for i in range(25)}  # most of them too hard at first
    pool, student = bench.planted(grid, rows=10, rate=0.02, skill="all")
    how |= dict(pool=pool, student=student, steps=30)
    learns = bench.reinforce(pcl, signal=("reward", "correct", "embedding"), **how)
    reward = float(learns.groups[learns.groups.step > 15].reward.mean())
    seen = bench.exposure(learns, pool)
    harder = float(seen[seen.step > 20].logit.mean() - seen[(seen.step > 5) & (seen.step <= 15)].logit.mean())
    return Check(
        claim="with k = 4 the pass rates of trained prompts come nearer to 1/2 than those of random ones by more than "
        "half, and not before V has seen an answer; as a student learns, they become harder while half of the answers "
        "stay right",
        refuted_by=f"a mean |pass rate - 1/2| above {blind / 2:.3f} in the steps 16 to 30 (half of a random draw's "
        f"{blind:.3f}; a V that knows all pass rates gives about .07), or one below {blind / 2:.3f} in the first step; "
        "or, where a student learns, a mean reward of the last 15 steps further than 0.2 from 1/2, or rows of the "
        "last 10 that are not harder by 0.5 logits than those of the steps 6 to 15",
        measured={"late": late, "first": first, "random": blind, "reward_learning": reward, "harder_by": harder},
        held=late <= blind / 2 < first and abs(reward - 0.5) <= 0.2 and harder >= 0.5,
        seeds=bench.seeds,
        mechanism=True,
    )
