"""Chains of problems: what one row is answered with is what the next one starts from.

    cl.data.compose(pool, 2, seed=0)     # "Problem 1: add 80 - 50", "Problem 2: add (X1 - 5) + 60", where 25 stood

A number of the next question is replaced by the answer before and what is missing, (X1 + k), so that every row keeps
its answer and nothing is solved anew (the paper on h1 recomputes answers). Answers in words are put in place of the
same word. An answer that is a string of digits and no number, such as "1011" in base 2 or "009", is put into nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from curriculab.data.conversations import messages_of
from curriculab.data.forms import Seed, check_rows
from curriculab.data.validation import PoolError

REACH = 50  # the largest k: a larger one gives the number away
INTEGER = re.compile(r"(?<![\w.,/:\-])(?:0|[1-9]\d{0,8})(?![\w/%\-]|[.,:]\d)")
WORD = re.compile(r"(?<![\w'-])[^\W\d_]{2,}(?![\w'-])")
ANNOTATION = re.compile(r"<<([^<>=]*)=([^<>]*)>>")  # GSM8K's "<<48/2=24>>"
NUMBER = re.compile(r"\d+(?:\.\d+)?")
WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,8})")
DIGITS = re.compile(r"[-+]?\d+")  # a whole number, or characters that look like one
NO_NUMBERS = (("ladder", "base"), ("ladder", "spiral"), ("text", None))  # task and topic; None: any topic
REFERENCE = re.compile(r"\bX\d")


class Place(NamedTuple):
    """Where a question can refer to an answer: the row, and the characters that are replaced."""

    row: int
    start: int
    end: int


class Places:
    """All such places of a table: numbers in their order, and words; and the answers that are put there."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.answers = answers_passed_on(rows)
        solutions = rows["solution"].tolist() if "solution" in rows else [None] * len(rows)
        numbers: list[tuple[int, Place]] = []
        self.words: dict[str, list[Place]] = {}
        for i, (prompt, solution) in enumerate(zip(rows["prompt"], solutions, strict=True)):
            if stands_apart(prompt):
                continue
            numbers += [(int(m[0]), Place(i, *m.span())) for m in numbers_used(prompt, solution)]
            for m in _once(WORD.finditer(prompt)):
                self.words.setdefault(m[0], []).append(Place(i, *m.span()))
        numbers.sort()
        self.values = np.array([value for value, _ in numbers], int)
        self.numbers = [place for _, place in numbers]

    def after(self, row: int, reach: int) -> list[Place] | range:
        """Places, or a range of numbers' places, that a row's answer can be put into."""
        answer = self.answers[row]
        if answer is None:
            return []
        if not WHOLE.fullmatch(answer):
            return self.words.get(answer, [])
        low, high = np.searchsorted(self.values, [int(answer) - reach, int(answer) + reach + 1]).tolist()
        return range(low, high)


def stands_apart(prompt: str) -> bool:
    """Whether a question is in no chain: a conversation, or one that has an X1 of its own."""
    return bool(REFERENCE.search(prompt) or messages_of(prompt))


def answers_passed_on(rows: pd.DataFrame) -> list[str | None]:
    """The answers that another question can start from, (rows,); None where a row is in no chain or its answer is
    digits and no number.

    Examples
    --------
    >>> table = {"prompt": ["7 in base 2", "all digits", "7 * 7"], "answer": ["111", "009", "49"]}
    >>> answers_passed_on(pd.DataFrame(table | {"task": ["text", "number", "number"]}))
    [None, None, '49']
    """
    nothing = [None] * len(rows)
    tasks, topics = (rows[name].tolist() if name in rows else nothing for name in ("task", "topic"))
    found: list[str | None] = []
    for prompt, answer, task, topic in zip(rows["prompt"], rows["answer"], tasks, topics, strict=True):
        no_number = (task, topic) in NO_NUMBERS or (task, None) in NO_NUMBERS or not WHOLE.fullmatch(answer)
        passed = not (stands_apart(prompt) or (no_number and DIGITS.fullmatch(answer)))
        found.append(answer if passed else None)
    return found


def compose(rows: pd.DataFrame, h: int = 2, *, reach: int = REACH, seed: Seed = 0) -> pd.DataFrame:
    """Chain rows: each problem but the first refers to the answer of the one before, and the last one is answered.

    Parameters
    ----------
    rows : DataFrame
        Rows of a pool. A row can follow another where its question holds, once, a whole number at most `reach` from
        the answer before, or that answer itself as a word. Where the worked solution has annotations ("<<48/2=24>>")
        only numbers that they start from count, so that the answer depends on them. Conversations are in no chain. An
        answer of digits alone is a number; it is a string, which no row follows, where it begins with 0 or is longer
        than nine digits, in the ladder's topics `base` and `spiral`, and in rows whose `task` is "text": by that a pool
        says so.
    h : int
        Problems of a chain.
    reach : int
        The largest number that is added to an answer or taken from it.
    seed : int or Generator
        Of who follows whom.

    Returns
    -------
    DataFrame
        (chains,): each row stands in one chain at most, those that find no place in none. The columns are those of the
        last problem, without a solution; `level` is the highest, `links` is h, `parents` names the rows in their order;
        ids such as "compose2/a+b".

    Raises
    ------
    PoolError
        Where no chain can be made, a row has no text for an answer, or h is no number of problems.

    Examples
    --------
    >>> pool = pd.DataFrame({"prompt": ["add 8 + 4", "add 80 - 9"], "answer": ["12", "71"]}, index=["a", "b"])
    >>> chain = cl.data.compose(pool, 2, seed=0)
    >>> print(chain.prompt.iloc[0], "->", chain.answer.iloc[0])
    X1 stands for the answer to problem 1, and so on. Give the answer to problem 2 alone.
    Problem 1: add 8 + 4
    Problem 2: add 80 - (X1 - 3) -> 71
    """
    rng = np.random.default_rng(seed)
    check_rows(rows, f"compose(h={h!r})")
    if not isinstance(h, int | np.integer) or h < 1 or reach < 0:
        raise PoolError(
            f"compose(h={h!r}, reach={reach!r}): give a whole number of problems from 1 up, and a reach from 0"
        )
    found = list(_chains(Places(rows), h, reach, rng))
    if not found:
        raise PoolError(
            f"compose(h={h}): in no {h} of these {len(rows)} rows does a question hold a number within {reach} of "
            "another row's answer, or that answer as a word; give more rows, a smaller h or a larger reach"
        )
    return _table(rows, found)


