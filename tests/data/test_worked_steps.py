"""Every step of every item of the ladder, checked by code that was written apart from what makes them."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from functools import lru_cache

import pandas as pd
import pytest

from curriculab.data.files import data_path
from curriculab.data.loading import load_pool
from curriculab.data.sources import ladder
from curriculab.data.worked_steps import Step, reached, stated_answer, steps
from tests.data.sources.test_ladder import LEGS_OF, solve_equation

CALCULATION = re.compile(r"<<(-?\d+)([-+*/%])(-?\d+)(?:\+(\d+))?=(-?\d+)>>")
DIGIT = {character: value for value, character in enumerate("0123456789abcdefghijklmnopqrstuvwxyz")}
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def calculated(line: str) -> tuple[int, str, int, int | None, int]:
    """Operands and value of a line, which must be right."""
    match = CALCULATION.fullmatch(line)
    assert match, line
    a, sign, b, c, value = match.groups()
    x, y, z = int(a), int(b), int(value)
    if sign == "/":
        assert z * y == x, line
    elif sign == "%":
        assert 0 <= z < y and (x - z) % y == 0, line
    else:
        came = x + y if sign == "+" else x - y if sign == "-" else x * y
        assert came + int(c or 0) == z, line
    return x, sign, y, None if c is None else int(c), z


def check_add(text: str, lines: list[str]) -> str:
    terms = [int(term.replace(" ", "")) for term in re.findall(r"(?:^|[-+] )-?\d+", text)]
    total = terms.pop(0)
    assert len(terms) == len(lines)
    for term, line in zip(terms, lines, strict=True):
        x, sign, y, c, value = calculated(line)
        assert (x, y if sign == "+" else -y, c) == (total, term, None) and sign in "+-", line
        total = value
    return str(total)


def check_sums(values: list[int], lines: list[str]) -> str:
    total = values[0]
    assert len(lines) == len(values) - 1
    for term, line in zip(values[1:], lines, strict=True):
        x, sign, y, _, value = calculated(line)
        assert (x, sign, y) == (total, "+", term), line
        total = value
    return str(total)


def check_product(text: str, lines: list[str]) -> str:
    first, second = map(int, text.split(" * "))
    products = [line for line in lines if "*" in line]
    rows = [calculated(line) for line in products]
    assert all(row[0] == first for row in rows) and sum(row[2] for row in rows) == second
    assert lines[: len(products)] == products and all(len(str(row[2]).rstrip("0")) == 1 for row in rows)
    return check_sums([row[4] for row in rows], lines[len(products) :])


def check_legs(text: str, lines: list[str]) -> str:
    animals = [part.split(" ", 1) for part in text.split(", ")]
    rows = [calculated(line) for line in lines[: len(animals)]]
    assert [row[:3] for row in rows] == [(int(count), "*", LEGS_OF[animal]) for count, animal in animals]
    return check_sums([row[4] for row in rows], lines[len(animals) :])


def check_equation(text: str, lines: list[str]) -> str:
    """From the right side on, each line takes up the value before it and a number of the left side."""
    left, right = text.split(" = ")
    before = int(right)
    for line in lines:
        x, _, y, _, value = calculated(line)
        assert x == before and str(abs(y)) in [*re.findall(r"\d+", left), "1"], line
        before = value
    assert str(before) == solve_equation(text)
    return str(before)


def check_base(text: str, lines: list[str]) -> str:
    source, target, digits = re.fullmatch(r"(\d+) to (\d+): (\w+)", text).groups()
    total = int(digits) if source == "10" else DIGIT[digits[0]]
    into = 0 if source == "10" else len(digits) - 1
    for digit, line in zip(digits[1:], lines[:into], strict=False):
        x, sign, y, c, value = calculated(line)
        assert (x, sign, y, c) == (total, "*", int(source), DIGIT[digit]), line
        total = value
    if target == "10":
        assert len(lines) == into
        return str(total)
    rests = ""
    for line in lines[into:-1]:
        x, y, quotient, rest = re.fullmatch(r"(\d+) / (\d+) -> (\d+) rest (\w)", line).groups()
        assert (int(x), y) == (total, target) and DIGIT[rest] < int(y), line
        total = int(quotient)
        assert total * int(y) + DIGIT[rest] == int(x), line
        rests += rest
    assert total == 0 and lines[-1] == f"rests -> {rests[::-1]}"
    return rests[::-1]


def check_fraction(text: str, lines: list[str]) -> str:
    now = text
    for line in lines:
        before, after = line.split(" -> ")
        (a, b), (c, d) = (map(int, part.split("/")) for part in (before, after))
        assert before == now and c < a and a % c == 0 and a * d == b * c, line
        now = after
    assert math.gcd(c, d) == 1
    return now


def check_put_together(lines: list[str], between: str = " ") -> str:
    """Lines of one step each, and a last one that joins their values."""
    values = [line.split(" -> ")[1] for line in lines]
    if len(values) == 1:
        return values[0]
    assert lines[-1] == f"all -> {between.join(values[:-1])}"
    return values[-1]


def check_reverse(text: str, lines: list[str]) -> str:
    words = text.split(" ")
    for word, line in zip(reversed(words), lines, strict=False):
        assert line == f"{word} -> {''.join(reversed(word))}"
    assert len(lines) == len(words) + (len(words) > 1)
    return check_put_together(lines)


def check_caesar(text: str, lines: list[str]) -> str:
    rotation, *words = text.split(" ")
    shift = int(rotation)
    if shift >= 26:
        x, sign, y, _, shift = calculated(lines.pop(0))
        assert (x, sign, y) == (int(rotation), "%", 26)
    clear = str.maketrans(ALPHABET[shift:] + ALPHABET[:shift], ALPHABET)
    for word, line in zip(words, lines, strict=False):
        assert line == f"{word} -> {word.translate(clear)}"
    assert len(lines) == len(words) + (len(words) > 1)
    return check_put_together(lines)


def check_sorted(text: str, lines: list[str], key: Callable) -> str:
    """What is sorted stood in the prompt side by side or was sorted before, and nothing gets lost."""
    direction, listed = text.split(" ", 1)
    known = {run for run in listed.split(" ")[-1:]}
    for line in lines:
        before, after = line.split(" -> ")
        for part in before.split(" | "):
            assert part in known or ("|" not in before and f" {part} " in f" {listed} "), line
        keys = [key(one) for one in after.split(" ")]
        pairs = zip(keys, keys[1:], strict=False)
        assert all(a >= b for a, b in pairs) if direction == "down" else all(a <= b for a, b in pairs), line
        assert sorted(after.split(" ")) == sorted(before.replace(" | ", " ").split(" ")), line
        known.add(after)
    assert sorted(after.split(" ")) == sorted(listed.split(" "))
    return after


def check_filter(text: str, lines: list[str]) -> str:
    verb, sign, bound, numbers = re.fullmatch(r"(\w+) ([<>]) (\S+): (.*)", text).groups()
    kept, edge = [], float(bound)
    for number, line in zip(numbers.split(" "), lines[:-1], strict=True):
        first, relation, second, fate = re.fullmatch(r"(\S+) ([<>=]) (\S+) -> (keep|drop)", line).groups()
        x = float(first)
        assert (first, second) == (number, bound), line
        assert {"<": x < edge, ">": x > edge, "=": x == edge}[relation], line
        assert (fate == "keep") == ((relation == sign) == (verb == "keep")), line
        if fate == "keep":
            kept.append(float(number))
    assert lines[-1].startswith("kept -> ") and [float(n) for n in lines[-1][8:].split(" ")] == kept  # -0 is 0
    return lines[-1][8:]


@lru_cache
def walk(n: int) -> list[list[tuple[int, int]]]:
    """Cells of each side of a spiral, by walking and turning right at what was seen."""
    seen, sides, (row, column), (down, right) = set(), [[]], (0, 0), (0, 1)
    while len(seen) < n * n:
        seen.add((row, column))
        sides[-1].append((row, column))
        ahead = (row + down, column + right)
        if ahead in seen or not (0 <= ahead[0] < n and 0 <= ahead[1] < n):
            down, right = right, -down
            sides.append([])
        row, column = row + down, column + right
    return [side for side in sides if side]


def check_spiral(text: str, lines: list[str]) -> str:
    grid = text.split("/")
    sides = walk(len(grid))
    assert len(lines) == len(sides) + 1
    for place, (side, line) in enumerate(zip(sides, lines, strict=False)):
        assert line == f"{('top', 'right', 'bottom', 'left')[place % 4]} -> {''.join([grid[r][c] for r, c in side])}"
    return check_put_together(lines, "")


CHECKS: dict[str, Callable[[str, list[str]], str]] = {
    "add": check_add,
    "product": check_product,
    "equation": check_equation,
    "reverse": check_reverse,
    "sort": lambda text, lines: check_sorted(text, lines, float),
    "base": check_base,
    "filter": check_filter,
    "caesar": check_caesar,
    "words": lambda text, lines: check_sorted(text, lines, str),
    "spiral": check_spiral,
    "fraction": check_fraction,
    "legs": check_legs,
}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_parquet(data_path("ladder.parquet"))


@pytest.mark.parametrize("skill", ladder.SKILLS)
def test_every_step_is_right_and_the_last_reaches_the_answer(skill: str, table: pd.DataFrame) -> None:
    rows = table[table["topic"] == skill]
    for prompt, answer, solution in zip(rows["prompt"], rows["answer"], rows["solution"], strict=True):
        text = prompt if skill == "filter" else prompt.split(" ", 1)[1]
        lines = solution.split("\n")
        last = lines[-1]
        assert CHECKS[skill](text, lines) == answer, prompt
        assert reached(last) == answer, prompt


@pytest.mark.parametrize(
    ("skill", "text", "wrong"),
    [
        ("add", "94 - 30", "<<94-30=65>>"),
        ("product", "37 * 13", "<<37*10=370>>\n<<37*3=111>>\n<<370+110=480>>"),
        ("equation", "4 - i = -11", "<<-11-4=-15>>\n<<-15/1=-15>>"),
        ("reverse", "pur", "pur -> rpu"),
        ("sort", "up 3 1 2", "3 1 2 -> 1 3 2"),
        ("words", "up b a", "b a -> a c"),
        ("filter", "keep < 79: 88 73", "88 > 79 -> keep\n73 < 79 -> keep\nkept -> 88 73"),
        ("base", "4 to 2: 21", "<<2*4+1=9>>\n9 / 2 -> 4 rest 0\n4 / 2 -> 2 rest 0\nrests -> 100"),
        ("caesar", "1 GVN", "GVN -> FUN"),
        ("spiral", "51/26", "top -> 51\nright -> 2\nbottom -> 6\nall -> 5126"),
        ("fraction", "10/40", "10/40 -> 5/20"),
        ("legs", "12 shrimp", "<<12*8=96>>"),
    ],
)
def test_the_checks_see_a_wrong_step(skill: str, text: str, wrong: str) -> None:
    with pytest.raises(AssertionError):
        CHECKS[skill](text, wrong.split("\n"))


def test_steps_of_the_ladder_end_at_the_answer_without_being_in_the_pool_by_themselves() -> None:
    bare = load_pool("ladder", n=300, seed=4)
    worked = load_pool("ladder", n=300, seed=4, solutions=True)
    assert "solution" not in bare
    pd.testing.assert_frame_equal(worked.drop(columns="solution"), bare)
    for solution, answer in zip(worked["solution"], worked["answer"], strict=True):
        assert steps(solution)[-1].value == answer


def test_steps_of_gsm8k_are_its_lines_but_the_answer() -> None:
    solution = (
        "Natalia sold 48/2 = <<48/2=24>>24 clips in May.\n"
        "Altogether that is 48+24 = <<48+24=72>>72 clips, $1,<<0=0>>.\n\n#### 72"
    )
    assert [step.value for step in steps(solution)] == ["24", "0"]
    assert steps("It costs <<1000+500=1,500>>1,500 dollars.\n#### 1,500") == [
        Step("It costs <<1000+500=1,500>>1,500 dollars.", "1500")
    ]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("Then 3 + 4 = 7 pens", "7"),
        ("He has 2.5 kg, then 1/2 kg", "1/2"),
        ("x = -3", "-3"),
        ("a -> b -> c", "c"),
        ("a ->", None),
        ("so it is", None),
        ("<<3-9=-6>>", "-6"),
        ("v2 costs nothing", None),
    ],
)
def test_the_value_of_a_line(line: str, value: str | None) -> None:
    assert reached(line) == value


def test_lines_that_state_the_answer_are_no_steps() -> None:
    text = "2 + 3 = 5\nThe answer is 5.\nSo, the answer is 5\nanswer: 5\n#### 5"
    assert steps(text) == [Step("2 + 3 = 5", "5")]
    assert steps("") == []


def test_word_problems_end_at_their_answers() -> None:
    rows = load_pool("word_problems", n=200)
    for solution, answer in zip(rows["solution"], rows["answer"], strict=True):
        assert steps(solution)[-1].value == answer


@pytest.mark.parametrize(
    "text",
    [
        "<<1=" + " " * 300_000 + "x",
        "<<1=" * 75_000,
        "<<" + "=" * 300_000,
        "1," * 150_000 + "a",
        "1" * 300_000 + "a",
        "1/" * 150_000,
        "so, the answer is\n" * 17_000,
    ],
)
def test_a_text_that_is_made_to_be_slow_is_read_at_once(text: str) -> None:
    began = time.process_time()
    reached(text), stated_answer(text)
    assert time.process_time() - began < 1


def test_a_result_in_angle_brackets_is_read_without_the_space_around_it() -> None:
    assert reached("<<1 + 1 = 1 + 1 =  2 >> and <<2=") == "2"


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError) as error:
        steps(float("nan"))
    assert str(error.value) == "steps of nan: a solution is a text with one step a line; leave out rows without one"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<<2+3=5>>\n<<5*4=20>>", "20"),
        ("2 + 3 = 5\n#### 5\nanswer: 6.", "6"),
        ("pur -> rup", "rup"),
        ("12 pens", "12 pens"),
        ("1/2 = 0.5\n#### .5", ".5"),
        ("#### 24.", "24"),
        ("12 + 12\nThe answer is\n24", "24"),
        ("12 + 12\nThe answer is:\n\n24.", "24"),
        ("7\n####", ""),
        ("so\nit is", "so\nit is"),
        ("", ""),
    ],
)
def test_the_answer_that_a_text_ends_with(text: str, answer: str) -> None:
    assert stated_answer(text) == answer
