"""Where the answers of a test come from: what a model wrote to which row, and what a solver put beside the prompt.

A solver asks `Sample(rows.assign(prompt="Q: add 1 + 1 A: 2 Q: " + rows.prompt))`; the loop notes each text it got, and
that training row "a/7" and the words "Q: A: Q:" stood in every prompt. Only texts noted here can be graded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from curriculab.protocol import Piece, Rows, Sample, Score
from curriculab.simulation.writing import ANSWER_PURPOSES

FIRST = 3  # words of a training row's prompt by which it is looked for in a longer text
NEAR = 60  # characters between a training row's prompt and its answer, where both are shown
NAMED = 20  # ids of training rows that the record names
SHOWN = 80  # characters of a solver's own words that the record shows


@dataclass(eq=False, slots=True)
class Text:
    """What a model wrote to a row in a test; answers: to the row's own prompt, for a purpose that answers it."""

    text: str
    role: str
    purpose: str
    answers: bool
    continued: bool = False  # it went on from here, so this is no answer


class TrainingTexts:
    """Prompts of training rows, to be found within longer texts."""

    def __init__(self, pool: Rows) -> None:
        self.ids, self.prompts = pool.index.tolist(), [str(prompt) for prompt in pool["prompt"]]
        names = [name for name in ("solution", "answer") if name in pool]
        self.learned = list(zip(*(pool[name].tolist() for name in names), strict=True)) if names else []
        self.by_start: dict[tuple[str, ...], list[int]] = {}
        for row, prompt in enumerate(self.prompts):
            self.by_start.setdefault(_start(prompt), []).append(row)
        self.by_start.pop((), None)
        self._known: dict[str, tuple[tuple[object, ...], str]] = {}

    def take_out(self, text: str) -> tuple[tuple[object, ...], str]:
        """Ids of the rows whose prompts stand in a text, and the text without them and their answers."""
        if text not in self._known:
            if len(self._known) >= 10_000:  # texts that are remembered: most solvers show all rows the same examples
                self._known.clear()
            self._known[text] = self._taken(text)
        return self._known[text]

    def _taken(self, text: str) -> tuple[tuple[object, ...], str]:
        said = text.split()
        starts = {tuple(said[at : at + n]) for at in range(len(said)) for n in range(1, FIRST + 1)}
        rows = {row for start in starts for row in self.by_start.get(start, ())}
        found = []
        for row in sorted(rows, key=lambda row: len(self.prompts[row]), reverse=True):
            before, prompt, after = text.partition(self.prompts[row])
            if prompt:
                found.append(self.ids[row])
                text = f"{before} {self._without_answer(row, after)}"
        return tuple(found), text

    def _without_answer(self, row: int, after: str) -> str:
        for learned in self.learned[row] if self.learned else ():
            if isinstance(learned, str) and learned and 0 <= after.find(learned) <= NEAR:
                return after.replace(learned, " ", 1)
        return after


