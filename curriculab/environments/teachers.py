"""Teachers, judges, solvers and rewriters whose skill is known, for roles that a script speaks.

teacher = cl.Script(Hint(right=0.9, leak=0.05))   # of 100 hints 5 give the answer, about 86 help with their own row
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curriculab.protocol import Rows

HINT, LEAK = "Hint for {}:", "The answer is {}."
REWRITES = ("same", "easier", "leak", "other")


@dataclass(frozen=True)
class Hint:
    """Writes a hint for each row, which names the row that it helps with.

    Parameters
    ----------
    right : float
        Share of hints that are for the row itself; the others are for another row of the request, which helps nobody.
    leak : float
        Share of hints that give the answer away.

    Examples
    --------
    >>> rows = pd.DataFrame({"prompt": ["1 + 1"], "answer": ["2"]}, index=["a"])
    >>> cl.environments.Hint(right=1.0)(rows, np.random.default_rng(0))
    ['Hint for a: begin at the end.']
    >>> cl.environments.Hint(leak=1.0)(rows, np.random.default_rng(0))
    ['The answer is 2.']
    """

    right: float = 0.9
    leak: float = 0.0

    def __post_init__(self) -> None:
        _check_shares(self, right=self.right, leak=self.leak)

    def __call__(self, rows: Rows, rng: np.random.Generator) -> list[str]:
        """One hint a row."""
        own, leaks = rng.random(len(rows)) < self.right, rng.random(len(rows)) < self.leak
        ids = pd.unique(rows.index)
        at = pd.Index(ids).get_indexer(rows.index)
        further = rng.integers(1, len(ids), len(rows)) if len(ids) > 1 else np.zeros(len(rows), int)
        other = ids[(at + further) % len(ids)] if len(ids) > 1 else np.full(len(rows), "nothing", object)
        meant = np.where(own, np.asarray(rows.index, object), other)
        answers = rows["answer"].tolist() if self.leak else [None] * len(rows)
        return [
            LEAK.format(answer) if leaked else f"{HINT.format(one)} begin at the end."
            for one, leaked, answer in zip(meant, leaks, answers, strict=True)
        ]


@dataclass(frozen=True)
class Hinted:
    """A `context` of the simulated student: what the hints of `Hint` are worth.

    Parameters
    ----------
    gain : float
        Logits that a hint for the row itself adds.
    leaked : float
        Logits that the answer adds.

    Examples
    --------
    >>> rows = pd.DataFrame({"prompt": ["q Hint for a: look.", "q Hint for c: look.", "q"]}, index=["a", "b", "c"])
    >>> cl.environments.Hinted(gain=2.0)(rows, np.zeros(3)).tolist()
    [2.0, 0.0, 0.0]
    """

    gain: float = 2.0
    leaked: float = 6.0

    def __call__(self, rows: Rows, ability: np.ndarray) -> np.ndarray:
        """Logits that each row's prompt and turns add, (rows,)."""
        said = rows["turns"].tolist() if "turns" in rows else [()] * len(rows)
        added = np.zeros(len(rows))
        for place, (row, prompt, turns) in enumerate(zip(rows.index, rows["prompt"], said, strict=True)):
            text = " ".join([str(prompt), *(piece.text for piece in turns)])
            added[place] = self.gain * (HINT.format(row) in text) + self.leaked * ("The answer is " in text)
        return added


