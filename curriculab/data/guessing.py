"""Which column of a source is which of a pool's, by the names that published data sets use: a guess to begin with.

{"question": ..., "choices": {"text": [...], "label": [...]}, "answerKey": "B"}
-> columns={"prompt": "question", "answer": "answerKey", "options": "choices.text"}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from curriculab.data.cells import NO_HEADER, is_a_row
from curriculab.data.chats import with_chats
from curriculab.data.layouts import at_path
from curriculab.data.mapping import (
    Column,
    code_of,
    count_solution_steps,
    quoted,
    text_after,
    text_boxed,
    text_joined,
)
from curriculab.data.options import pick_option
from curriculab.data.validation import listed
from curriculab.data.values import as_list, is_missing, level_of

# Names that data sets give to what a pool calls prompt, answer, ...; the first that a table has counts.
ALIASES = {
    "prompt": (
        *("prompt", "question", "problem", "instruction", "input", "query"),
        *("question_stem", "question.stem", "question_text", "stem", "ctx", "goal"),
    ),
    "answer": (
        *("answer", "output", "response", "completion", "target", "result", "text"),
        *("answerkey", "answer_key", "final_answer", "expected_answer", "correct_answer", "ground_truth", "gold"),
        *("answers", "solution_text", "reward_model.ground_truth", "label", "chosen"),
    ),
    "level": ("level", "difficulty", "grade"),
    "topic": ("topic", "subject", "category", "skill"),
    "options": ("options", "choices", "choices.text", "question.choices.text", "endings", "choice"),
    "solution": ("solution", "rationale"),
}
PROMPTS = ALIASES["prompt"][:6]  # of these a table whose answers alone are mapped most likely has its prompts
PASSAGES = ("context", "passage", "paragraph")  # names of the text that a question is about
MARKED = 0.5  # share of answers with a marker from which on they are taken apart; the others are refused by their row


def guess_columns(frame: pd.DataFrame) -> dict[str, Column]:
    """A mapping to begin with, by the names that columns often have; to be looked at, not to be trusted.

    Answers that end in `#### answer`, as those of GSM8K, are taken apart into solution, answer and level; the answer of
    a solution that has it in a box, as those of MATH, is taken from there; an Alpaca `input` follows its instruction.
    """
    named = {_plain(name): name for name in reversed([*frame.columns, *_nested(frame)])}
    mapping: dict[str, Column] = {}
    for target, names in ALIASES.items():
        found = (named[name] for name in names if name in named)
        column = next((name for name in found if _fits(target, frame, name)), None)
        if column is not None:
            mapping[target] = column
    mapping = with_chats(frame, mapping | _joined(frame, mapping))
    for target in ("prompt", "answer"):
        if isinstance(mapping.get(target), str):
            mapping[target] = _text_inside(frame, mapping[target])
    mapping |= _labelled(frame, mapping, set(named.values()))
    if "answer" not in mapping and "solution" in mapping and _share(frame, mapping["solution"], "\\boxed") >= MARKED:
        mapping["answer"] = text_boxed(mapping["solution"])
    answer = mapping.get("answer")
    if isinstance(answer, str) and _share(frame, answer, "####") >= MARKED:
        mapping |= {"solution": answer, "answer": text_after(answer, "####"), "level": count_solution_steps(answer)}
    return mapping


def missing_column(name: str, frame: pd.DataFrame, source: str) -> str:
    """One line that says what there is in place of the column, with the mapping that its names suggest."""
    guess = {target: column for target, column in guess_columns(frame).items() if target != column}
    for target in ("prompt", "answer") if len(frame.columns) > 1 else ():  # in the order that people write them
        free = [c for c in map(str, frame.columns) if c not in (*guess.values(), "prompt", "answer")]
        if target not in guess and target not in frame and free:
            guess[target] = free[0]
    if len(frame.columns) == 1 and name not in guess:
        only = listed(frame.columns)
        hint = f'where these are plain texts to learn, columns={{"answer": {quoted(only)}}}'
        there = f"a pool has a prompt and an answer, and this has only the column {only!r}"
        return f"{source}: no column {name!r}; {there}; {hint}"
    wanted = {t: c for t, c in guess.items() if t in ("prompt", "answer", "options", "solution")}
    example = ", ".join(f'"{target}": {code_of(column)}' for target, column in wanted.items())
    has = listed(frame.columns)
    if is_a_row(frame.columns):
        return f"{source}: no column {name!r}; the first line is {has}; {NO_HEADER}"
    return f"{source}: no column {name!r}; it has {has}; say which one it is, for example columns={{{example}}}"


def _plain(name: object) -> str:
    return str(name).strip().lower().replace(" ", "_").replace("-", "_")


def _nested(frame: pd.DataFrame) -> Iterator[str]:
    """Dotted names of what the first row's objects hold, two levels deep."""
    for column in frame.columns:
        for name in _names(_first(frame[column])):
            yield f"{column}.{name}"


