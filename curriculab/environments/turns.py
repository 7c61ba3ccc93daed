"""What stands behind a prompt: assistant turns, user turns, tool results, new questions."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from curriculab.protocol import Piece, Rows

ANSWERED = (
    "turns",
    "text",
    "ended",
    "length",
    "logprob",
    "entropy",
    "group",
    "correct",
    "reward",
    "advantage",
    "loss",
)


def say(rows: Rows, text: str | Sequence[str], *, end: bool = True) -> Rows:
    """Put words in the model's mouth, to be learned (or scored); `end` adds the end-of-text token."""
    return _append(rows, text, learn=True, end=end)


def tell(rows: Rows, text: str | Sequence[str]) -> Rows:
    """Add a message to the model: never learned."""
    return _append(rows, text, turn=True)


def splice(rows: Rows, text: str | Sequence[str]) -> Rows:
    """Add raw text within the model's own turn (a tool's result, a forced tag): never learned."""
    return _append(rows, text)


def ask(rows: Rows, prompts: str | Sequence[str], **columns: object) -> Rows:
    """Another question beside each row: same ids, nothing said yet, nothing to verify unless `answer=` is given."""
    bare = rows.drop(columns=[*ANSWERED, "options", "solution"], errors="ignore")
    return bare.assign(**{"prompt": _texts(rows, prompts), "answer": None, **columns})


def _append(rows: Rows, text: str | Sequence[str], **flags: bool) -> Rows:
    before = rows["turns"] if "turns" in rows else [()] * len(rows)
    turns = [(*said, Piece(t, **flags)) for said, t in zip(before, _texts(rows, text), strict=True)]
    return rows.assign(turns=pd.Series(turns, index=rows.index, dtype=object))


def _texts(rows: Rows, text: str | Sequence[str]) -> list[str]:
    if isinstance(text, str):
        return [text] * len(rows)
    if isinstance(text, pd.Series) and not text.index.equals(rows.index):
        raise ValueError(
            f"the texts belong to other rows: {list(text.index[:3])} beside {list(rows.index[:3])}; "
            "take them from the same table, or pass a plain list in the rows' order"
        )
    if len(text) != len(rows):
        raise ValueError(f"{len(text)} texts for {len(rows)} rows; give one per row, or one string for all")
    return list(text)
