"""What every pool must satisfy; each fault in one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from curriculab.data.conversations import in_plain_words
from curriculab.data.twins import keys_of
from curriculab.data.values import is_missing, level_of
from curriculab.registry.warning import warn

TEXTS = ("prompt", "answer", "topic", "task", "solution")  # columns that hold text where they exist


LISTS = ("options", "parents")  # columns that hold a list of texts; in a CSV written as JSON


OPTION_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class PoolError(ValueError):
    """Bad input: one line with the file, the row, the column, what was found and what was expected.

    Examples
    --------
    >>> cl.load_pool("ladder", n=0)
    Traceback (most recent call last):
    curriculab.data.validation.PoolError: ladder: asked for 0 rows, ...
    """


def validate(
    pool: pd.DataFrame, source: str, *, places: Mapping[int, str] | None = None, quiet: bool = False
) -> pd.DataFrame:
    """Check a table as a pool, and bring its known columns to their types.

    Parameters
    ----------
    pool : DataFrame
        (rows, columns), indexed by a unique text id, with `prompt` and `answer`.
    source : str
        What an error calls it.
    places : mapping of int to str, optional
        The place of a row (by position) in its file; without it rows are named by their id.
    quiet : bool
        Say nothing of repeated prompts.

    Returns
    -------
    DataFrame
        A copy with whole numbers in `level` and true or false in `held_out`. A warning tells of repeated prompts.

    Raises
    ------
    PoolError
        One line: what is wrong, and where.

    Examples
    --------
    >>> mine = pd.DataFrame({"prompt": ["1 + 1"], "answer": ["2"], "level": [1.0]}, index=["mine/1"])
    >>> cl.data.validate(mine, "my table")["level"].tolist()
    [1]
    >>> cl.data.validate(mine.assign(answer=2), "my table")
    Traceback (most recent call last):
    curriculab.data.validation.PoolError: my table, row 'mine/1', column 'answer': found 2, expected text
    """
    if not isinstance(pool, pd.DataFrame):
        expected = "a DataFrame with the columns prompt and answer"
        raise PoolError(f"{source}: found a {type(pool).__name__}, expected {expected}")
    for name in ("prompt", "answer"):
        if name not in pool:
            has = ", ".join(map(str, pool.columns))
            raise PoolError(f"{source}: no column {name!r}; it has {has}; map one, cl.load_pool(table, columns=...)")
    if taken := [name for name in TAKEN if name in pool]:
        raise PoolError(
            f"{source}: the column {taken[0]!r} has a meaning of its own while rows are answered and trained; "
            "give it another name, pool.rename(columns=...)"
        )
    at = places or RowsById(pool.index)
    check_index(pool, source, at)
    pool = pool.copy()
    check_texts(pool, source, at)
    check_options(pool, source, at)
    if "level" in pool:
        pool["level"] = whole_numbers(pool["level"], source, at)
    if "held_out" in pool:
        check_flags(pool["held_out"], source, at)
        pool["held_out"] = pool["held_out"].astype(bool)
    if not quiet:
        warn_of_repeats(pool, source)
    return pool


class RowsById(dict):
    """Place of each row, by position: "row 'mine/1'", written when an error asks for it."""

    def __init__(self, index: pd.Index) -> None:
        super().__init__()
        self.index = index

    def __missing__(self, position: int) -> str:
        return f"row {show(self.index[position])}"


def fail(source: str, place: str, column: str, found: Any, expected: str) -> PoolError:
    return PoolError(f"{source}, {place}, column {column!r}: found {show(found)}, expected {expected}")


def check_index(pool: pd.DataFrame, source: str, at: Mapping[int, str]) -> None:
    first: dict[str, int] = {}
    for i, key in enumerate(pool.index.tolist()):
        if not isinstance(key, str) or not key:
            raise fail(source, at[i], "id", key, "text, such as 'mine/00001'")
        if key in first:
            before = at[first[key]]
            other = "an id of its own" if before == at[i] else f"an id of its own; {before} has it too"
            raise fail(source, at[i], "id", key, other)
        first[key] = i


def check_texts(pool: pd.DataFrame, source: str, at: Mapping[int, str]) -> None:
    """Every row has an answer; prompts are empty in every row (text to study) or in none."""
    prompts, answers = pool["prompt"].tolist(), pool["answer"].tolist()  # a str column is slow to walk through
    study = all(isinstance(prompt, str) and prompt == "" for prompt in prompts)
    for i, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        if blank(prompt) and blank(answer):
            raise PoolError(
                f"{source}, {at[i]}: found neither a prompt nor an answer, expected both; delete the row, or fill it"
            )
        if blank(prompt) and not study:
            hint = "a question: either every row has one or, where rows are plain texts to learn, none has"
            raise fail(source, at[i], "prompt", prompt, hint)
        if blank(answer):
            raise fail(source, at[i], "answer", answer, "the right answer, or the text to learn")
    for name in TEXTS:
        if name in pool:
            check_text(pool[name], source, at)
            pool[name] = pool[name].astype("str")


def check_text(values: pd.Series, source: str, at: Mapping[int, str]) -> None:
    optional = values.name not in ("prompt", "answer", "topic")
    for i, value in enumerate(values.tolist()):
        if not isinstance(value, str) and not (optional and is_missing(value)):
            raise fail(source, at[i], str(values.name), value, f"text{_part_of(str(values.name), value)}")


def _part_of(name: str, value: Any) -> str:
    """How to take the text out of a list, or of an object, that stands in its place."""
    place = name
    while isinstance(value, (list, tuple, np.ndarray, Mapping)) and len(value):
        if isinstance(value, Mapping):
            part = next((part for part in ("content", "text", "value") if part in value), next(iter(value)))
            place, value = f"{place}.{part}", value[part]
        else:
            place, value = f"{place}.0", value[0]
    return "" if place == name else f'; take a part of it, for example columns={{"{name}": "{place}"}}'


def check_options(pool: pd.DataFrame, source: str, at: Mapping[int, str]) -> None:
    if "options" not in pool:
        return
    for i, (options, answer) in enumerate(zip(pool["options"], pool["answer"], strict=True)):
        if is_missing(options):
            continue
        if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
            raise fail(source, at[i], "options", options, 'a list of texts, in a CSV as JSON: ["first", "second"]')
        if not 2 <= len(set(options)) == len(options) <= len(OPTION_LETTERS):
            raise fail(source, at[i], "options", options, f"2 to {len(OPTION_LETTERS)} different texts")
        if answer not in options:
            raise fail(source, at[i], "answer", answer, f"the text of one of its options {show(options)}")


def whole_numbers(values: pd.Series, source: str, at: Mapping[int, str]) -> pd.Series:
    numbers = pd.to_numeric(values.map(level_of), errors="coerce").astype(float)
    for i in np.flatnonzero(~(np.isfinite(numbers) & (numbers % 1 == 0)).to_numpy(dtype=bool)):
        raise fail(source, at[int(i)], "level", values.iloc[int(i)], "a whole number")
    return numbers.astype("int64")


def check_flags(values: pd.Series, source: str, at: Mapping[int, str]) -> None:
    for i, value in enumerate(values):
        if not isinstance(value, (bool, np.bool_)):
            raise fail(source, at[i], "held_out", value, "true or false")


def warn_of_repeats(pool: pd.DataFrame, source: str) -> None:
    again = keys_of(pool).duplicated(keep="first")
    if again.any():
        first = ", ".join(again.index[again][:3])
        what = "texts repeat" if (pool["prompt"] == "").all() else "prompts repeat"
        more = f"{again.sum()} {what} earlier ones (first: {first}); they are kept, and split puts none on both sides"
        warn(f"{source}: {more}")


def blank(value: Any) -> bool:
    return is_missing(value) or (isinstance(value, str) and not value.strip())


def show(value: Any) -> str:
    """A value as it stands in an error: short, on one line."""
    if is_missing(value) or (isinstance(value, str) and not value):
        return "nothing"
    text = " ".join(repr(value.item() if isinstance(value, np.generic) else value).split())
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"


def listed(names: Iterable[Any]) -> str:
    """Names of columns as they stand in an error: on one line, long ones cut, of many the first."""
    plain = [" ".join(str(name).split()) for name in names]
    short = [name if len(name) <= 60 else f"{name[:57]}..." for name in plain[:30]]
    return ", ".join(short) + (f" and {len(plain) - 30} more" if len(plain) > 30 else "")


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def closest(name: str, known: Iterable[Any]) -> str:
    near = difflib.get_close_matches(name, [str(other) for other in known], n=1)
    return f" did you mean {near[0]!r}?" if near else ""


def validate_quietly(pool: pd.DataFrame) -> pd.DataFrame:
    return validate(pool, "pool", quiet=True)


def render_prompt(prompt: str, options: Sequence[str] | None = None) -> str:
    """Write the text that stands before an answer: the prompt on a line, lettered options on lines of their own.

    Of a conversation: in plain words, "User: ..." and "Assistant: ..." a line.

    Parameters
    ----------
    prompt : str
        The question; an empty one gives an empty text.
    options : sequence of str, optional
        What there is to choose from.

    Examples
    --------
    >>> print(cl.data.render_prompt("The capital of Italy?", ["Rome", "Paris"]), end="")
    The capital of Italy?
    A) Rome
    B) Paris
    """
    return f"{in_plain_words(with_options(prompt, options))}\n" if prompt else ""


def with_options(prompt: str, options: Sequence[str] | None = None) -> str:
    """A prompt with lettered options on lines of their own; a conversation has them in its last message."""
    lines = [prompt, *(f"{letter}) {option}" for letter, option in zip(OPTION_LETTERS, options or (), strict=False))]
    return "\n".join(lines)


# Read by objectives and Sample.
TAKEN = ("turns", "group", "advantage", "prefer", "token_weight", "kl_weight", "old_logprobs")
