"""The text of a row that is learned or scored."""

from __future__ import annotations

import numpy as np
import pandas as pd


def learned_text(rows: pd.DataFrame) -> list[str]:
    """What supervised training learns of a row nobody has answered: its solution, else its answer.

    Rows with options learn the answer: they are tested by the likelihood of the option, straight after the prompt.
    """
    if "answer" not in rows:
        raise ValueError("rows without a column 'answer' have nothing to learn or score; add one, or say(rows, text)")
    answers = rows["answer"].tolist()
    if "solution" in rows:
        listed = (
            [isinstance(o, list | tuple | np.ndarray) for o in rows["options"]]
            if "options" in rows
            else [False] * len(rows)
        )
        answers = [
            s if isinstance(s, str) and s and not choice else a
            for s, a, choice in zip(rows["solution"], answers, listed, strict=True)
        ]
    missing = [i for i, a in zip(rows.index, answers, strict=True) if not isinstance(a, str)]
    if missing:
        raise ValueError(
            f"row {missing[0]!r} has no answer to learn or score ({len(missing)} such rows); say(rows, text) first"
        )
    return answers
