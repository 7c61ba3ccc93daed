"""What the answers of a test are worth: every row once, by the verifier; several answers by their mean or a reducer.

grade(answers, tests, provenance) -> array([1.0, 0.0, 0.5]), the last row with one right answer of two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pandas as pd

from curriculab.bench.provenance import Provenance
from curriculab.data.twins import normalised
from curriculab.protocol import Rows
from curriculab.rewards import final, verify_rows

Reducer = Callable[[Rows], str]


def majority(lines: Rows) -> str:
    """The first answer among those that say what most of them say (Wang et al. 2023, "Self-consistency", section 2).

    Answers are told apart by `final`, without case and blanks; empty ones do not vote.

    >>> cl.bench.majority(pd.DataFrame({"text": ["#### 7", "8", "The answer is 7."]}))
    '#### 7'
    """
    said = [normalised(final(text)[0]).casefold() for text in lines["text"]]
    counts = Counter(one for one in said if one) or Counter(said)
    return lines["text"].iloc[said.index(max(counts, key=counts.get))]


def best(lines: Rows) -> str:
    """The first answer with the highest `score`, a column that the solver sets.

    >>> cl.bench.best(pd.DataFrame({"text": ["7", "8"], "score": [0.1, 0.4]}))
    '8'
    """
    if "score" not in lines:
        raise ValueError("reduce='best' takes the answer with the highest `score`; let the solver set that column")
    scores = lines["score"].to_numpy(float)
    if not np.isfinite(scores).all():
        row, value = lines.index[0], scores[~np.isfinite(scores)][0]
        raise ValueError(f"reduce='best': a score of {value:g} for the row {row!r}; give finite numbers")
    return lines["text"].iloc[int(scores.argmax())]


REDUCERS: dict[str, Reducer] = {"majority": majority, "best": best}


def reducer_of(reduce: str | Reducer | None) -> Reducer | None:
    """The function that a `Use(reduce=)` means; None: the mean of all answers counts."""
    if reduce is None or callable(reduce):
        return reduce
    if reduce not in REDUCERS:
        raise ValueError(
            f"Use(reduce={reduce!r}); give {', '.join(map(repr, REDUCERS))}, a function of a row's answers that "
            "returns one of their texts, or None for their mean"
        )
    return REDUCERS[reduce]


def reducer_name(reduce: str | Reducer | None) -> str:
    """How the record calls what makes one of several answers."""
    if reduce is None:
        return "mean"
    return reduce if isinstance(reduce, str) else getattr(reduce, "__name__", "function")


def grade(answers: object, tests: Rows, provenance: Provenance, *, reduce: str | Reducer | None = None) -> np.ndarray:
    """Share of a row's answers that the verifier accepts, or what it makes of the one that `reduce` chooses, (tests,).

    Every test row has all the answers that were written to it, or one empty text, which is worth nothing; what no model
    wrote to the row is refused.
    """
    solver = provenance.solver
    if not isinstance(answers, pd.DataFrame) or "text" not in answers:
        raise ValueError(
            f"the solver {solver!r} returned {type(answers).__name__}; it returns answered rows with a column 'text'"
        )
    strangers = answers.index[~answers.index.isin(tests.index)]
    if len(strangers):
        raise ValueError(f"the solver {solver!r} answered {strangers[0]!r}, which is no test row; keep the rows' ids")
    texts: dict[object, list[object]] = {}
    for row, text in zip(answers.index, answers["text"].tolist(), strict=True):
        texts.setdefault(row, []).append(text)
    for row in tests.index:
        if row not in texts:
            raise ValueError(
                f"the solver {solver!r} returned nothing for the row {row!r}; return every test row, with an empty "
                "text where it is left unanswered"
            )
        provenance.check(row, texts[row])
    return _worth(_reduced(answers, texts, reducer_of(reduce), solver), tests, provenance)


def _reduced(
    answers: Rows, texts: dict[object, list[object]], reduce: Reducer | None, solver: str
) -> dict[object, list[object]]:
    """One text a row, where a reducer makes one of several."""
    if reduce is None or len(answers) == len(texts):
        return texts
    found = dict(texts)
    for row, lines in answers.groupby(level=0, sort=False):
        if len(lines) > 1:
            found[row] = [reduce(lines)]
            if found[row][0] not in texts[row]:
                raise ValueError(
                    f"the reducer of the solver {solver!r} gave {found[row][0]!r} for the row {row!r}, which is none "
                    "of its answers; return the text of one"
                )
    return found


def _worth(texts: dict[object, list[object]], tests: Rows, provenance: Provenance) -> np.ndarray:
    """Mean worth of each row's texts, (tests,); a row left unanswered is worth 0."""
    counts = np.array([len(texts[row]) for row in tests.index])
    asked = tests if (counts == 1).all() else tests.loc[np.repeat(tests.index.to_numpy(), counts)]
    right = verify_rows(asked, [text for row in tests.index for text in texts[row]])
    means = np.add.reduceat(right, np.r_[0, np.cumsum(counts)[:-1]]) / counts if len(counts) else np.empty(0)
    left = np.array([texts[row] == [""] and "" not in provenance.answers(row) for row in tests.index], bool)
    return np.where(left, 0.0, means)
