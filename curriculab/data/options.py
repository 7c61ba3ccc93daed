"""Multiple choice as data sets have it: answers by letter or by place, options that carry their letters.

options ["(A) Rome", "(B) Paris"], answer "B"  ->  options ["Rome", "Paris"], answer "Paris"
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from curriculab.data.layouts import at_path
from curriculab.data.validation import OPTION_LETTERS, PoolError, show
from curriculab.data.values import as_list, as_text
from curriculab.registry.warning import warn

LETTER = re.compile(r"[(\[]?([A-Za-z])[)\].:]?")
LETTERED = re.compile(r"\s*[(\[]?(?:([A-Za-z])[)\].:]\s*|(\d{1,2})(?:[)\]]\s*|[.:]\s+))(?=\S)")  # "(A) Rome", "1. Rome"
PLACE = re.compile(r"\d{1,2}")


@dataclass(frozen=True)
class pick_option:
    """The text of the option that an answer points to by its letter, its place, or its label.

    Parameters
    ----------
    answer : str
        Name of the column with letters ("B", "(b)"), places (1) or labels.
    options : str
        Name of the column with lists of texts.
    labels : str, optional
        Name of the column with lists of labels, one an option, such as ARC's "choices.label".
    start : int
        The place of the first option: 0, or 1 where places are counted from one.

    Raises
    ------
    PoolError
        When it is called on a table where an answer points to no option.

    Examples
    --------
    >>> asked = pd.DataFrame({"choices": [["Rome", "Oslo"], ["4", "5"]], "answer": [1, 0]})
    >>> cl.pick_option("answer", "choices")(asked).tolist()
    ['Oslo', '4']
    """

    answer: str
    options: str
    labels: str | None = None
    start: int = 0

    @property
    def _columns(self) -> tuple[str, ...]:
        """Names of the columns that it reads, the options' apart."""
        return (self.answer,)

    def code(self, quote: Callable[[str], str]) -> str:
        """How it is written in `columns=`, with names as `quote` writes them.

        Examples
        --------
        >>> cl.pick_option("answer", "choices", start=1).code(repr)
        "cl.pick_option('answer', 'choices', start=1)"
        """
        names = [quote(name) for name in (self.answer, self.options, self.labels) if name]
        return f"cl.pick_option({', '.join([*names, *([f'start={self.start}'] if self.start else [])])})"

    def __call__(self, frame: pd.DataFrame) -> pd.Series:
        lists = at_path(frame, self.options).map(as_list)
        named = at_path(frame, self.labels).map(as_list) if self.labels else pd.Series(None, frame.index, dtype=object)
        texts = []
        for place, answer, options, labels in zip(frame.index, at_path(frame, self.answer), lists, named, strict=True):
            found = self._place(as_text(answer), labels)
            if found is None or not isinstance(options, list) or not 0 <= found < len(options):
                what = "one of its labels" if self.labels else f"a letter or a place from {self.start} on"
                raise PoolError(
                    f"{place}, column {self.answer!r}: found {show(answer)}, expected {what} of {show(options)}"
                )
            texts.append(options[found])
        return pd.Series(texts, index=frame.index, dtype=object)

    def _place(self, answer: Any, labels: Any) -> int | None:
        if not isinstance(answer, str):
            return None
        if isinstance(labels, list):
            return labels.index(answer) if answer in labels else None
        letter, number = LETTER.fullmatch(answer.strip()), re.fullmatch(r"-?\d+", answer.strip())
        if letter:
            return OPTION_LETTERS.index(letter[1].upper())
        return int(answer) - self.start if number else None


def are_whole_numbers(values: pd.Series | None) -> bool:
    """Whether a source has whole numbers there, no texts."""
    if values is None:
        return False
    return all(isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_)) for value in values)


def are_texts(lists: pd.Series | None) -> bool:
    """Whether lists hold texts, in all rows that have a list."""
    if lists is None:
        return False
    found = [value for value in lists if isinstance(value, (list, tuple, np.ndarray))]
    return bool(found) and all(isinstance(value[0], str) for value in found if len(value))


def read_options(pool: pd.DataFrame, source: str, *, answers_are_numbers: bool = False) -> pd.DataFrame:
    """The pool with bare options, and with answers by letter or place replaced by the texts they point to.

    Both are said in a warning. answers_are_numbers: the source has numbers, beside options of text, for answers.
    """
    if "options" not in pool:
        return pool
    chosen = [i for i, options in enumerate(pool["options"]) if isinstance(options, list) and len(options) > 1]
    if not chosen:
        return pool
    pool = _without_letters(pool, source, chosen)
    return _by_text(pool, source, chosen, answers_are_numbers)