def _names(value: Any, depth: int = 2) -> Iterator[str]:
    if isinstance(value, (list, np.ndarray)) and len(value):
        value = value[0]
    if not isinstance(value, dict) or not depth:
        return
    for name, inner in value.items():
        yield name
        for more in _names(inner, depth - 1):
            yield f"{name}.{more}"


def _first(values: pd.Series) -> Any:
    return next((value for value in values if not is_missing(value)), None)


def _fits(target: str, frame: pd.DataFrame, column: str) -> bool:
    values = at_path(frame, column)
    if target == "level":
        numbers = pd.to_numeric(values.map(level_of), errors="coerce")
        return bool((numbers % 1 == 0).all())
    if target == "options":
        lists = [as_list(value) for value in values if not _is_object(value)]
        return len(lists) == len(values) and all(isinstance(one, list) for one in lists) and any(lists)
    return target not in ("solution", "topic") or not isinstance(_first(values), (dict, list, np.ndarray))


def _is_object(value: Any) -> bool:
    return isinstance(value, (list, np.ndarray)) and len(value) > 0 and isinstance(value[0], dict)


def _joined(frame: pd.DataFrame, mapping: dict[str, Column]) -> dict[str, Column]:
    """An instruction with the input it is about, as Alpaca's; a question behind its passage, as SQuAD's."""
    named = {_plain(name): name for name in frame.columns}
    passage = next((named[name] for name in PASSAGES if name in named), None)
    if (
        passage is not None
        and mapping.get("prompt") == named.get("question")
        and isinstance(_first(frame[passage]), str)
    ):
        return {"prompt": text_joined(passage, named["question"])}
    if mapping.get("prompt") != named.get("instruction") or "input" not in named or "instruction" not in named:
        return {}
    filled = frame[named["input"]].map(lambda text: isinstance(text, str) and bool(text.strip()))
    return {"prompt": text_joined(named["instruction"], named["input"])} if filled.any() else {}


def _labelled(frame: pd.DataFrame, mapping: dict[str, Column], names: set[str]) -> dict[str, Column]:
    """An answer by one of the labels that stand beside the texts of the options, as ARC's."""
    options, answer = mapping.get("options"), mapping.get("answer")
    labels = f"{str(options).removesuffix('.text')}.label"
    if not isinstance(answer, str) or not str(options).endswith(".text") or labels not in names:
        return {}
    return {"answer": pick_option(answer, str(options), labels)}


def _text_inside(frame: pd.DataFrame, column: str) -> str:
    """The first text in a column of lists or messages: "prompt.0.content", "answers.text.0"."""
    value = _first(at_path(frame, column))
    while isinstance(value, (list, np.ndarray, dict)) and len(value):
        if isinstance(value, dict):
            part = next((name for name in ("content", "text", "value") if name in value), next(iter(value)))
            value = value[part]
        else:
            chat = _is_object(value) and "content" in value[0]
            part, value = ("-1", value[-1]) if chat else ("0", value[0])
        column = f"{column}.{part}"
    return column


def _share(frame: pd.DataFrame, column: Column, marker: str) -> float:
    """Share of the texts of a column that hold a marker."""
    if not isinstance(column, str):
        return 0.0
    return float(at_path(frame, column).map(lambda text: isinstance(text, str) and marker in text).mean())
