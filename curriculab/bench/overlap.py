"""Test rows in what is trained: the same prompt, or most of a row's word sequences in one trained text.

A row that a method takes from the training pool as it stands, with its own answer or with what the model wrote, is not
looked at: what a split has on both sides is told of the split. Everything else is: rows of a method's own, rows whose
text was overwritten, words that a method put behind a prompt.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from curriculab.data.twins import normalised
from curriculab.data.words import words
from curriculab.protocol import Rows

LENGTH = 8  # words of a sequence; a test row of fewer is one sequence
SHARE = 0.8  # of a test row's sequences in one trained text: of clinic's own random split 1% of the test rows pass it

MOST_KNOWN = 10_000  # texts whose test rows are remembered, since most are trained again


@dataclass(frozen=True)
class Found:
    """A test row that was trained: its id, the trained row's, the step, and "same" (the same prompt) or "near"."""

    test: object
    trained: object
    step: int
    kind: str


class TestRows:
    """The rows that everybody is tested on, to be found in trained rows.

    tests: with `prompt`, and `answer` where they have one; share: see SHARE.
    """

    def __init__(self, tests: Rows, *, share: float = SHARE) -> None:
        self.share, self.ids = share, tests.index.tolist()
        texts = [_asked(prompt, options) for prompt, options in zip(tests["prompt"], _options(tests), strict=True)]
        answers = tests["answer"].tolist() if "answer" in tests else [""] * len(tests)
        # Text to study has no prompt: it is its own answer.
        self.texts = [text or _plain(answer) for text, answer in zip(texts, answers, strict=True)]
        self.answers = [_plain(answer) if text else "" for text, answer in zip(texts, answers, strict=True)]
        self.by_text: dict[str, list[int]] = {}
        for row, text in enumerate(self.texts):
            self.by_text.setdefault(text, []).append(row)
        found = [words(text) for text in self.texts]
        self.lengths = {LENGTH, *(min(LENGTH, len(text)) for text in found)} - {0}
        self.sequences = [set(_sequences(text, min(LENGTH, len(text)))) for text in found]
        self.by_sequence = self._rarest()
        self._known: dict[tuple[str, str, str], list[tuple[object, str]]] = {}
        self._pool: tuple[Rows, dict] | None = None  # whose texts are known, and these

    def _rarest(self) -> dict[Sequence[str], list[int]]:
        """Test rows by their rarest sequences, so many of each that a text with `share` of all must have one of them:
        sequences that thousands of rows have in common are looked at only where a rare one was found."""
        often = Counter(one for own in self.sequences for one in own)
        index: dict[Sequence[str], list[int]] = {}
        for row, own in enumerate(self.sequences):
            enough = len(own) - math.ceil(self.share * len(own)) + 1
            for one in heapq.nsmallest(enough if own else 0, own, key=lambda one: (often[one], one)):
                index.setdefault(one, []).append(row)
        return index

    def find(self, rows: Rows, pool: Rows | None, step: int) -> list[Found]:
        """Test rows in the trained `rows`; those that are trained as they stand in `pool` are left out."""
        own, found, sampled = self._own_texts(pool), [], _sampled(rows)
        answers = rows["answer"].tolist() if "answer" in rows else [""] * len(rows)
        lines = zip(
            rows.index.tolist(), rows["prompt"].tolist(), _options(rows), answers, _learned(rows, answers), strict=True
        )
        for key, prompt, options, answer, learned in lines:
            known = own.get(key, ("", None))
            asked_as_given = key in own and known[0] == prompt
            if asked_as_given and learned == known[1]:
                continue
            asked, text = _asked(prompt, options), _plain(learned or "")
            if asked_as_given and key in sampled:  # what the split has on both sides is not the run's doing
                matches = [(test, "near") for test, _ in self._matches("", text, _plain(answer))]
            else:
                matches = self._matches(asked, text, _plain(answer))
            found += [Found(test, key, step, kind) for test, kind in matches if kind == "near" or not asked_as_given]
        return found

    def _own_texts(self, pool: Rows | None) -> dict[object, tuple[str, object]]:
        """By id the prompt and the text to learn of a pool's rows."""
        if pool is None:
            return {}
        if self._pool is None or self._pool[0] is not pool:
            answers = pool["answer"].tolist() if "answer" in pool else [""] * len(pool)
            texts = zip(pool["prompt"].tolist(), _learned(pool, answers), strict=True)
            self._pool = pool, dict(zip(pool.index.tolist(), texts, strict=True))
        return self._pool[1]

    def _matches(self, asked: str, learned: str, answer: str) -> list[tuple[object, str]]:
        """Ids of the test rows in one trained text, and how they are in it."""
        known = self._known.get((asked, learned, answer))
        if known is None:
            same = self.by_text.get(asked or learned, [])
            near = [row for row in self._near(f"{asked} {learned}") if row not in same]
            near = [row for row in near if self._same_answer(row, learned, answer)]
            known = [*((self.ids[row], "same") for row in same), *((self.ids[row], "near") for row in near)]
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[asked, learned, answer] = known
        return known

    def _near(self, text: str) -> list[int]:
        found = words(text)
        own = {one for length in self.lengths for one in _sequences(found, length)}
        candidates = sorted({row for one in own for row in self.by_sequence.get(one, ())})
        return [row for row in candidates if self._share(row, own) >= self.share]

    def _share(self, row: int, own: set[Sequence[str]]) -> float:
        return len(self.sequences[row] & own) / len(self.sequences[row])

    def _same_answer(self, row: int, learned: str, answer: str) -> bool:
        gold = self.answers[row]
        return gold == "" or gold == answer or f" {gold} " in f" {learned.rstrip('.')} "


def _plain(text: object) -> str:
    """Without case, forms of the same character, and blanks beyond one."""
    return normalised(str(text)).casefold()


def _asked(prompt: object, options: object) -> str:
    listed = sorted(map(_plain, options)) if isinstance(options, list | tuple | np.ndarray) else []
    return " ".join([_plain(prompt), *listed]).strip()


def _options(rows: Rows) -> Sequence[object]:
    return rows["options"].tolist() if "options" in rows else [None] * len(rows)


def _learned(rows: Rows, answers: Sequence[object]) -> Iterator[object]:
    """What each row teaches: the text of its turns if it has any, else its solution, else its answer."""
    turns = rows["turns"].tolist() if "turns" in rows else [None] * len(rows)
    solutions = rows["solution"].tolist() if "solution" in rows else [None] * len(rows)
    for said, solution, answer in zip(turns, solutions, answers, strict=True):
        if not isinstance(said, tuple):
            yield solution if isinstance(solution, str) and solution else answer
        else:
            yield " ".join(piece.text for piece in said)


def _sampled(rows: Rows) -> set[object]:
    """Ids of rows whose turns were all written by a model in this run."""
    turns = rows["turns"].tolist() if "turns" in rows else [None] * len(rows)
    found = set()
    for key, said in zip(rows.index.tolist(), turns, strict=True):
        if isinstance(said, tuple) and all(piece.sample is not None for piece in said):
            found.add(key)
    return found


def _sequences(found: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    return zip(*(found[i:] for i in range(length)), strict=False)