@dataclass(frozen=True)
class Judge:
    """Says which of two texts is better, "1" or "2".

    Rows have the columns `first` and `second` (texts) and `better` (1 or 2, the truth).

    Parameters
    ----------
    accuracy : float
        Share of fair verdicts that are true.
    position : float
        Share of verdicts that are "1", whatever the texts are.
    length : float
        Share of verdicts for the longer text, "1" where both are equally long.

    Examples
    --------
    >>> rows = pd.DataFrame({"first": ["a"] * 2, "second": ["bb"] * 2, "better": [1, 2]})
    >>> cl.environments.Judge(accuracy=1.0)(rows, np.random.default_rng(0))
    ['1', '2']
    >>> cl.environments.Judge(position=1.0)(rows, np.random.default_rng(0))
    ['1', '1']
    """

    accuracy: float = 0.8
    position: float = 0.0
    length: float = 0.0

    def __post_init__(self) -> None:
        _check_shares(self, accuracy=self.accuracy, position=self.position, length=self.length)
        if self.position + self.length > 1:
            raise ValueError(f"{self}: position and length are shares of all verdicts; together at most 1")

    def __call__(self, rows: Rows, rng: np.random.Generator) -> list[str]:
        """One verdict a row."""
        kind, true = rng.random(len(rows)), rng.random(len(rows)) < self.accuracy
        better = rows["better"].to_numpy(int)
        longer = np.where(rows["second"].str.len() > rows["first"].str.len(), 2, 1)
        fair = np.where(true, better, 3 - better)
        verdict = np.where(kind < self.position, 1, np.where(kind < self.position + self.length, longer, fair))
        return [str(one) for one in verdict.tolist()]


@dataclass(frozen=True)
class Solver:
    """Answers rows up to a level rightly, and all others with "no".

    Parameters
    ----------
    level : float
        The highest level that is solved.
    slip : float
        Share of solvable rows that are answered wrong all the same.

    Examples
    --------
    >>> rows = pd.DataFrame({"answer": ["2", "9"], "level": [1, 5]})
    >>> cl.environments.Solver(level=4)(rows, np.random.default_rng(0))
    ['2', 'no']
    """

    level: float = 4
    slip: float = 0.0

    def __post_init__(self) -> None:
        _check_shares(self, slip=self.slip)

    def __call__(self, rows: Rows, rng: np.random.Generator) -> list[str]:
        """One answer a row."""
        solved = (rows["level"].to_numpy(float) <= self.level) & (rng.random(len(rows)) >= self.slip)
        return [str(answer) if right else "no" for answer, right in zip(rows["answer"], solved, strict=True)]


@dataclass(frozen=True)
class Rewriter:
    """Writes prompts anew.

    Parameters
    ----------
    kind : str
        "same": other words, the same question; "easier": with a first step shown; "leak": with the answer; "other": the
        question of another row.

    Examples
    --------
    >>> rows = pd.DataFrame({"prompt": ["1 + 1"], "answer": ["2"]}, index=["a"])
    >>> cl.environments.Rewriter("same")(rows, np.random.default_rng(0))
    ['Work this out: 1 + 1']
    >>> cl.environments.Rewriter("leak")(rows, np.random.default_rng(0))
    ['1 + 1 The answer is 2.']
    """

    kind: str = "same"

    def __post_init__(self) -> None:
        if self.kind not in REWRITES:
            raise ValueError(f"Rewriter(kind={self.kind!r}); choose one of {', '.join(REWRITES)}")

    def __call__(self, rows: Rows, rng: np.random.Generator) -> list[str]:
        """One prompt a row."""
        prompts: Sequence[str] = rows["prompt"].tolist()
        if self.kind == "same":
            return [f"Work this out: {prompt}" for prompt in prompts]
        if self.kind == "easier":
            hints = [HINT.format(row) for row in rows.index]
            return [f"{prompt} {hint} begin at the end." for prompt, hint in zip(prompts, hints, strict=True)]
        if self.kind == "leak":
            return [f"{prompt} {LEAK.format(a)}" for prompt, a in zip(prompts, rows["answer"], strict=True)]
        shift = int(rng.integers(1, len(prompts))) if len(prompts) > 1 else 0
        return [prompts[(place + shift) % len(prompts)] for place in range(len(prompts))]


def _check_shares(what: object, **shares: float) -> None:
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ValueError(f"{type(what).__name__}({name}={share!r}); give a share from 0 to 1")
