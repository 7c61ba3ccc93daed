"""Tasks of Reasoning Gym, judged by the package's own scorers in a process of its own."""

from __future__ import annotations

import importlib.util
import re
from functools import lru_cache

from curriculab.registry.warning import warn
from curriculab.rewards.answers import marked_answer, nesting, readable
from curriculab.rewards.cutoffs import DEEPEST, JUDGES, cut_off, judged
from curriculab.rewards.registry import Reference, verifier
from curriculab.rewards.verifiers.any_task import any_task

LONGEST_GYM = 4096  # characters at the end that are looked at: an answer may be a grid of 30 x 30 numbers
CLOSING = re.compile(r".*(?:####|\banswer(?: is|:))\s*(.*)", re.IGNORECASE | re.DOTALL)  # before a grid
FRAME = " \t\r\n*_`$"  # around an answer in prose, with the full stop behind it
NONE_PUBLISHED = "None"  # what a task with many right answers gives as its answer


@verifier("gym:")
def gym(text: str, reference: Reference) -> float:
    """What `score_answer` of the task gives, which may be a part of the points; the published answer is worth 1."""
    said, marked = said_in(text, reference.answer)
    gold = reference.plain
    if " ".join(said.split()) == gold != NONE_PUBLISHED:
        return 1.0
    if not marked and len(text) > LONGEST_GYM:
        return cut_off("length")
    if importlib.util.find_spec("reasoning_gym") is None:
        _warn_once(
            "reasoning-gym is not installed: answers to its tasks are compared as any text is; its own scorers "
            "come with pip install 'curriculab[gym]'"
        )
        return float("nan") if gold == NONE_PUBLISHED else any_task(text, reference)
    if nesting(said) > DEEPEST:
        return cut_off("nesting")
    task, names = reference.task.removeprefix("gym:"), JUDGES["gym"].ready().names
    if task not in names:
        raise ValueError(f"unknown task {reference.task!r}; reasoning-gym has {', '.join(names)}")
    known = reference.metadata if isinstance(reference.metadata, str) else None
    return min(1.0, max(0.0, judged("gym", name=task, said=said, gold=reference.answer, metadata=known)))


def said_in(text: str, answer: str) -> tuple[str, bool]:
    """What is compared, and whether something marks it: the last <answer></answer>, the final answer, or the grid."""
    end = readable(text)[-LONGEST_GYM:]
    start, stop = end.rfind("<answer>"), end.rfind("</answer>")
    if 0 <= start < stop:
        return end[start + len("<answer>") : stop].strip(), True
    if "\n" not in answer:
        said, mark = marked_answer(end)
        if mark == "line":
            said = said.strip(FRAME)
            return (said if answer.endswith(".") else said.rstrip(".").strip(FRAME)), True
        return said.strip(), mark != ""
    closing = CLOSING.match(end)  # a grid: all lines count
    return (closing[1].strip(), True) if closing else (end.strip(), False)


@lru_cache(maxsize=1)
def _warn_once(message: str) -> None:
    warn(message)
