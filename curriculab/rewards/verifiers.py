"""Verifiers: is this text a right answer?  verify("5 * 12 = 60\\n#### 60", "60") -> 1.0."""

from __future__ import annotations

import importlib.util
import re
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import repeat

import numpy as np

from curriculab.protocol import Rows
from curriculab.rewards.worker import CutOff, Judge

LONGEST = 512  # characters at the end of a text that are looked at
LONGEST_GYM = 4096  # there: an answer may be a grid of 30 x 30 numbers
DEEPEST = 20  # brackets within brackets; each more doubles math-verify's time, 15 take it over 0.2 s
NUMBER = re.compile(r"[-+]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?\Z")  # commas between thousands only
NUMBERS = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?")
CLOSING = re.compile(r".*(?:####|\banswer(?: is|:))\s*(.*)", re.IGNORECASE | re.DOTALL)  # the last such mark counts
LATEX_SIGNS = re.compile(r"[\\$^/{]")  # where the last number of a text need not be its answer
LETTER = re.compile(r"\W*(?:option |choice )?\W*([A-Za-z])\W*\Z", re.IGNORECASE)
LETTERED = re.compile(r"[\W_]*([A-Za-z])(?:\)|[.:](?=\s))\W*(\S.*)\Z", re.DOTALL)  # "(B) Paris", "B. Paris"

JUDGES = {"math": Judge("math"), "gym": Judge("gym")}  # processes, started when first asked
_cut: Counter[str] = Counter()
_counting = threading.Lock()


def verify(
    text: object,
    answer: object,
    task: str | None = None,
    *,
    metadata: str | None = None,
    options: Sequence[object] | None = None,
) -> float:
    """What a text is worth as an answer, in [0, 1]; 1 is right. NaN without an answer, 0 for a text that is no string.

    What is compared with the answer depends on the task:
    "ladder", "clinic": the whole text, up to white space.
    None (or NaN): the final answer, that is what stands behind the last "####", "answer is", "answer:" or in the last
        \\boxed{} of the last 512 characters; the same characters, or the same plain number ("$1,200.0." is "1200").
        Where the answer is a number and nothing marks the end of the reasoning, the last number counts.
    "choice": the final answer among `options`, by the right option's text or its letter ("(B)", "b.", "B) Paris").
    "math": the final answer, as a number, else as LaTeX through math-verify.
    "gym:<name>": score_answer of that task of reasoning-gym, which reads `metadata` (JSON, as load_pool keeps it) and
        may give part of the points; the published answer itself is always worth 1. Compared is what stands in the last
        <answer></answer>, else the final answer, else the text.

    The last two run in a process of their own and are given 0.2 s. What a limit cuts off is worth 0; see `limits`.
    """
    judge = VERIFIERS.get(task)
    if judge is None:
        if isinstance(task, str) and task.startswith("gym:") and task != "gym:":
            judge = _gym
        elif task != task:
            judge = _free
        else:
            known = ", ".join(repr(t) for t in VERIFIERS if t)
            raise ValueError(f"unknown task {task!r}; known are {known}, 'gym:<name>' and None (any text)")
    if answer is None or answer != answer:
        return float("nan")
    if not isinstance(text, str):
        return 0.0
    return judge(text, " ".join(str(answer).split()), task, str(answer), metadata, options)


def verify_rows(rows: Rows, texts: Sequence[object]) -> np.ndarray:
    """`verify` for one text per row, (rows,): reads the columns answer, task, metadata and options where they exist."""
    if len(texts) != len(rows):
        raise ValueError(f"{len(texts)} texts for {len(rows)} rows; give one per row")
    names = ("answer", "task", "metadata", "options")
    columns = [rows[name].tolist() if name in rows else repeat(None, len(rows)) for name in names]
    worth = [verify(t, a, k, metadata=m, options=o) for t, a, k, m, o in zip(texts, *columns, strict=True)]
    return np.array(worth, dtype=float)


def limits(*, reset: bool = False) -> dict[str, float]:
    """What was cut off in this process since it began, or since the last reset.

    Texts judged wrong because of a limit: length (the answer may stand beyond what is looked at), nesting (deeper than
    20), time (0.2 s), crash (out of memory, or the worker died); raised: Reasoning Gym's own scorer failed on them.
    restarts: workers lost; restart_seconds: waited for workers to be ready, their first start included.
    """
    with _counting:
        found: dict[str, float] = {name: _cut[name] for name in ("length", "nesting", "time", "crash", "raised")}
        found["restarts"] = sum(j.restarts for j in JUDGES.values())
        found["restart_seconds"] = sum(j.waited for j in JUDGES.values())
        if reset:
            _cut.clear()
            for judge in JUDGES.values():
                judge.restarts, judge.waited = 0, 0.0
    return found


def final(text: str) -> tuple[str, bool]:
    """The final answer of a worked text, and whether something marks it as such."""
    start = text.rfind("\\boxed{")
    if start >= 0:
        depth = 0
        for at in range(start + 6, len(text)):
            depth += (text[at] == "{") - (text[at] == "}")
            if depth == 0:
                return text[start + 7 : at], True
    found = CLOSING.match(text)
    if found:
        first = found.group(1).strip().split("\n")[0]
        return first, True
    return text, False


def number(text: str) -> Decimal | None:
    """A plain decimal number, thousands separators allowed; None for anything else."""
    if not NUMBER.match(text):
        return None
    try:
        return Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None


