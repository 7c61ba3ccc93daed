"""Chains: the answer to each problem, put where the next one refers to it, gives the row's own question again."""

from __future__ import annotations

import math
import re
import time

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab.data.chains import numbers_used, reference
from curriculab.data.conversations import written

GSM8K = {"prompt": "question", "answer": cl.text_after("answer", "####"), "solution": "answer"}
pytestmark = pytest.mark.filterwarnings("ignore:ladder. .* fill up")  # levels with few products
HEAD = "X1 stands for the answer to problem 1, and so on. Give the answer to problem {} alone."


@pytest.fixture(scope="module")
def embedded() -> pd.DataFrame:
    sizes = {"ladder": 44_000, "clinic": 4000, "word_problems": 2000}
    return pd.concat([cl.load_pool(name, n=n, seed=1) for name, n in sizes.items()])


@pytest.fixture(scope="module")
def chains(embedded: pd.DataFrame) -> pd.DataFrame:
    return cl.data.compose(embedded, 2, seed=0)


def problems(prompt: str) -> list[str]:
    head, *parts = re.split(r"\nProblem \d+: ", prompt)
    assert head == HEAD.format(len(parts))
    return parts


def filled(text: str, values: list[int | str]) -> tuple[str, int]:
    """A problem with what refers to the ones before replaced by their values, and the largest number added.

    Only a number can be added to: a string of digits raises a TypeError.
    """
    (found,) = re.finditer(r"\(X(\d+) ([+-]) (\d+)\)|\bX(\d+)\b", text)
    if found[4]:
        return text[: found.start()] + str(values[int(found[4]) - 1]) + text[found.end() :], 0
    k = int(found[3])
    value = values[int(found[1]) - 1] + (k if found[2] == "+" else -k)
    return text[: found.start()] + str(value) + text[found.end() :], k


def worth(problem: str, answer: str) -> int | str:
    """What an answer stands for in its problem's own terms: a number, or the characters that are asked for.

    By hand: "302" in base 4 is 3 * 16 + 2 = 50, whatever "1" or "110010" it is written as in another base.
    """
    if problem.startswith("base "):
        base, digits = re.fullmatch(r"base (\d+) to \d+: (\w+)", problem).groups()
        return int(digits, int(base))
    if problem.startswith(("spiral ", "sort ", "reverse ", "order ", "caesar ", "simplify ")):
        return answer
    return int(answer) if re.fullmatch(r"-?\d+", answer) else answer


def test_worth_by_hand():
    assert worth("base 4 to 2: 302", "110010") == 50 and worth("spiral 12/34", "1243") == "1243"
    assert worth("add 3 - 9", "-6") == -6 and worth("Name the disease.", "savosk") == "savosk"
    with pytest.raises(TypeError):
        filled("add (X1 - 5) + 60", [worth("spiral 12/34", "1243")])


def assert_valid(rows: pd.DataFrame, chains: pd.DataFrame, h: int) -> None:
    prompt, answer = rows.prompt.to_dict(), rows.answer.to_dict()
    for text, gold, parents in zip(chains.prompt, chains.answer, chains.parents, strict=True):
        parts, answers = problems(text), [answer[one] for one in parents]
        assert len(parts) == len(parents) == h and gold == answers[-1]
        assert parts[0] == prompt[parents[0]]
        values = [worth(prompt[one], answer[one]) for one in parents]
        for j in range(1, h):
            again, k = filled(parts[j], values)
            assert again == prompt[parents[j]] and k <= 50
            assert f"X{j}" in parts[j]


def test_every_problem_of_ten_thousand_chains_is_its_row_again(embedded, chains):
    assert len(chains) >= 10_000
    assert_valid(embedded, chains, 2)
    sources = {tuple(one.split("/")[0] for one in parents) for parents in chains.parents}
    assert {("ladder", "ladder"), ("clinic", "clinic"), ("word_problems", "word_problems")} <= sources


