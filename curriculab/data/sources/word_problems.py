"""Word problems: everyday arithmetic in one to five steps, each with its worked solution.

For models that were trained on ordinary text; the ladder's rows are short codes that a small model learns from scratch.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from curriculab.data.registry import source
from curriculab.data.sources.ladder import checked, fill
from curriculab.data.validation import PoolError

LEVELS = (1, 2, 3, 4, 5)
TOPICS = ("counting", "sharing", "money")
EACH = 500  # problems of one topic at one level

NAMES = ("Ana", "Ben", "Carla", "David", "Emma", "Felix", "Grace", "Hugo", "Ines", "Jonas", "Karim", "Lena")
THINGS = ("apples", "pencils", "stickers", "marbles", "books", "shells", "cards", "cookies", "stamps", "buttons")
HOLDERS = ("bags", "boxes", "baskets", "drawers", "packs")
MORE = ("{name} gets {k} more.", "{name} buys {k} more.", "{name} finds {k} more.", "A friend brings {k} more.")
FEWER = ("{name} gives {k} away.", "{name} loses {k}.", "{name} sells {k}.", "A friend takes {k}.")


@source("word_problems")
def load(
    name: str = "word_problems",
    *,
    topics: str | Sequence[str] | None = None,
    levels: int | Sequence[int] | None = None,
    n: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """`n` problems (all without it) in an order of `seed`, balanced over levels, then topics; a tenth are held out.

    A level is the number of operations. Columns: prompt, answer, solution, topic, level, held_out.
    """
    chosen_topics = checked(topics, TOPICS, "topic", source=name)
    chosen_levels = checked(levels, LEVELS, "level", source=name)
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    table = whole_table()
    table = table[table["topic"].isin(chosen_topics) & table["level"].isin(chosen_levels)]
    if n is None:
        return table.iloc[rng.permutation(len(table))].copy()
    if not 1 <= n <= len(table):
        raise PoolError(f"{name}: asked for {n} rows, expected 1 to {len(table):,} of these levels and topics")
    cells = list(table.reset_index(drop=True).groupby(["level", "topic"]).groups.values())
    room = np.array([len(cell) for cell in cells])
    counts = fill(n, room, np.zeros(len(cells), int), rng)
    rows = [rng.permutation(cell)[:count] for cell, count in zip(cells, counts, strict=True)]
    return table.iloc[rng.permutation(np.concatenate(rows))].copy()


@lru_cache(maxsize=1)
def whole_table() -> pd.DataFrame:
    """Every problem, indexed by id, no text twice; shared, so never to be changed."""
    rows, seen = {}, set()
    for level in LEVELS:
        for topic in TOPICS:
            rng = np.random.default_rng([level, TOPICS.index(topic)])
            place = 0
            while place < EACH:
                prompt, steps, answer = _problem(rng, topic, level)
                if prompt in seen:
                    continue
                seen.add(prompt)
                solution = "\n".join([*steps, f"The answer is {answer}."])
                key = f"word_problems/{topic}/{level}/{place:05d}"
                rows[key] = (prompt, str(answer), solution, topic, level, place % 10 == 9)
                place += 1
    columns = ["prompt", "answer", "solution", "topic", "level", "held_out"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("id")


def _problem(rng: np.random.Generator, topic: str, level: int) -> tuple[str, list[str], int]:
    """A text, its operations as lines, and the answer; with two steps or more some begin with a product."""
    name, thing = _one_of(NAMES, rng), _one_of(THINGS, rng)
    while True:
        last = topic != "counting"
        product = level - last >= 1 and rng.random() < 0.4
        amount, sentences, steps = _beginning(rng, name, thing, product)
        for _ in range(level - last - product):
            amount = _change(rng, name, amount, sentences, steps)
        question, answer = _ending(rng, topic, name, thing, amount, steps)
        if answer is not None:
            return " ".join([*sentences, question]), steps, answer


def _one_of(choices: Sequence, rng: np.random.Generator) -> object:
    return choices[rng.integers(len(choices))]


def _beginning(rng: np.random.Generator, name: str, thing: str, product: bool) -> tuple[int, list[str], list[str]]:
    """What there is at first: a number of things, or several holders with as many each."""
    if not product:
        amount = int(rng.integers(5, 60))
        return amount, [f"{name} has {amount} {thing}."], []
    holders, each = int(rng.integers(2, 10)), int(rng.integers(3, 13))
    text = f"{name} has {holders} {_one_of(HOLDERS, rng)} with {each} {thing} each."
    return holders * each, [text], [f"{holders} * {each} = {holders * each}"]


def _change(rng: np.random.Generator, name: str, amount: int, sentences: list[str], steps: list[str]) -> int:
    """One more sentence: some are added, or some of them taken away."""
    if amount > 5 and rng.random() < 0.5:
        k = int(rng.integers(2, amount - 1))
        after, sign, words = amount - k, "-", FEWER
    else:
        k = int(rng.integers(2, 50))
        after, sign, words = amount + k, "+", MORE
    sentences.append(_one_of(words, rng).format(name=name, k=k))
    steps.append(f"{amount} {sign} {k} = {after}")
    return after


def _ending(
    rng: np.random.Generator, topic: str, name: str, thing: str, amount: int, steps: list[str]
) -> tuple[str, int | None]:
    """The question, with the last operation where it asks for one; no answer where it does not come out whole."""
    if topic == "counting":
        return f"How many {thing} does {name} have now?", amount
    if topic == "money":
        price = int(rng.integers(2, 13))
        steps.append(f"{amount} * {price} = {amount * price}")
        return f"Each is sold for {price} dollars. How many dollars is that?", amount * price
    whole = [k for k in range(2, 10) if amount % k == 0 and amount > k]
    if not whole:
        return "", None
    k = _one_of(whole, rng)
    steps.append(f"{amount} / {k} = {amount // k}")
    return f"{k} children share all of them equally. How many {thing} does each child get?", amount // k
