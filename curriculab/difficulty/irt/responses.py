"""Responses of people to items as numbers, checked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def one_of(name: str, value: object, known: Sequence[str]) -> None:
    if value not in known:
        raise ValueError(f"{name}={value!r}: give {' or '.join(map(repr, known))}")


def as_binary(responses: object) -> np.ndarray:
    """Responses as numbers, each 1, 0 or NaN, refused with the first other one's place."""
    names = (responses.index, responses.columns) if isinstance(responses, pd.DataFrame) else None

    def refuse(value: object, place: Sequence[int], more: int) -> ValueError:
        at = f"place {tuple(map(int, place))}"
        if names:
            at = f"person {names[0][place[0]]!r}, item {names[1][place[1]]!r}"
        others = f" ({more} such values)" if more > 1 else ""
        return ValueError(
            f"responses hold {value!r} at {at}{others}; give 1 (right), 0 (wrong) or NaN (not asked): "
            "several tries of one person become one line each"
        )

    table = pd.DataFrame(responses) if np.ndim(responses) == 2 else pd.Series(responses, dtype=object)
    try:
        x = table.to_numpy(float, na_value=np.nan)
    except (TypeError, ValueError):
        cells = table.to_numpy(object)
        bad = [place for place in np.ndindex(cells.shape) if not _is_number(cells[place])]
        raise refuse(cells[bad[0]], bad[0], len(bad)) from None
    bad = np.argwhere(~(np.isnan(x) | (x == 0) | (x == 1)))
    if len(bad):
        raise refuse(float(x[tuple(bad[0])]), bad[0], len(bad))
    return x


def _is_number(value: object) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return bool(pd.isna(value))
    return True


def checked_responses(responses: pd.DataFrame | np.ndarray, model: str) -> tuple[np.ndarray, pd.Index, pd.Index]:
    """Responses as numbers (people, items), the people and the items; what cannot be fitted is refused."""
    if np.ndim(responses) != 2:
        raise ValueError(f"responses of shape {np.shape(responses)}: give a table, people x items")
    x, table = as_binary(responses), pd.DataFrame(responses)
    people, items = table.index, table.columns
    if not items.is_unique:
        raise ValueError(f"item {items[items.duplicated()][0]!r} stands twice; every item needs its own name")
    empty = np.isnan(x).all(axis=0)
    if empty.any():
        raise ValueError(f"item {items[empty][0]!r} was asked of nobody ({empty.sum()} such items); drop it")
    varied = int(((np.nanmin(x, axis=0) == 0) & (np.nanmax(x, axis=0) == 1)).sum())
    needed = 2 if model == "1pl" else 3  # with fewer there are more parameters than there are patterns of answers
    if varied < needed:
        raise ValueError(
            f"{varied} of {len(items)} items were solved by some of the {len(people)} people and not by others; "
            f"{model} needs {needed}: ask more people, or harder and easier items"
        )
    return x, people, items
