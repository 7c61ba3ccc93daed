"""The ladder: short prompts, answers that independent code finds too, no way to guess, balanced draws."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from curriculab.data.files import data_path
from curriculab.data.loading import load_pool
from curriculab.data.sources import ladder
from curriculab.data.validation import PoolError
from tools import make_ladder

TABLE = ladder.whole_table()
# legs of the animals in the generator's list, written out again: what is not here has four or six
LEGS = {
    0: "snake, sea slug, jellyfish, flatworm, leech",
    2: "chicken, bird, human, duck",
    5: "starfish",
    4: "dog, cat, cow, horse, lion, elephant, giraffe, tiger, deer, sheep",
    8: "spider, scorpion",
    6: "insect, ant, butterfly, beetle, bee, wasp, grasshopper, cricket, cockroach, praying mantis, firefly",
    10: "crab, lobster, shrimp",
    14: "woodlouse",
}
LEGS_OF = {animal: count for count, animals in LEGS.items() for animal in animals.split(", ")}


def in_order(words: list[str], direction: str) -> list[str]:
    return sorted(words, reverse=direction == "down")


def solve_add(text: str) -> str:
    return str(sum(int(term) for term in re.findall(r"[-+]?\d+", text.replace(" ", ""))))


def solve_product(text: str) -> str:
    first, second = text.split(" * ")
    return str(int(first) * int(second))


def solve_equation(text: str) -> str:
    """A linear equation from its values at 0 and 1; the terms are numbers and multiples of one letter."""
    left, right = text.split(" = ")

    def value(x: int) -> int:
        terms = re.sub(r"^- ", "-", left).replace("- ", "-").replace("+ ", "").split()
        return sum(term_value(term, x) for term in terms)

    def term_value(term: str, x: int) -> int:
        match = re.fullmatch(r"(-?)(\d*)\*?([a-z]?)", term)
        assert match, term
        sign, number, letter = match.groups()
        return (-1 if sign else 1) * int(number or 1) * (x if letter else 1)

    slope = value(1) - value(0)
    solution = Fraction(int(right) - value(0), slope)
    assert solution.denominator == 1
    return str(solution)


def solve_sort(text: str) -> str:
    direction, *numbers = text.split()
    return " ".join(sorted(numbers, key=float, reverse=direction == "down"))


def solve_base(text: str) -> str:
    source, target, digits = re.fullmatch(r"(\d+) to (\d+): (\w+)", text).groups()
    value, out = int(digits, int(source)), ""
    while value:
        value, rest = divmod(value, int(target))
        out = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + out
    return out


def solve_filter(verb: str, text: str) -> str:
    sign, bound, numbers = re.fullmatch(r"([<>]) (\S+): (.*)", text).groups()
    inside = {"<": lambda x: x < float(bound), ">": lambda x: x > float(bound)}[sign]
    return " ".join(number for number in numbers.split() if inside(float(number)) == (verb == "keep"))


def solve_caesar(text: str) -> str:
    rotation, cipher = text.split(" ", 1)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    shift = int(rotation) % 26
    return cipher.translate(str.maketrans(alphabet[shift:] + alphabet[:shift], alphabet))


def solve_spiral(text: str) -> str:
    grid, out = np.array([list(row) for row in text.split("/")]), ""
    while grid.size:  # peel the top row, turn the rest left
        out, grid = out + "".join(grid[0]), np.rot90(grid[1:])
    return out


def solve_legs(text: str) -> str:
    parts = [part.split(" ", 1) for part in text.split(", ")]
    return str(sum(int(count) * LEGS_OF[animal] for count, animal in parts))


SOLVERS = {
    "add": solve_add,
    "product": solve_product,
    "solve": solve_equation,
    "reverse": lambda text: "".join(reversed(text)),
    "sort": solve_sort,
    "base": solve_base,
    "keep": lambda text: solve_filter("keep", text),
    "drop": lambda text: solve_filter("drop", text),
    "caesar": solve_caesar,
    "order": lambda text: " ".join(in_order(text.split()[1:], text.split()[0])),
    "spiral": solve_spiral,
    "simplify": lambda text: f"{Fraction(text).numerator}/{Fraction(text).denominator}",
    "legs": solve_legs,
}


@pytest.mark.parametrize("skill", ladder.SKILLS)
def test_answers_agree_with_independent_solvers(skill: str) -> None:
    rows = load_pool("ladder", skills=skill, n=600, seed=3)
    for prompt, answer in zip(rows["prompt"], rows["answer"], strict=True):
        command, text = prompt.split(" ", 1)
        assert SOLVERS[command](text) == answer, prompt


def test_the_table_has_twelve_skills_at_six_levels() -> None:
    assert TABLE.groupby("topic")["level"].unique().map(sorted).map(tuple).to_dict() == {
        skill: ladder.LEVELS for skill in ladder.SKILLS
    }
    assert TABLE.index.is_unique and TABLE["prompt"].is_unique
    assert not (TABLE["prompt"] == TABLE["answer"]).any()
    assert data_path("ladder.parquet").stat().st_size <= 10e6


def test_prompts_are_short() -> None:
    longest = TABLE["prompt"].map(lambda text: len(text.encode())).groupby(TABLE["level"]).max()
    assert (longest <= pd.Series(make_ladder.PROMPT_BYTES)).all()
    assert make_ladder.PROMPT_BYTES[1] == 48 and make_ladder.PROMPT_BYTES[6] == 120


def test_no_constant_answer_is_right_in_a_twentieth_of_a_cell() -> None:
    for cell, answers in TABLE.groupby(["topic", "level"])["answer"]:
        assert answers.value_counts().iloc[0] < 0.05 * len(answers), cell


def test_a_tenth_of_every_cell_is_held_out_by_a_hash_of_the_prompt() -> None:
    sample = TABLE.iloc[::23]
    assert sample["prompt"].map(make_ladder.is_held_out).tolist() == sample["held_out"].tolist()
    for cell, flags in TABLE.groupby(["topic", "level"])["held_out"]:
        assert abs(flags.mean() - 0.1) < 4.5 * (0.09 / len(flags)) ** 0.5, cell  # 72 cells: 4.5 sd


@pytest.mark.parametrize("n", [72, 300, 1001, 3000])
def test_draws_are_balanced_over_levels_and_skills(n: int) -> None:
    rows = load_pool("ladder", n=n, seed=1)
    assert len(rows) == n and rows.index.is_unique and rows["prompt"].is_unique
    assert rows["held_out"].sum() == (n + 5) // 10
    for table in (rows, rows[rows["held_out"]]):
        counts = table["level"].value_counts().reindex(ladder.LEVELS, fill_value=0)
        assert counts.max() - counts.min() <= 1
    cells = rows.groupby(["level", "topic"]).size().unstack(fill_value=0)
    assert (cells.max(axis=1) - cells.min(axis=1) <= 1).all()


def test_seeds_decide_rows_and_order() -> None:
    first, again, other = (load_pool("ladder", n=600, seed=seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again)
    assert not first["level"].is_monotonic_increasing
    assert len(set(first.index) & set(other.index)) < 60  # 5 expected of 600 draws in 230,000, more in small cells


def test_skills_and_levels_are_chosen() -> None:
    rows = load_pool("ladder", skills=["sort", "add"], levels=[1, 3], n=40)
    assert set(rows["topic"]) == {"add", "sort"} and set(rows["level"]) == {1, 3}
    everything = load_pool("ladder", skills="legs", levels=1)
    assert len(everything) == ((TABLE["topic"] == "legs") & (TABLE["level"] == 1)).sum()


def test_a_small_cell_warns_and_others_fill_up() -> None:
    has = ((TABLE["topic"] == "legs") & (TABLE["level"] == 1)).sum()
    with pytest.warns(UserWarning) as caught:
        rows = load_pool("ladder", skills=["legs", "sort"], levels=1, n=1000)
    assert [str(warning.message) for warning in caught] == [
        f"ladder: legs has {has} items at level 1, asked for 500; it gives {has}, other skills of the level fill up"
    ]
    assert len(rows) == 1000 and rows["held_out"].sum() == 100


def test_a_level_with_too_few_items_says_so() -> None:
    has = ((TABLE["topic"] == "legs") & (TABLE["level"] == 1) & ~TABLE["held_out"]).sum()
    with pytest.raises(PoolError) as error:
        load_pool("ladder", skills="legs", levels=1, n=1000)
    assert str(error.value) == (
        f"ladder: level 1 of the skills asked for has {has} training items, n=1000 needs 900; ask for fewer rows"
    )


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"skills": "sum"}, f"ladder: unknown skill 'sum'; known are {', '.join(ladder.SKILLS)}"),
        ({"levels": 7}, "ladder: unknown level 7; known are 1, 2, 3, 4, 5, 6"),
        ({"n": 0}, "ladder: asked for 0 rows, expected at least 1, or None for all"),
    ],
)
def test_wrong_knobs_name_what_is_known(knobs: dict, message: str) -> None:
    with pytest.raises(PoolError) as error:
        load_pool("ladder", **knobs)
    assert str(error.value) == message


def test_loading_is_fast(slowness: Callable[[], float]) -> None:
    load_pool("ladder", n=3000, seed=0)
    start = time.perf_counter()
    load_pool("ladder", n=3000, seed=1)
    assert time.perf_counter() - start < 0.3 * slowness()


@pytest.mark.needs("reasoning-gym")
def test_the_generator_makes_the_shipped_items() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = make_ladder.generate(items=20, skills=("add", "reverse", "words"))
    assert set(made["prompt"]) <= set(TABLE["prompt"])
    assert made.groupby(["topic", "level"]).size().eq(20).all()