def test_no_row_comes_twice_and_columns_are_those_of_the_last(embedded, chains):
    used = [one for parents in chains.parents for one in parents]
    assert len(used) == len(set(used))
    last = embedded.loc[[parents[-1] for parents in chains.parents]]
    assert chains.topic.tolist() == last.topic.tolist() and chains.links.eq(2).all() and "solution" not in chains
    level = embedded.level.to_dict()
    assert chains.level.tolist() == [max(level[one] for one in parents) for parents in chains.parents]
    assert (chains.index == ["compose2/" + "+".join(parents) for parents in chains.parents]).all()


def total(text: str) -> int:
    """A sum of whole numbers: "80 - 50 + 7"."""
    first, *rest = text.split(" ")
    return int(first) + sum((-1 if sign == "-" else 1) * int(n) for sign, n in zip(rest[::2], rest[1::2], strict=True))


def solved(text: str) -> int:
    """The ladder's sums, products and equations, from their text alone."""
    kind, _, rest = text.partition(" ")
    if kind == "add":
        return total(rest)
    if kind == "product":
        return math.prod(map(int, rest.split(" * ")))
    left, _, right = rest.partition(" = ")
    zero, one = (total(" ".join(term_at(term, x) for term in left.split(" "))) for x in (0, 1))
    return (int(right) - zero) // (one - zero)


def term_at(term: str, x: int) -> str:
    """A term of an equation with x in place of its letter: "119*w" at 1 is "119"."""
    if not term[-1].isalpha():
        return term
    factor = term[:-1].removesuffix("*")
    return str(int(f"{factor}1" if factor in ("", "-") else factor) * x)


def test_the_solver_by_hand():
    assert [solved(text) for text in ("add 80 - 50 + 7", "product 3 * -4", "solve 119*w - 48 = 1499")] == [37, -12, 13]
    assert solved("solve 21 - d = 6") == 15 and solved("solve 58 - 2*b = 10") == 24 and solved("solve -p + 9 = 2") == 7


def test_chains_of_sums_products_equations_and_bases_are_solved_from_their_text_alone():
    pool = cl.load_pool("ladder", skills=["add", "product", "equation", "base"], n=12_000, seed=2)
    chains = cl.data.compose(pool, 3, seed=1)
    assert len(chains) > 300
    for text, gold in zip(chains.prompt, chains.answer, strict=True):
        values: list[int] = []
        for problem in problems(text):
            own = filled(problem, values)[0] if values else problem
            values.append(worth(own, "") if own.startswith("base") else solved(own))
        assert values[-1] == (worth(own, "") if own.startswith("base") else int(gold))


def test_digits_that_are_no_number_are_followed_by_nothing():
    """Of the four first ones only "30" is a number; "1011" in base 2 is 11."""
    table = {
        "first": ["base 10 to 2: 11", "spiral 10/11", "all digits of 009", "six fives"],
        "answer": ["1011", "1011", "009", "30"],
        "topic": ["base", "spiral", "codes", "words"],
        "task": ["ladder", "ladder", "number", "number"],
    }
    first = pd.DataFrame(table).rename(columns={"first": "prompt"})
    last = pd.DataFrame({"prompt": ["add 1011 + 1", "add 9 + 1", "add 31 + 1"], "answer": ["5000", "7000", "9000"]})
    rows = pd.concat([first, last.assign(topic="add", task="number")], ignore_index=True)
    assert cl.data.compose(rows, 2, reach=1, seed=0).parents.tolist() == [("3", "6")]
    said = rows.assign(task="text")
    with pytest.raises(cl.PoolError, match="^compose"):
        cl.data.compose(said.iloc[[3, 6]], 2, reach=1)