def nesting(text: str) -> int:
    """How many brackets of any kind are open at the deepest place."""
    depth = deepest = 0
    for c in text:
        if c in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif c in ")]}" and depth:
            depth -= 1
    return deepest


def _cut_off(why: str) -> float:
    with _counting:
        _cut[why] += 1
    return 0.0


def _end(text: str, longest: int = LONGEST) -> tuple[str, bool, bool]:
    """The final answer up to white space, whether it is marked, and whether it may stand beyond what is looked at."""
    said, marked = final(text[-longest:])
    return " ".join(said.split()), marked, not marked and len(text) > longest


def _whole(text: str, gold: str, *_: object) -> float:
    return float(" ".join(text.split()) == gold) if len(text) <= LONGEST else _cut_off("length")


def _free(text: str, gold: str, *_: object) -> float:
    said, marked, cut = _end(text)
    target = number(gold)
    if said == gold:
        return 1.0
    if target is not None:
        numbers = [said] if marked else NUMBERS.findall(said)[-1:]
        if any(number(n.strip("$ .")) == target for n in numbers):
            return 1.0
    return _cut_off("length") if cut else 0.0


def _choice(text: str, gold: str, task: object, answer: str, metadata: object, options: object) -> float:
    said, _, cut = _end(text)
    texts = [" ".join(str(o).split()) for o in options] if isinstance(options, (list, tuple, np.ndarray)) else []
    right = _option(gold, texts)
    if right is None:  # no options given: the letter or the words themselves
        same = said.strip(" .").casefold() == gold.strip(" .").casefold()
        return float(same) or (_cut_off("length") if cut else 0.0)
    return float(_option(said, texts) == right) or (_cut_off("length") if cut else 0.0)


def _option(said: str, texts: list[str]) -> int | None:
    """Which option is meant: by its text, else by its letter, which must not stand before another option's text."""
    if said in texts:
        return texts.index(said)
    words = [t.strip(" .").casefold() for t in texts]
    if words.count(said.strip(" .").casefold()) == 1:
        return words.index(said.strip(" .").casefold())
    found = LETTER.match(said) or LETTERED.match(said)
    if found is None:
        return None
    place = ord(found[1].lower()) - ord("a")
    rest = found[2].strip(" .").casefold() if found.re is LETTERED else None
    if texts and (place >= len(texts) or (rest in words and words[place] != rest)):
        return None
    return place


def _math(text: str, gold: str, *_: object) -> float:
    said, marked, cut = _end(text)
    numbers = [said] if marked or LATEX_SIGNS.search(said) else NUMBERS.findall(said)[-1:]
    target, meant = number(gold.strip("$ .")), number(numbers[0].strip("$ .")) if numbers else None
    if said == gold or (target is not None and meant == target):
        return 1.0
    if cut or len(gold) > LONGEST:
        return _cut_off("length")
    if not said or (target is not None and meant is not None):  # two numbers, and not the same
        return 0.0
    if max(nesting(said), nesting(gold)) > DEEPEST:
        return _cut_off("nesting")
    return _asked("math", said=said, gold=gold)


def _gym(text: str, gold: str, task: str, answer: str, metadata: object, options: object) -> float:
    end = text[-LONGEST_GYM:]
    start, stop = end.rfind("<answer>"), end.rfind("</answer>")
    found = CLOSING.match(end) if "\n" in answer else None
    if 0 <= start < stop:
        said, marked = end[start + len("<answer>") : stop], True
    elif "\n" in answer:  # a grid: all lines count
        said, marked = (found[1], True) if found else (end, False)
    else:
        said, marked = final(end)
    said = said.strip()
    if " ".join(said.split()) == gold != "None":  # "None": the task publishes no answer
        return 1.0
    if not marked and len(text) > LONGEST_GYM:
        return _cut_off("length")
    if importlib.util.find_spec("reasoning_gym") is None:
        _say_once(
            "reasoning-gym is not installed: answers to its tasks are compared as any text is; its own scorers "
            "come with pip install 'curriculab[gym]'"
        )
        return float("nan") if gold == "None" else _free(text, gold)
    if nesting(said) > DEEPEST:
        return _cut_off("nesting")
    name = task.removeprefix("gym:")
    names = JUDGES["gym"].ready().names
    if name not in names:
        raise ValueError(f"unknown task {task!r}; reasoning-gym has {', '.join(names)}")
    known = metadata if isinstance(metadata, str) else None
    return min(1.0, max(0.0, _asked("gym", name=name, said=said, gold=answer, metadata=known)))


VERIFIERS: dict[str | None, Callable[..., float]] = {
    "ladder": _whole,
    "clinic": _whole,
    "choice": _choice,
    "math": _math,
    None: _free,
}


def _asked(kind: str, **request: str | None) -> float:
    try:
        score = _remembered(kind, tuple(request.items()))
    except CutOff as why:
        return _cut_off(why.args[0])
    return score if score == score else 0.0


@lru_cache(maxsize=4096)  # what was cut off raises and is not kept: the next time may be luckier
def _remembered(kind: str, request: tuple[tuple[str, str | None], ...]) -> float:
    return JUDGES[kind].ask(**dict(request))


@lru_cache(maxsize=1)
def _say_once(message: str) -> None:
    warnings.warn(message, stacklevel=4)