def _without_letters(pool: pd.DataFrame, source: str, chosen: list[int]) -> pd.DataFrame:
    lists, answers, bare = pool["options"].tolist(), pool["answer"].tolist(), 0
    for i in chosen:
        answers[i] = _bare_answer(answers[i], lists[i])
        stripped = _stripped(lists[i])
        if stripped is None:
            continue
        bare += 1
        if answers[i] in lists[i]:
            answers[i] = stripped[lists[i].index(answers[i])]
        elif answers[i] not in stripped:  # their own letters say which one is meant
            answers[i] = _marked(answers[i], lists[i], stripped)
        lists[i] = stripped
    if bare:
        warn(f"{source}: the options of {bare} rows carry letters or numbers of their own; taken off, prompts add them")
    return pool.assign(options=pd.Series(lists, pool.index, dtype=object), answer=pd.Series(answers, pool.index))


def _bare_answer(answer: Any, options: list[Any]) -> Any:
    """ "Paris" for "(B) Paris" beside options without letters, of which it is the second."""
    match = LETTERED.match(answer) if isinstance(answer, str) and answer not in options else None
    if match is None or answer[match.end() :] not in options:
        return answer
    place = options.index(answer[match.end() :])
    return options[place] if (match[1] or "").upper() == OPTION_LETTERS[place : place + 1] else answer


def _marked(answer: Any, options: list[str], stripped: list[str]) -> Any:
    """The bare option whose letter or number is the answer; else the answer."""
    matches = map(LETTERED.match, options)
    marks = [(match[1] or match[2]).upper() for match in matches]
    mark = LETTER.fullmatch(answer.strip()) if isinstance(answer, str) else None
    wanted = mark[1].upper() if mark else str(answer).strip().rstrip(".)")
    return stripped[marks.index(wanted)] if wanted in marks else answer


def _stripped(options: list[Any]) -> list[str] | None:
    """Options without the letters, or numbers from 1, that all of them begin with in their order; else None."""
    found = [LETTERED.match(option) if isinstance(option, str) else None for option in options]
    if not all(found):
        return None
    marks = [(match[1] or match[2]).upper() for match in found]
    numbers = [str(i) for i in range(1, len(options) + 1)]
    if marks != list(OPTION_LETTERS[: len(options)]) and marks != numbers:
        return None
    return [option[match.end() :] for option, match in zip(options, found, strict=True)]


def _by_text(pool: pd.DataFrame, source: str, chosen: list[int], answers_are_numbers: bool) -> pd.DataFrame:
    lists, answers = pool["options"].tolist(), pool["answer"].tolist()
    strange = [i for i in chosen if answers[i] not in lists[i]]
    if not strange and not answers_are_numbers:
        return pool
    if not all(isinstance(answers[i], str) for i in chosen):
        return pool
    for kind, places in (("letters", _letters(answers, chosen)), ("places", _places(answers, chosen))):
        known = (0,) if kind == "letters" else (0, 1)
        starts = [start for start in known if places is not None and _inside(places, lists, chosen, start)]
        if len(starts) > 1 or (starts and kind == "letters" and _both(places, lists, answers, chosen)):
            raise PoolError(
                f"{source}: the answers, such as {answers[strange[0] if strange else chosen[0]]!r}, can be read in two "
                "ways beside their options; say how, for example "
                'columns={"answer": cl.pick_option("answer", "options", start=0)}'
            )
        if starts:
            return _picked(pool, source, chosen, kind, places, starts[0])
    return pool


def _picked(
    pool: pd.DataFrame, source: str, chosen: list[int], kind: str, places: dict[int, int], start: int
) -> pd.DataFrame:
    lists, answers = pool["options"].tolist(), pool["answer"].tolist()
    first = chosen[0]
    text = lists[first][places[first] - start]
    counted = "" if kind == "letters" else f", counted from {start}"
    warn(
        f"{source}: the answers are read as {kind} of options{counted}: {answers[first]!r} of the first row is "
        f"{show(text)};"
        ' where they are not, map them, columns={"answer": cl.pick_option(...)} or a function'
    )
    for i in chosen:
        answers[i] = lists[i][places[i] - start]
    return pool.assign(answer=pd.Series(answers, index=pool.index, dtype=object))


def _letters(answers: list[Any], chosen: list[int]) -> dict[int, int] | None:
    found = {i: LETTER.fullmatch(answers[i].strip()) for i in chosen}
    return {i: OPTION_LETTERS.index(m[1].upper()) for i, m in found.items()} if all(found.values()) else None


def _places(answers: list[Any], chosen: list[int]) -> dict[int, int] | None:
    found = {i: PLACE.fullmatch(answers[i].strip()) for i in chosen}
    return {i: int(m[0]) for i, m in found.items()} if all(found.values()) else None


def _inside(places: dict[int, int], lists: list[Any], chosen: list[int], start: int) -> bool:
    return all(0 <= places[i] - start < len(lists[i]) for i in chosen)


def _both(places: dict[int, int], lists: list[Any], answers: list[Any], chosen: list[int]) -> bool:
    """Is some answer the text of an option other than the one that its letter names?"""
    return any(answers[i] in lists[i] and lists[i][places[i]] != answers[i] for i in chosen)
