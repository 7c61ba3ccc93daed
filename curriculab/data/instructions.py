"""IFEval's published format as a pool: prompts whose instructions a program can check.

{"key": 1001, "prompt": "... no commas", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
-> id "ifeval/1001", task "ifeval", level 1 (rules), metadata '[{"rule": "punctuation:no_comma"}]'

There is no right text: `answer` says what is judged. Instructions that need a language detector or a downloaded
tokeniser are not judged; a warning names them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from curriculab.data.validation import PoolError, fail
from curriculab.data.values import is_missing
from curriculab.registry.warning import warn

COLUMNS = ("prompt", "instruction_id_list", "kwargs")
JUDGED: Mapping[str, tuple[str, ...]] = {  # settings of each id
    "keywords:existence": ("keywords",),
    "keywords:frequency": ("keyword", "frequency", "relation"),
    "keywords:forbidden_words": ("forbidden_words",),
    "keywords:letter_frequency": ("letter", "let_frequency", "let_relation"),
    "length_constraints:number_words": ("num_words", "relation"),
    "length_constraints:number_paragraphs": ("num_paragraphs",),
    "length_constraints:nth_paragraph_first_word": ("num_paragraphs", "nth_paragraph", "first_word"),
    "detectable_content:number_placeholders": ("num_placeholders",),
    "detectable_content:postscript": ("postscript_marker",),
    "detectable_format:number_bullet_lists": ("num_bullets",),
    "detectable_format:constrained_response": (),
    "detectable_format:number_highlighted_sections": ("num_highlights",),
    "detectable_format:multiple_sections": ("section_spliter", "num_sections"),
    "detectable_format:json_format": (),
    "detectable_format:title": (),
    "combination:two_responses": (),
    "combination:repeat_prompt": ("prompt_to_repeat",),
    "startend:end_checker": ("end_phrase",),
    "startend:quotation": (),
    "punctuation:no_comma": (),
}
LISTS = ("keywords", "forbidden_words")  # of texts
NUMBERS = (
    *("frequency", "let_frequency", "num_words", "num_paragraphs", "nth_paragraph", "num_placeholders", "num_bullets"),
    *("num_highlights", "num_sections"),
)
RELATIONS = ("less than", "at least")
NOT_JUDGED = {  # and what the released checkers need for them
    "language:response_language": "a language detector",
    "change_case:english_capital": "a language detector",
    "change_case:english_lowercase": "a language detector",
    "length_constraints:number_sentences": "a downloaded tokeniser",
    "change_case:capital_word_frequency": "a downloaded tokeniser",
}


def is_published(frame: pd.DataFrame, columns: Mapping[str, Any]) -> bool:
    """Is a table in this format, and its answer, task and metadata not mapped by hand?"""
    return all(name in frame for name in COLUMNS) and "answer" not in frame and not set(columns) - {"id", "topic"}


def with_instructions(frame: pd.DataFrame, source: str) -> pd.DataFrame:
    """The table with id, answer, task, topic, level and metadata; rows of which nothing is judged left out.

    Raises
    ------
    PoolError
        Where a row's two lists do not fit, an id is unknown, or a setting is missing or is not what its rule takes.

    Examples
    --------
    >>> row = {"key": 7, "prompt": "...", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
    >>> with_instructions(pd.DataFrame([row]), "a table")[["id", "answer", "metadata"]].iloc[0].tolist()
    ['ifeval/7', 'punctuation:no_comma', '[{"rule": "punctuation:no_comma"}]']
    """
    judged, left_out = [], Counter()
    for place, ids, kwargs in zip(frame.index, frame["instruction_id_list"], frame["kwargs"], strict=True):
        listed = _listed(source, str(place), ids, kwargs)
        left_out.update(name for name, _ in listed if name in NOT_JUDGED)
        judged.append([_rule(source, str(place), *one) for one in listed if one[0] not in NOT_JUDGED])
    kept = np.array([bool(rules) for rules in judged], bool)
    if not kept.any():
        raise PoolError(f"{source}: no row has an instruction that is judged; judged are {', '.join(JUDGED)}")
    if left_out:
        _warn(source, left_out, int((~kept).sum()))
    rules = [one for one in judged if one]
    keys = frame.get("key", pd.Series(np.arange(1, len(frame) + 1), frame.index))[kept]
    made = {
        "id": [f"ifeval/{key}" for key in keys],
        "answer": ["; ".join(map(_said, one)) for one in rules],
        "task": "ifeval",
        "topic": [one[0]["rule"].partition(":")[0] for one in rules],
        "level": [len(one) for one in rules],
        "metadata": [json.dumps(one, ensure_ascii=False) for one in rules],
    }
    return frame[kept].drop(columns="key", errors="ignore").assign(**made)


def _listed(source: str, place: str, ids: Any, kwargs: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Each id of a row with its settings."""
    if not isinstance(ids, (list, np.ndarray)) or not len(ids) or not all(isinstance(one, str) for one in ids):
        raise fail(source, place, "instruction_id_list", ids, "a list of ids, such as ['punctuation:no_comma']")
    if not isinstance(kwargs, (list, np.ndarray)) or len(kwargs) != len(ids):
        raise fail(source, place, "kwargs", kwargs, f"a list of {len(ids)} objects, one for each instruction")
    for one in kwargs:
        if not (isinstance(one, Mapping) or is_missing(one)):
            raise fail(source, place, "kwargs", one, "an object for each instruction, such as {'num_words': 3}")
    return [(name, {} if is_missing(one) else one) for name, one in zip(ids, kwargs, strict=True)]


def _rule(source: str, place: str, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A rule as `metadata` holds it; settings that are empty, as a hub data set fills them up with, are no settings."""
    if name not in JUDGED:
        expected = f"one of {', '.join((*JUDGED, *NOT_JUDGED))}"
        raise fail(source, place, "instruction_id_list", name, expected)
    found = {key: _plain(given.get(key)) for key in JUDGED[name]}
    missing = [key for key, value in found.items() if value in (None, "", [])]
    if missing:
        raise fail(source, place, "kwargs", dict(given), f"a value of {missing[0]!r} for {name!r}")
    for key, value in found.items():
        right, expected = _expected(key, value)
        if not right:
            raise fail(source, place, "kwargs", value, f"{expected} as {key!r} of {name!r}")
    return {"rule": name} | found


def _expected(key: str, value: Any) -> tuple[bool, str]:
    """Whether a setting is such as its rule takes, and what that is."""
    if "relation" in key:
        return value in RELATIONS, " or ".join(map(repr, RELATIONS))
    if key in NUMBERS:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0, "a whole number from 0 up"
    if key in LISTS:
        return isinstance(value, list), "a list of texts"
    return isinstance(value, str), "a text"


def _plain(value: Any) -> Any:
    """A setting as JSON holds it: lists as lists, and whole numbers as such."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [str(one) for one in value]
    if is_missing(value):
        return None
    if isinstance(value, (float, np.number)) and float(value).is_integer():
        return int(value)
    return value


def _said(rule: Mapping[str, Any]) -> str:
    """A rule in words: "keywords:frequency keyword='war' frequency=8 relation='at least'"."""
    name, *settings = rule.items()
    return " ".join([name[1], *(f"{key}={value!r}" for key, value in settings)])


def _warn(source: str, left_out: Counter[str], rows: int) -> None:
    counted: Sequence[str] = [f"{name} ({left_out[name]})" for name in NOT_JUDGED if name in left_out]
    gone = f"; {rows} rows have no other instruction and are left out" if rows else ""
    warn(f"{source}: not judged, since they need a language detector or a tokeniser: {', '.join(counted)}{gone}")