class Provenance:
    """What models wrote in one test, and what else stood before it.

    solver: its name; tests: the test rows; training: texts of the variant's training rows.
    """

    def __init__(self, solver: str, tests: Rows, training: TrainingTexts) -> None:
        self.solver, self.training = solver, training
        options = tests["options"].tolist() if "options" in tests else [None] * len(tests)
        self.asked = dict(zip(tests.index, zip(tests["prompt"].tolist(), options, strict=True), strict=True))
        self.written: dict[object, list[Text]] = {}
        self.numbered: dict[tuple[object, int], Text] = {}
        self.elsewhere = 0  # texts to other rows than test rows
        self.added: dict[object, set[str]] = {}  # by row, words that are neither a model's nor a training row's
        self.declared: dict[str, set[object]] = {}  # by who is named for them, the rows
        self.shown: dict[object, set[object]] = {}  # by id of a training row, the rows it was shown with
        self.quoted: dict[str, set[object]] = {}  # by role and purpose, rows that text of a model was shown with

    def note(self, request: object, reply: Rows) -> None:
        """Keep what a reply of a test holds of written text."""
        if isinstance(request, Sample):
            self._note(request, _sampled(reply), request.purpose in ANSWER_PURPOSES)
        elif isinstance(request, Score) and request.measure in ("options", ("options",)):
            self._note(request, _chosen(request.rows, reply), True)

    def _note(self, request: Sample | Score, lines: Iterator[tuple], answers: bool) -> None:
        last, unchanged = None, False
        for row, text, number, asked in lines:
            if row not in self.asked:
                self.elsewhere += 1
                continue
            if last is None or last[0] != row or not _alike(last[1], asked):  # the answers to a row stand together
                last, unchanged = (row, asked), self._read(row, *asked)
            new = Text(text, request.role, request.purpose, answers and unchanged)
            self.written.setdefault(row, []).append(new)
            if number is not None:
                self.numbered[row, number] = new

    def _read(self, row: object, prompt: str, options: object, said: Sequence[Piece], by: object) -> bool:
        """Does the prompt of a request contain the row's own prompt, unchanged? What else it contains is noted."""
        own, choice = self.asked[row]
        if prompt == own and options is choice and not said:  # as most tests ask; it takes no time
            self.added.setdefault(row, set()).add("")
            return True
        unchanged = own in prompt and (not _is_list(options) or _same(options, choice))
        extra = [prompt.replace(own, " ", 1)] if own in prompt else [prompt]
        for piece in said:
            known = self.numbered.get((row, piece.sample)) if piece.sample is not None else None
            if known is not None and known.text == piece.text:
                known.continued = True
                self._quote(row, known)
            else:
                extra.append(piece.text)
        ids, left = self.training.take_out("\n".join(extra)) if any(map(str.strip, extra)) else ((), "")
        for one in ids:
            self.shown.setdefault(one, set()).add(row)
        left = self._without_written(row, left.replace(own, " "))  # a question that is repeated is the row's own
        if isinstance(by, str) and by and left:
            self.declared.setdefault(by, set()).add(row)
            left = ""
        self.added.setdefault(row, set()).add(left)
        return unchanged

    def _without_written(self, row: object, left: str) -> str:
        """A text without what models wrote to this row before; in one line."""
        known = {one.text: one for one in self.written.get(row, ()) if one.text.strip()} if left.strip() else {}
        for text in sorted(known, key=len, reverse=True):
            found = re.search(rf"(?<!\w){re.escape(text)}(?!\w)", left)
            if found:
                left = f"{left[: found.start()]} {left[found.end() :]}"
                self._quote(row, known[text])
        return " ".join(left.split())

    def _quote(self, row: object, known: Text) -> None:
        self.quoted.setdefault(f"{known.role}, {known.purpose}", set()).add(row)

    # -- what may be graded -------------------------------------------------------------------------------------------
    def answers(self, row: object) -> list[str]:
        """All texts that answer a row: written to its own prompt, and not gone on from."""
        return [one.text for one in self.written.get(row, ()) if one.answers and not one.continued]

    def check(self, row: object, returned: Sequence[object]) -> None:
        """Refuse texts that no model wrote as answers to this row, and answers that were left out: one line."""
        if list(returned) == [""]:
            return  # left unanswered, and worth nothing
        own = self.written.get(row, ())
        if len(own) == len(returned) == 1 and own[0].text == returned[0] and own[0].answers:
            return  # as most tests end; nothing that was continued stands alone
        written = self.answers(row)
        strange = Counter(returned) - Counter(written)
        if strange:
            raise ValueError(self._not_written(row, next(iter(strange)), written))
        if len(returned) < len(written):
            raise ValueError(
                f"the solver {self.solver!r} returned {len(returned)} of the {len(written)} answers that were written "
                f"to the row {row!r}; return all of them: their mean counts, or what Use(..., reduce='majority') makes "
                "of them; a text on the way to an answer is asked for with a purpose of its own, "
                "Sample(..., purpose='plan')"
            )

    def _not_written(self, row: object, text: object, written: Sequence[str]) -> str:
        shown = repr(text) if len(repr(text)) <= SHOWN else f"{repr(text)[:SHOWN]}..."
        said = f"the solver {self.solver!r} returned {shown} for the row {row!r}"
        other = next((one for one in self.written.get(row, ()) if one.text == text), None)
        if text in written:
            return f"{said} more often than it was written; return each answer once"
        if other is None:
            return f"{said}, which no model wrote to it in this test; return the texts of its requests as they are"
        if other.continued:
            return f"{said}, from where it went on; return the answers at the end"
        if other.purpose not in (*ANSWER_PURPOSES, "score"):
            return f"{said}, written for the purpose {other.purpose!r}; ask for answers with purpose='test'"
        return f"{said}, written to a prompt without the row's own; the whole prompt and its options have to be in it"

    # -- for the record -----------------------------------------------------------------------------------------------
    def summary(self) -> dict[str, object]:
        """Who wrote the answers, and what stood beside the rows' prompts, in plain values for the record."""
        open_texts = [one for own in self.written.values() for one in own if one.answers and not one.continued]
        roles = Counter(one.role for one in open_texts)
        found: dict[str, object] = {"rows": len(self.asked), "answers": dict(roles)}
        if self.shown:
            ids = sorted(map(str, self.shown))
            rows = set().union(*self.shown.values())
            found["training_rows"] = {"count": len(ids), "ids": ids[:NAMED], "beside": len(rows)}
        if self.quoted:
            found["written_before"] = {name: len(rows) for name, rows in sorted(self.quoted.items())}
        if self.declared:
            found["declared"] = {name: len(rows) for name, rows in sorted(self.declared.items())}
        return {**found, **self._own_words()}

    def _own_words(self) -> Mapping[str, object]:
        """Words of the solver's own: the same beside every row, or others, which may carry what is right."""
        counts = Counter(text for own in self.added.values() for text in own if text)
        same = [text for text, count in counts.items() if count == len(self.added)]
        others = [text for text in counts if text not in same]
        found: dict[str, object] = {"same_words": [text[:SHOWN] for text in same]} if same else {}
        if others:
            rows = sum(bool(own - {"", *same}) for own in self.added.values())
            found["undeclared"] = {"beside": rows, "such_as": others[0][:SHOWN]}
        return found


