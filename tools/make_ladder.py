"""Twelve verifiable skills at six levels each, made by the generators of the reasoning-gym package.

    id                 prompt               answer   topic    level
    ladder/add/1/0000  add 47 + 30          77       add      1
    ladder/sort/1/0000 sort down 12 77 31   77 31 12 sort     1

`python -m tools.make_ladder` writes the shipped table (`data/ladder.parquet`). Only that needs reasoning-gym (the
optional extra `gym`); reading the table needs neither it nor a compiler, nor do the worked steps of its items
(`solution`, see ladder_steps.py): `python -m tools.make_ladder --solutions` adds them to the table that is there.
Values and answers come from the generators, through their own knobs; the short wording is ours, and so are the phrases
of `reverse` and `caesar`, which join words drawn by `spell_backward` (the package's own sentences are too few and too
long for six levels).

A tenth of the items, picked by a hash of the prompt, is held out: never in any training text.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curriculab.data.files import data_path
from curriculab.data.sources.ladder import LEVELS, SKILLS
from tools.ladder_steps import worked

PROMPT_BYTES = {1: 48, 2: 62, 3: 77, 4: 91, 5: 106, 6: 120}  # the longest prompt of a level


ITEMS = 3500  # distinct items a cell aims at


ANSWER_SHARE = 0.04  # no answer is more frequent in its cell; guessing the best constant stays below 0.05


PATIENCE = 4000  # draws without a new item after which a cell counts as exhausted


Entry = dict[str, Any]


Item = tuple[str, str]


def is_held_out(prompt: str) -> bool:
    """True for one prompt in ten, by its hash: the same in every version of the table."""
    return int.from_bytes(blake2b(prompt.encode(), digest_size=8).digest(), "big") % 10 == 0


def write_add(entries: list[Entry], rng: np.random.Generator, *, tens: bool = False) -> Item | None:
    """With `tens`, the second term is a multiple of ten and the result is not negative: no digit is carried over."""
    expression, answer = entries[0]["metadata"]["expression"], entries[0]["answer"]
    if tens and (not expression.endswith("0") or answer.startswith("-")):
        return None
    return f"add {expression}", answer


def write_product(
    entries: list[Entry], rng: np.random.Generator, *, one_of: tuple[int, ...] = (), low: int = 0
) -> Item | None:
    """Both factors are at least `low`, and where `one_of` is given, one of them is in it, or both are of one digit."""
    expression = entries[0]["metadata"]["expression"]
    factors = [int(factor) for factor in expression.split(" * ")]
    if min(factors) < low or (one_of and not set(factors) & set(one_of) and max(factors) > 9):
        return None
    return f"product {expression}", entries[0]["answer"]


def write_equation(entries: list[Entry], rng: np.random.Generator, *, carry: bool = True) -> Item | None:
    """Without `carry`, the constant has one digit and solution and right side share all digits but the last."""
    equation, answer = entries[0]["metadata"]["equation"], entries[0]["answer"]
    left, right = equation.split(" = ")
    if left.lstrip("-").isdigit():  # the unknown cancelled out
        return None
    if not carry:
        constant = left.split()[-1]
        if left.startswith("-") or not constant.isdigit() or int(constant) > 9 or right[:-1] != answer[:-1]:
            return None
    return f"solve {equation}", answer


def write_reverse(entries: list[Entry], rng: np.random.Generator) -> Item | None:
    text = " ".join(entry["metadata"]["word"] for entry in entries)
    return (f"reverse {text}", text[::-1]) if text.isascii() else None


def write_sort(entries: list[Entry], rng: np.random.Generator) -> Item | None:
    values = entries[0]["metadata"]
    numbers = [f"{float(number):g}" for number in values["original_numbers"]]
    if len(set(numbers)) < len(numbers):
        return None
    word = "up" if values["direction"] == "ascending" else "down"
    return f"sort {word} {' '.join(numbers)}", " ".join(f"{float(number):g}" for number in values["sorted_numbers"])


def write_base(
    entries: list[Entry], rng: np.random.Generator, *, pairs: tuple[tuple[int, int], ...] = (), even: bool = False
) -> Item | None:
    """`pairs` of (from, to) allowed, all if empty; `even`: the leading base-4 digit fills both of its bits."""
    values = entries[0]["metadata"]
    source, target = values["source_base"], values["target_base"]
    if (pairs and (source, target) not in pairs) or (even and values["source_repr"][0] == "1"):
        return None
    return f"base {source} to {target}: {values['source_repr']}", values["target_repr"]


def write_filter(entries: list[Entry], rng: np.random.Generator, *, drop: bool = True, least: int = 1) -> Item | None:
    """At least `least` numbers stay; without `drop`, only the wording "keep" is used."""
    values = entries[0]["metadata"]
    verb, side = values["operation"].split("_")
    if len(values["result"]) < least or (verb == "remove" and not drop):
        return None
    word, sign = {"keep": "keep", "remove": "drop"}[verb], {"larger": ">", "smaller": "<"}[side]
    prompt = f"{word} {sign} {float(values['filter_value']):g}: {' '.join(short(values['original_numbers']))}"
    return prompt, " ".join(short(values["result"]))


def short(numbers: list[str]) -> list[str]:
    return [f"{float(number):g}" for number in numbers]


def write_caesar(entries: list[Entry], rng: np.random.Generator, *, low: int, high: int) -> Item | None:
    """A rotation in [low, high], counted modulo 26; the answer is the text before it."""
    clear = " ".join(entry["metadata"]["word"] for entry in entries).upper()
    rotation = int(rng.integers(low, high + 1))
    if not clear.replace(" ", "").isascii() or not clear.replace(" ", "").isalpha() or rotation % 26 == 0:
        return None
    cipher = "".join(c if c == " " else chr((ord(c) - 65 + rotation) % 26 + 65) for c in clear)
    return f"caesar {rotation} {cipher}", clear


def write_words(entries: list[Entry], rng: np.random.Generator, *, initials: bool = False) -> Item | None:
    """With `initials`, no two words begin with the same letter."""
    values = entries[0]["metadata"]
    words = values["transformed_words"]
    if len({word[:1] if initials else word for word in words}) < len(words) or not "".join(words).isalpha():
        return None
    word = "up" if values["direction"] == "ascending" else "down"
    return f"order {word} {' '.join(words)}", " ".join(values["sorted_words"])


def write_spiral(entries: list[Entry], rng: np.random.Generator) -> Item:
    values = entries[0]["metadata"]
    rows = ("".join(map(str, row)) for row in values["matrix"])
    return f"spiral {'/'.join(rows)}", "".join(map(str, values["solution"]))


def write_fraction(entries: list[Entry], rng: np.random.Generator) -> Item:
    values = entries[0]["metadata"]
    return f"simplify {values['numerator']}/{values['denominator']}", entries[0]["answer"]


def write_legs(entries: list[Entry], rng: np.random.Generator) -> Item:
    animals = entries[0]["metadata"]["animals"]
    return f"legs {', '.join(f'{count} {animal}' for animal, count in animals.items())}", entries[0]["answer"]


@dataclass(frozen=True)
class Rung:
    """One cell: the knobs of its generator, how many entries make a row, and what its writer adds."""

    knobs: dict[str, Any]
    entries: tuple[int, int] = (1, 1)
    own: dict[str, Any] = field(default_factory=dict)


def span(name: str, low: float, high: float | None = None) -> dict[str, float]:
    return {f"min_{name}": low, f"max_{name}": low if high is None else high}


def chain(terms: int, digits: int, **own: Any) -> Rung:
    return Rung({**span("terms", terms), **span("digits", digits)}, own=own)


def multiply(digits: int, to: int | None = None, **own: Any) -> Rung:
    return Rung({**span("terms", 2), **span("digits", digits, to)}, own=own)


def solve(high: int, operators: str, weights: list[float], terms: tuple[int, int] = (2, 2), **own: Any) -> Rung:
    knobs = {**span("terms", *terms), **span("value", 1, high)}
    return Rung({**knobs, "operators": tuple(operators), "operators_weights": weights}, own=own)


def spell(shortest: int, longest: int, words: tuple[int, int] = (1, 1), **own: Any) -> Rung:
    return Rung(span("word_len", shortest, longest), entries=words, own=own)


def numbers(low: int, high: int, values: tuple[float, float], decimals: int = 0, **own: Any) -> Rung:
    return Rung({**span("numbers", low, high), **span("value", *values), **span("decimals", 0, decimals)}, own=own)


def convert(bases: tuple[int, int], values: tuple[int, int], **own: Any) -> Rung:
    return Rung({**span("base", *bases), **span("value", *values)}, own=own)


def order(words: tuple[int, int], letters: tuple[int, int], case: str = "lowercase", **own: Any) -> Rung:
    return Rung({**span("words", *words), **span("word_length", *letters), "transformation": case}, own=own)


def simplify(values: tuple[int, int], factors: tuple[int, int]) -> Rung:
    return Rung({**span("value", *values), **span("factor", *factors), "styles": ("plain",)})


def legs(animals: int, instances: tuple[int, int]) -> Rung:
    return Rung({**span("animals", animals), **span("instances", *instances)})


def powers(*bases: int) -> tuple[tuple[int, int], ...]:
    return tuple((source, target) for source in bases for target in bases if source != target)


# skill -> (generator, writer, six rungs). Later levels have more terms, more digits or longer texts, and from level 5
# on something new as well: signs and decimals, mixed case, rotations beyond 26, bases that are no powers of two.
LADDER: dict[str, tuple[str, Callable[..., Item | None], tuple[Rung, ...]]] = {
    "add": (
        "chain_sum",
        write_add,
        (chain(2, 2, tens=True), chain(3, 1), chain(4, 1), chain(5, 1), chain(4, 2), chain(6, 3)),
    ),
    "product": (
        "products",
        write_product,
        (
            multiply(1, 2, one_of=(10, 20), low=1),
            multiply(2, one_of=(30, 40, 50), low=11),
            multiply(2, one_of=(60, 70, 80, 90), low=11),
            multiply(2, one_of=tuple(range(11, 20)), low=11),
            multiply(2, low=21),
            multiply(4),
        ),
    ),
    "equation": (
        "simple_equations",
        write_equation,
        (
            solve(40, "+-", [0.5, 0.5], carry=False),
            solve(30, "+-", [0.5, 0.5]),
            solve(60, "+-", [0.5, 0.5]),
            solve(200, "+-", [0.5, 0.5]),
            solve(200, "+-*", [0.5, 0.5, 0.0], (3, 4)),
            solve(2000, "+-*", [0.4, 0.4, 0.2], (3, 4)),
        ),
    ),
    "reverse": (
        "spell_backward",
        write_reverse,
        (spell(3, 3), spell(4, 5), spell(6, 7), spell(9, 10), spell(7, 8, (3, 3)), spell(8, 10, (9, 10))),
    ),
    "sort": (
        "number_sorting",
        write_sort,
        (
            numbers(2, 2, (10, 99)),
            numbers(3, 3, (10, 99)),
            numbers(5, 5, (10, 99)),
            numbers(8, 8, (10, 99)),
            numbers(9, 9, (-99, 99), 1),
            numbers(15, 16, (-99, 99), 2),
        ),
    ),
    "base": (
        "base_conversion",
        write_base,
        (
            convert((2, 4), (8, 1023), pairs=((4, 2),), even=True),
            convert((2, 4), (16, 1023), pairs=powers(2, 4)),
            convert((2, 8), (64, 4095), pairs=powers(2, 4, 8)),
            convert((2, 16), (2**12, 2**16), pairs=powers(2, 4, 8, 16)),
            convert((3, 10), (200, 4000)),
            convert((3, 36), (10**6, 10**9)),
        ),
    ),
    "filter": (
        "number_filtering",
        write_filter,
        (
            numbers(2, 2, (10, 99), drop=False),
            numbers(4, 4, (10, 99)),
            numbers(6, 6, (10, 99), least=2),
            numbers(9, 9, (10, 99), least=4),
            numbers(11, 11, (-99, 99), 1, least=6),
            numbers(17, 18, (-99, 99), 2, least=11),
        ),
    ),
    "caesar": (
        "spell_backward",
        write_caesar,
        (
            spell(3, 3, low=1, high=1),
            spell(4, 5, low=1, high=3),
            spell(5, 6, low=1, high=6),
            spell(7, 9, low=1, high=13),
            spell(6, 8, (3, 3), low=27, high=99),
            spell(7, 9, (9, 10), low=100, high=9999),
        ),
    ),
    "words": (
        "word_sorting",
        write_words,
        (
            order((2, 2), (3, 4), initials=True),
            order((3, 3), (3, 4)),
            order((4, 4), (3, 5)),
            order((6, 6), (4, 6)),
            order((8, 8), (5, 7), "randomcase"),
            order((11, 12), (6, 10), "randomcase"),
        ),
    ),
    "spiral": (
        "spiral_matrix",
        write_spiral,
        tuple(Rung(span("n", n)) for n in (2, 3, 4, 5, 7, 9)),
    ),
    "fraction": (
        "fraction_simplification",
        write_fraction,
        (
            simplify((1, 50), (10, 10)),
            simplify((1, 50), (2, 2)),
            simplify((1, 50), (3, 4)),
            simplify((1, 50), (5, 9)),
            simplify((10, 200), (11, 40)),
            simplify((100, 1000), (100, 1000)),
        ),
    ),
    "legs": (
        "leg_counting",
        write_legs,
        (legs(1, (1, 12)), legs(2, (1, 3)), legs(2, (2, 9)), legs(3, (2, 12)), legs(5, (5, 50)), legs(6, (50, 500))),
    ),
}


def generate(*, seed: int = 0, items: int = ITEMS, skills: tuple[str, ...] = SKILLS) -> pd.DataFrame:
    """The whole table: prompt, answer, topic, level; every cell from a stream of its own, every prompt once."""
    streams = np.random.SeedSequence(seed).spawn(len(SKILLS) * len(LEVELS))
    seen: set[str] = set()
    cells = []
    for place, stream in enumerate(streams):
        skill, level = SKILLS[place // len(LEVELS)], LEVELS[place % len(LEVELS)]
        if skill in skills:
            rows = collect(draws(skill, level, np.random.default_rng(stream)), level, items, seen)
            cells.append(pd.DataFrame(rows, columns=["prompt", "answer"]).assign(topic=skill, level=level))
            print(f"{skill:9} {level}  {len(rows):5} items   {rows[0][0]}  ->  {rows[0][1]}", flush=True)
    return pd.concat(cells, ignore_index=True)


def draws(skill: str, level: int, rng: np.random.Generator) -> Iterator[Item | None]:
    """Items without end; each from a key of its own, since the package seeds item i of seed s by s + i."""
    import reasoning_gym
    from reasoning_gym.algorithmic.word_sorting import TextTransformation

    task, write, rungs = LADDER[skill]
    rung = rungs[level - 1]
    knobs = dict(rung.knobs)
    if "transformation" in knobs:
        knobs["transformation"] = TextTransformation(knobs["transformation"])
    source = reasoning_gym.create_dataset(task, size=1, seed=0, **knobs)
    while True:
        entries = [source[int(rng.integers(2**62))] for _ in range(rng.integers(*rung.entries, endpoint=True))]
        yield write(entries, rng, **rung.own)


def collect(source: Iterator[Item | None], level: int, items: int, seen: set[str]) -> list[Item]:
    """Up to `items` new prompts that are short enough, none of whose answers takes more than its share."""
    rows: list[Item] = []
    counts: Counter[str] = Counter()
    idle = 0
    for item in source:
        idle += 1
        if len(rows) == items or idle > PATIENCE:
            break
        if item is None or item[0] in seen or len(item[0].encode()) > PROMPT_BYTES[level]:
            continue
        if counts[item[1]] < ANSWER_SHARE * items:
            rows.append(item)
            seen.add(item[0])
            counts[item[1]] += 1
            idle = 0
    return thin(rows)


def thin(rows: list[Item]) -> list[Item]:
    """Drop the last rows of answers above their share, until none is (a small cell holds fewer rows than asked)."""
    while rows:
        counts: Counter[str] = Counter()
        most = max(1, int(ANSWER_SHARE * len(rows)))
        kept = [row for row in rows if counts.update([row[1]]) or counts[row[1]] <= most]
        if len(kept) == len(rows):
            break
        rows = kept
    return rows


def with_solutions(table: pd.DataFrame) -> pd.DataFrame:
    """The table with each item's worked steps as its last column; everything else stays as it is."""
    solutions = [worked(prompt, answer) for prompt, answer in zip(table["prompt"], table["answer"], strict=True)]
    return table.drop(columns="solution", errors="ignore").assign(solution=solutions)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """One parquet file, written whole by rename; whole columns are packed at once, which keeps it below 10 MB."""
    part = path.with_name(path.name + ".part")
    flags = [is_held_out(prompt) for prompt in table["prompt"]]
    texts = ("prompt", "answer", "solution")
    with_solutions(table.assign(held_out=flags)).astype({"level": "int8"}).to_parquet(
        part,
        index=False,
        compression="zstd",
        compression_level=22,
        row_group_size=len(table),
        data_page_size=2**26,
        use_dictionary=["topic"],
        column_encoding={name: "DELTA_LENGTH_BYTE_ARRAY" for name in texts},
    )
    os.replace(part, path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the ladder's table (needs the extra `gym`).")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--items", type=int, default=ITEMS, help="distinct items a cell aims at")
    parser.add_argument("--out", type=Path, default=data_path("ladder.parquet"))
    parser.add_argument("--solutions", action="store_true", help="only add worked steps to the table that is there")
    options = parser.parse_args()
    if options.solutions:
        table = pd.read_parquet(options.out)
    else:
        table = generate(seed=options.seed, items=options.items)
    write_table(table, options.out)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
