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
    """Put words in the model's mouth, to be learned (or scored).

    Parameters
    ----------
    rows : DataFrame
        Rows of the pool, or answered rows.
    text : str or sequence of str
        One text for all rows, or one a row.
    end : bool
        Whether the end-of-text token stands behind it.

    Returns
    -------
    DataFrame
        The rows with `turns` one Piece longer.

    Raises
    ------
    ValueError
        Where there are other texts than rows, or texts of other rows.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", skills="add", levels=1, n=2, seed=0)
    >>> cl.say(pool, ["5", "9"])["turns"].iloc[0]
    (Piece(text='5', learn=True, turn=False, end=True),)
    """
    return _append(rows, text, learn=True, end=end)


def tell(rows: Rows, text: str | Sequence[str]) -> Rows:
    """Add a message to the model, which is never learned.

    Parameters
    ----------
    rows : DataFrame
        Rows of the pool, or answered rows.
    text : str or sequence of str
        One text for all rows, or one a row.

    Returns
    -------
    DataFrame
        The rows with `turns` one Piece longer.

    Raises
    ------
    ValueError
        Where there are other texts than rows, or texts of other rows.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", skills="add", levels=1, n=2, seed=0)
    >>> asked_again = cl.tell(cl.say(pool, "7"), "Are you sure?")
    >>> [(piece.text, piece.turn, piece.learn) for piece in asked_again["turns"].iloc[0]]
    [('7', False, True), ('Are you sure?', True, False)]
    """
    return _append(rows, text, turn=True)


def splice(rows: Rows, text: str | Sequence[str]) -> Rows:
    """Add raw text within the model's own turn (a tool's result, a forced tag), which is never learned.

    Parameters
    ----------
    rows : DataFrame
        Rows of the pool, or answered rows.
    text : str or sequence of str
        One text for all rows, or one a row.

    Returns
    -------
    DataFrame
        The rows with `turns` one Piece longer.

    Raises
    ------
    ValueError
        Where there are other texts than rows, or texts of other rows.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", skills="add", levels=1, n=2, seed=0)
    >>> cl.splice(pool, "<think>")["turns"].iloc[0]
    (Piece(text='<think>', learn=False, turn=False, end=False),)
    """
    return _append(rows, text)


def ask(rows: Rows, prompts: str | Sequence[str], **columns: object) -> Rows:
    """Ask another question beside each row: same ids, nothing said yet, nothing to verify unless `answer=` is given.

    Parameters
    ----------
    rows : DataFrame
        Rows of the pool, or answered rows; what was answered, `options` and `solution` are left out.
    prompts : str or sequence of str
        One question for all rows, or one a row.
    **columns
        Columns to set, such as `answer` or `task`.

    Returns
    -------
    DataFrame
        One line a row, with the new `prompt` and, unless given, the answer None.

    Raises
    ------
    ValueError
        Where there are other prompts than rows, or prompts of other rows.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", skills="add", levels=1, n=2, seed=0)
    >>> judged = cl.ask(pool, "Is this hard: " + pool["prompt"], answer="no")
    >>> judged[["prompt", "answer"]].iloc[0].to_dict()
    {'prompt': 'Is this hard: add 36 + 90', 'answer': 'no'}
    """
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