def _start(prompt: str) -> tuple[str, ...]:
    return tuple(prompt.split(None, FIRST)[:FIRST])


def _sampled(reply: Rows) -> Iterator[tuple]:
    """Of each answer of a Sample: its row, text and number, and what it answers: prompt, options, turns, by whom."""
    options = reply["options"].tolist() if "options" in reply else [None] * len(reply)
    by = reply["said_by"].tolist() if "said_by" in reply else [None] * len(reply)
    columns = (reply.index.tolist(), reply["text"].tolist(), reply["turns"].tolist(), reply["prompt"].tolist())
    for row, text, turns, prompt, choice, who in zip(*columns, options, by, strict=True):
        yield row, text, turns[-1].sample, (prompt, choice, turns[:-1], who)


def _chosen(rows: Rows, reply: Rows) -> Iterator[tuple]:
    """The same of a choice among options, which is read behind the bare prompt."""
    by = rows["said_by"].tolist() if "said_by" in rows else [None] * len(rows)
    columns = (rows.index.tolist(), reply["text"].tolist(), rows["prompt"].tolist(), rows["options"].tolist(), by)
    for row, text, prompt, choice, who in zip(*columns, strict=True):
        yield row, text, None, (prompt, choice, (), who)


def _alike(one: tuple, other: tuple) -> bool:
    """Was the same asked? Options are one object where answers are of one row; arrays have no single equality."""
    (prompt, options, said, by), (prompt2, options2, said2, by2) = one, other
    return prompt == prompt2 and options is options2 and said == said2 and by == by2


def _is_list(options: object) -> bool:
    return isinstance(options, list | tuple | np.ndarray)


def _same(options: Sequence[object], own: object) -> bool:
    return _is_list(own) and sorted(map(str, options)) == sorted(map(str, own))
