"""Solved examples that stand before a question, as few-shot prompts show them.

behind(rows, [["1 + 1\\n2"]]) -> rows whose prompt is "1 + 1\\n2\\n\\n" and then the question
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def worked(rows: pd.DataFrame) -> list[str]:
    """What answers each row: its worked solution where it has one, else its answer, (rows,)."""
    answers = rows["answer"].astype(str).tolist()
    if "solution" not in rows:
        return answers
    return [s if isinstance(s, str) else a for s, a in zip(rows["solution"], answers, strict=True)]


def solved(rows: pd.DataFrame) -> np.ndarray:
    """Each row as an example: its question, and below it what answers it, (rows,) texts."""
    texts = [f"{question}\n{answer}" for question, answer in zip(rows["prompt"], worked(rows), strict=True)]
    return np.array(texts, dtype=object)


def behind(rows: pd.DataFrame, texts: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Rows whose questions stand behind these texts, (rows,) lists of them; an empty line parts them."""
    prompts = ["\n\n".join([*before, question]) for before, question in zip(texts, rows["prompt"], strict=True)]
    return rows.assign(prompt=prompts)