def numbers_used(prompt: str, solution: object) -> list[re.Match[str]]:
    """Whole numbers that stand once in a question, before a colon where it has one ("base 4 to 2: 302"), and that the
    annotations of its solution start from, where it has some.

    Examples
    --------
    >>> [m[0] for m in numbers_used("Of 8 eggs 3 break, 3 boil. How many of 8 or 5?", None)]
    ['5']
    >>> [m[0] for m in numbers_used("At 7 Bo has 48 eggs and sells half.", "48/2 = <<48/2=24>>24")]
    ['48']
    """
    colon = prompt.find(": ")
    found = [m for m in _once(INTEGER.finditer(prompt)) if colon < 0 or m.end() <= colon]
    steps = ANNOTATION.findall(solution) if isinstance(solution, str) else []
    if not steps:
        return found
    used, made = set(), set()
    for left, right in steps:
        used |= set(NUMBER.findall(left)) - made
        made.add(right.strip())
    return [m for m in found if m[0] in used]


def _once(matches: Iterator[re.Match[str]]) -> list[re.Match[str]]:
    """Those whose text comes once."""
    listed = list(matches)
    counts = Counter(m[0] for m in listed)
    return [m for m in listed if counts[m[0]] == 1]


def _chains(places: Places, h: int, reach: int, rng: np.random.Generator) -> Iterator[list[Place]]:
    """Chains of different rows, each a list of places; that of the first row is empty."""
    free = np.ones(len(places.answers), bool)
    for start in rng.permutation(len(free)).tolist():
        if not free[start]:
            continue
        chain = [Place(start, 0, 0)]
        free[start] = False
        while len(chain) < h:
            following = _pick(places, places.after(chain[-1].row, reach), free, rng)
            if following is None:
                break
            chain.append(following)
            free[following.row] = False
        if len(chain) == h:
            yield chain
        else:
            free[[link.row for link in chain]] = True


def _pick(places: Places, among: list[Place] | range, free: np.ndarray, rng: np.random.Generator) -> Place | None:
    """One of these places whose row is free: from a random one on, the first."""
    if not len(among):
        return None
    first = int(rng.integers(len(among)))
    for i in range(len(among)):
        one = among[(first + i) % len(among)]
        place = places.numbers[one] if isinstance(one, int) else one
        if free[place.row]:
            return place
    return None


def _table(rows: pd.DataFrame, found: list[list[Place]]) -> pd.DataFrame:
    prompts, answers = rows["prompt"].tolist(), rows["answer"].tolist()
    ids = [str(one) for one in rows.index]
    texts, parents = [], []
    for chain in found:
        lines = [prompts[chain[0].row]]
        for number, (before, link) in enumerate(zip(chain, chain[1:], strict=False), 1):
            prompt = prompts[link.row]
            refers = reference(number, answers[before.row], prompt[link.start : link.end])
            lines.append(prompt[: link.start] + refers + prompt[link.end :])
        texts.append(written_out(lines))
        parents.append(tuple(ids[link.row] for link in chain))
    h = len(found[0])
    at = np.array(found)[:, :, 0]  # (chains, h): the row of each link
    made = rows.iloc[at[:, -1]].drop(columns="solution", errors="ignore")
    for name, joined in (("level", np.max), ("held_out", np.any)):
        if name in rows:
            made[name] = joined(rows[name].to_numpy()[at], axis=1)
    made = made.assign(prompt=texts, links=h, parents=pd.Series(parents, index=made.index, dtype=object))
    return made.set_axis(pd.Index([f"compose{h}/{'+'.join(one)}" for one in parents], name=rows.index.name or "id"))


def reference(number: int, answer: str, text: str) -> str:
    """How a question refers to the answer of problem `number` in place of a text.

    Examples
    --------
    >>> reference(1, "12", "9"), reference(2, "-4", "9"), reference(3, "9", "9"), reference(1, "gow", "gow")
    ('(X1 - 3)', '(X2 + 13)', 'X3', 'X1')
    """
    if text == answer:
        return f"X{number}"
    k = int(text) - int(answer)
    return f"(X{number} {'+' if k > 0 else '-'} {abs(k)})"


def written_out(problems: list[str]) -> str:
    """The prompt of a chain; a chain of one is that problem."""
    if len(problems) == 1:
        return problems[0]
    head = f"X1 stands for the answer to problem 1, and so on. Give the answer to problem {len(problems)} alone."
    return "\n".join([head, *(f"Problem {i}: {text}" for i, text in enumerate(problems, 1))])
