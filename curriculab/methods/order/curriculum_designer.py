"""Curriculum Designer: which class to learn first and last, from how far apart the classes look.

Title    Learning to Learn: How to Continuously Teach Humans and Machines
Authors  Singh et al.
Year     2023
Number   4
Needs    columns topic
Paper    Singh et al. 2023, "Learning to Learn: How to Continuously Teach Humans and Machines", ICCV
Kept     one pass, a block a class; prototypes from a model that has not learned the task; cosine distances, every row
         of the matrix divided by its sum; an order scores well that begins with a class as far from all others, and
         ends with those most like the first; all orders of up to five classes, else 200 of them
Changed  prototypes are means of the base model's embeddings of prompts (there, an image network's features); the
         released notebook ends before the score, so its weights, w from -1 to 1, are ours; the pass takes the whole
         budget, skipping or repeating rows evenly; `replay` keeps a share of each batch for earlier blocks, its other
         remedies (EWC, LwF) are left out. `rank` trains a worse order: 1 the worst, 0.5 the middle one
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import permutations
from math import factorial
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Arms, largest_remainder
from curriculab.protocol import Run, Score, Train
from curriculab.registry.knobs import Knob, check_bounds


def curriculum_designer(
    pool: pd.DataFrame,
    run: Run,
    *,
    classes: Annotated[str, Knob(help="column whose values are the classes")] = "topic",
    samples: Annotated[
        int, Knob(help="rows of a class that its prototype is the mean of", least=1)
    ] = 100,  # released notebook: 500
    orders: Annotated[int, Knob(help="orders tried where there are more than five classes", least=1)] = 200,
    rank: Annotated[
        float,
        Knob(0.0, 1.0, "which of the orders tried is taken: 0 the best, 1 the worst", step=0.05, least=0.0, most=1.0),
    ] = 0.0,
    replay: Annotated[
        float, Knob(0.0, 0.9, "share of a batch from earlier blocks", step=0.1, least=0.0, below=1.0)
    ] = 0.0,  # 0: naive
) -> Generator:
    """score(order) = - v[first] + sum_k w_k (1 - d[first, order_k]),  w from -1 to 1 over k = 2 .. K;
    d = distances, rows summing to 1; v = variance of each row, divided by their sum. Returns all orders and scores.
    """
    check_bounds(curriculum_designer, locals())
    arms = Arms(pool, classes, run.rng)
    some = [run.rng.permutation(rows)[:samples] for rows in arms.rows]
    read = yield Score(pool.take(np.concatenate(some)), "embedding", role="base")
    parts = np.split(np.stack(read["embedding"].to_list()), np.cumsum([len(s) for s in some])[:-1])
    tried = _orders(len(arms), orders, run.rng)
    value = order_scores(distances(np.stack([part.mean(axis=0) for part in parts])), tried)
    best = np.argsort(-value, kind="stable")
    order = tried[best[round(rank * (len(best) - 1))]]
    ends = np.cumsum([len(arms.rows[k]) for k in order]) / len(pool)
    read_until = run.progress  # reading counts as work, and must not skip the first block
    while run.progress < 1:
        t = (run.progress - read_until) / (1 - read_until)
        block = min(int(np.searchsorted(ends, t + 1e-9, side="right")), len(order) - 1)
        old = round(replay * run.batch) if block else 0
        asked = np.full(run.batch, order[block])
        if old:
            asked[:old] = np.repeat(order[:block], largest_remainder(np.ones(block), old))
        yield Train(pool.take(arms.take(asked)), note={"block": block + 1})
    names = arms.names.astype(str)
    return pd.DataFrame({"order": [" > ".join(names[tried[i]]) for i in best], "score": value[best]})


def distances(prototypes: np.ndarray) -> np.ndarray:
    """Cosine distances between classes (K, K), every row divided by its sum."""
    unit = prototypes / np.maximum(np.linalg.norm(prototypes, axis=1, keepdims=True), 1e-12)
    d = np.maximum(1 - unit @ unit.T, 0.0)
    np.fill_diagonal(d, 0.0)
    return d / np.maximum(d.sum(axis=1, keepdims=True), 1e-12)


def order_scores(d: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Scores of orders (n, K), by distances d (K, K) whose rows sum to 1; a class is not compared with itself."""
    size = len(d)
    if size < 2:
        return np.zeros(len(orders))
    v = d[~np.eye(size, dtype=bool)].reshape(size, size - 1).var(axis=1)
    w = np.linspace(-1, 1, size - 1) if size > 2 else np.zeros(1)
    first = orders[:, :1]
    return -(v / (v.sum() or 1.0))[orders[:, 0]] + (1 - d[first, orders[:, 1:]]) @ w


def _orders(size: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """All orders of up to five classes, else `most` random ones, (orders, classes)."""
    if size <= 5:
        return np.array(list(permutations(range(size))))
    return np.array([rng.permutation(size) for _ in range(min(most, factorial(size)))])


def check(bench: CheckBench) -> Check:
    """Classes whose looks are known: is the order trained the best of all by distances worked out from the pool?"""
    pool, student = bench.planted({"a": 0.95, "b": 0.8, "c": 0.5, "d": 0.3, "e": 0.1})
    runs = bench.reinforce(curriculum_designer, signal=("embedding",), pool=pool, student=student, steps=50, rollouts=2)
    seen = bench.exposure(runs, pool)
    switches = seen.groupby("seed").topic.agg(lambda t: (t != t.shift()).sum())
    names, hard = list("abcde"), pool.groupby("topic").logit.mean()
    true = distances(np.column_stack([np.eye(5), hard - pool.logit.mean()]))  # what the simulated student shows
    everything = order_scores(true, np.array(list(permutations(range(5)))))
    trained = []
    for _, topics in seen.groupby("seed").topic:
        order = list(map(names.index, topics.unique()))
        trained.append(order + [k for k in range(5) if k not in order])
    own = order_scores(true, np.array(trained))
    better = float(np.mean([(everything > x + 1e-9).mean() for x in own]))
    return Check(
        claim="five classes come in five blocks, in the best of their 120 orders by the true distances",
        refuted_by="more blocks than classes, or any of the 120 orders with a better score than the one trained "
        "(distances without information leave half of them better)",
        measured={"blocks": float(switches.max()), "better_orders": better},
        held=switches.max() == 5 and better == 0,
        seeds=bench.seeds,
    )