@pytest.mark.parametrize("prompt", ["X1 is 5. Add 25.", written([("user", "2?"), ("assistant", "2"), ("user", "30?")])])
def test_conversations_and_questions_with_an_x1_of_their_own_are_in_no_chain(prompt):
    rows = pd.DataFrame({"prompt": [prompt, "add 31 + 1"], "answer": ["30", "900"]}, index=["a", "b"])
    with pytest.raises(cl.PoolError, match="^compose"):
        cl.data.compose(rows, 2)


def test_the_time_for_words_that_come_often_grows_with_the_text():
    text = " ".join(f"{n} a{n}" for n in range(2000))
    took = []
    for long in (text, f"{text} {text} {text} {text}"):
        runs = []
        for _ in range(3):
            start = time.process_time()
            numbers_used(long, None)
            runs.append(time.process_time() - start)
        took.append(min(runs))
    assert took[1] < 8 * took[0] + 0.1  # four times the text: 16 times the time if it were counted anew for each


def test_a_seed_gives_the_same_chains_and_a_chain_of_one_is_its_row():
    pool = cl.load_pool("word_problems", n=200, seed=0)
    before = pool.copy()
    made = cl.data.compose(pool, 2, seed=3)
    pd.testing.assert_frame_equal(made, cl.data.compose(pool, 2, seed=np.random.default_rng(3)))
    assert list(made.index) != list(cl.data.compose(pool, 2, seed=4).index)
    pd.testing.assert_frame_equal(pool, before)
    one = cl.data.compose(pool, 1, seed=0)
    assert sorted(one.prompt) == sorted(pool.prompt) and one.parents.map(len).eq(1).all()


def test_numbers_that_can_be_replaced():
    assert [m[0] for m in numbers_used("base 4 to 2: 302", None)] == ["4", "2"]
    assert [m[0] for m in numbers_used("1/2 of 007, 3.5 or 8-page -9 and 12", None)] == ["12"]
    assert numbers_used("5 and 5", None) == []
    steps = "2*3=<<2*3=6>>6, 6+4=<<6+4=10>>10"
    assert [m[0] for m in numbers_used("He has 2, then 3, then 6, at 9 adds 4.", steps)] == ["2", "3", "4"]


def test_references():
    assert [reference(1, "5", text) for text in ("5", "6", "2")] == ["X1", "(X1 + 1)", "(X1 - 3)"]


def test_what_cannot_be_chained_is_refused():
    rows = pd.DataFrame({"prompt": ["one plus one", "ten"], "answer": ["2", "10"]}, index=["a", "b"])
    with pytest.raises(
        cl.PoolError, match=r"^compose\(h=2\): in no 2 of these 2 rows does a question hold a number wit"
    ):
        cl.data.compose(rows, 2)
    with pytest.raises(
        cl.PoolError, match=r"^compose\(h=0, reach=50\): give a whole number of problems from 1 up, and"
    ):
        cl.data.compose(rows, 0)


@pytest.mark.needs("data:gsm8k_train.jsonl")
def test_chains_of_gsm8k_replace_numbers_that_the_solution_starts_from(dataset):
    pool = cl.load_pool(dataset("gsm8k_train.jsonl"), columns=GSM8K)
    chains = cl.data.compose(pool, 3, seed=0)
    assert len(chains) > 2000
    assert_valid(pool, chains, 3)
    prompt, answer, solution = (pool[name].to_dict() for name in ("prompt", "answer", "solution"))
    for text, parents in zip(chains.prompt, chains.parents, strict=True):
        answers = [worth(prompt[one], answer[one]) for one in parents]
        for parent, problem in zip(parents[1:], problems(text)[1:], strict=True):
            refers = re.search(r"\(X\d+ [+-] \d+\)|\bX\d+\b", problem)
            number = prompt[parent][refers.start() : len(prompt[parent]) - len(problem) + refers.end()]
            assert number == filled(refers[0], answers)[0]
            starts = " ".join(re.findall(r"<<(.*?)=", solution[parent]))
            assert not starts or number in re.findall(r"\d+(?:\.\d+)?", starts)
