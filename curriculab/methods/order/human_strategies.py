"""Human-inspired strategies: six orders of one epoch, from shuffled to interleaved with rising difficulty.

Title    Fine-tuning LLMs with Human-inspired Learning Strategies in Medical QA
Authors  Yang et al.
Year     2024
Number   9
Needs    columns level, topic
Adapts   no
Paper    Yang et al. 2024, "Fine-tuning Large Language Models with Human-inspired Learning Strategies in Medical
         Question Answering", arXiv 2408.07888
Kept     random; curriculum (easy to hard); blocked (by category); blocked curriculum (easy to hard within each);
         interleaved (each category cut into 3 parts: part 1 of every category, then part 2, then 3); interleaved
         curriculum (the same with parts of rising difficulty); order kept as it stands, no shuffling after it
Changed  categories come in the order of their first row; plain interleaved parts are drawn at random; within a part
         of rising difficulty rows go easy to hard; later epochs repeat the order with new ties. Difficulty by people
         or by a model is a matter of `by`: 1 - pass_rate_human, or option_probability
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue, ranked, scores
from curriculab.protocol import Run, Train
from curriculab.registry.knobs import Knob, check_bounds

ORDERS = ("random", "curriculum", "blocked", "blocked_curriculum", "interleaved", "interleaved_curriculum")


def human_strategies(
    pool: pd.DataFrame,
    run: Run,
    *,
    order: Annotated[
        str, Knob(choices=ORDERS, help="how difficulty and category order an epoch")
    ] = "interleaved_curriculum",  # the best on average with model difficulty (38.25 against 37.41 random)
    by: Annotated[
        str | None, Knob(help="column of difficulty, higher is harder; None for orders without difficulty")
    ] = "level",
    category: Annotated[str, Knob(help="column of the category")] = "topic",
    parts: Annotated[
        int, Knob(1, 8, "parts of equal size by difficulty", step=1, least=1)
    ] = 3,  # the released code's number
) -> Generator:
    """One epoch in the named order, then the next; `by` may be None for the three orders without difficulty."""
    check_bounds(human_strategies, locals())
    if order not in ORDERS:
        raise ValueError(f"order={order!r} is unknown; give one of {', '.join(ORDERS)}")
    score = scores(pool, by) if "curriculum" in order else np.zeros(len(pool))
    groups = _categories(pool, category) if order not in ("random", "curriculum") else [np.arange(len(pool))]
    queue = Queue(lambda: _epoch(score, groups, parts if "interleaved" in order else 1, run.rng))
    while True:
        yield Train(pool.take(queue.take(run.batch)))


def _epoch(score: np.ndarray, groups: list[np.ndarray], parts: int, rng: np.random.Generator) -> np.ndarray:
    """Part 1 of every group, then part 2, ...; each group runs from its lowest score to its highest, ties random."""
    cut = [np.array_split(group[ranked(score[group], rng)], parts) for group in groups]
    return np.concatenate([group[part] for part in range(parts) for group in cut])


def _categories(pool: pd.DataFrame, category: str) -> list[np.ndarray]:
    if category not in pool:
        raise ValueError(f"category={category!r} is no column of the pool; it has {', '.join(pool.columns)}")
    codes, names = pd.factorize(pool[category], use_na_sentinel=False)
    return [np.flatnonzero(codes == i) for i in range(len(names))]


def check(bench: CheckBench) -> Check:
    """What the names promise, measured on the rows trained: runs of one category, even thirds, rising difficulty."""
    pool, epoch = bench.wide, -(-len(bench.wide) // bench.batch_size)
    seen = {}
    for order in ("blocked_curriculum", "interleaved_curriculum"):
        runs = bench.simulate(human_strategies, pool=pool, signal=("topic", "level"), steps=epoch, order=order)
        seen[order] = bench.exposure(runs, pool).groupby("seed").head(len(pool))
    blocked, mixed = seen["blocked_curriculum"], seen["interleaved_curriculum"]
    switches = float(blocked.groupby("seed").topic.apply(lambda t: (t != t.shift()).sum()).mean())
    rises = float((blocked.groupby(["seed", "topic"])["level"].diff() < 0).mean())
    third = mixed.groupby("seed").cumcount() * 3 // len(pool)
    shares = mixed.groupby(["seed", third, "topic"]).size() / (len(pool) / 3 / pool.topic.nunique())
    off, rise = float((shares - 1).abs().max()), float(mixed.groupby(third)["level"].mean().diff().min())
    return Check(
        claim="blocked keeps a category together, easy to hard; interleaved spreads it over thirds that get harder",
        refuted_by="more runs of one category than categories; any fall of the level within a block; a category off "
        "its even share of a third by more than 5% (rounding on this pool: none); mean level not rising by 0.5 a third",
        measured={"blocks": switches, "falls": rises, "off_share": off, "rise": rise},
        held=switches == pool.topic.nunique() and rises == 0 and off <= 0.05 and rise >= 0.5,
        seeds=bench.seeds,
    )
