"""Training and test rows without an overlap."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curriculab.data.validation import PoolError, keys_of, validate_quietly
from curriculab.registry.warning import warn


def split(
    pool: pd.DataFrame, *, test: int = 300, by: str | None = "level", seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split a pool into rows for training and rows for tests, without an overlap.

    Where the pool has `held_out`, test rows are drawn from the held-out ones only, and train never holds any: held-out
    rows that are not drawn are in neither part. A prompt is never on both sides: rows that repeat a test row's prompt
    are left out of train, with a warning that counts them.

    Parameters
    ----------
    pool : DataFrame
        As `load_pool` gives it.
    test : int
        Rows to test on.
    by : str, optional
        The column whose values are in the test as often as in the pool, in proportion; None: drawn from all alike.
    seed : int
        Of the draw.

    Returns
    -------
    train, test : DataFrame
        Both in the pool's order.

    Raises
    ------
    PoolError
        Where the pool has too few rows, in all or of a value of `by`, or no such column.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", skills="add", levels=[1, 2], n=40, seed=0)
    >>> train, test = cl.split(pool, test=4, by="level", seed=0)
    >>> len(train), len(test), set(train["prompt"]) & set(test["prompt"])
    (36, 4, set())
    """
    pool = validate_quietly(pool)
    if by is not None and by not in pool:
        has = ", ".join(pool.columns)
        raise PoolError(f"split: no column {by!r} to balance by; the pool has {has}; or say by=None")
    if isinstance(test, bool) or not isinstance(test, int | np.integer):
        share = isinstance(test, float) and 0 < test < 1
        such = f", for that share test={round(test * len(pool))}" if share else ""
        raise PoolError(f"split: test={test!r} is no number of rows; give a whole one{such}")
    if not 0 < test < len(pool):
        raise PoolError(f"split: asked for {test} test rows, the pool has {len(pool)}; ask for 1 to {len(pool) - 1}")
    keys = keys_of(pool)
    open_rows = ~keys.duplicated() & (pool["held_out"] if "held_out" in pool else True)
    strata = pool[by] if by is not None else pd.Series("the pool", index=pool.index)
    chosen = pool.index.isin(pick(strata, open_rows, test, by, np.random.default_rng(seed)))
    repeats = ~chosen & keys.isin(set(keys[chosen])).to_numpy()
    kept_back = pool["held_out"].to_numpy() if "held_out" in pool else np.zeros(len(pool), bool)
    if (repeats & ~kept_back).any():
        count = (repeats & ~kept_back).sum()
        warn(f"split: {count} rows repeat the prompt of a test row and are in neither part")
    train = pool[~chosen & ~repeats & ~kept_back]
    if train.empty:
        raise PoolError(f"split: no row is left to train on beside {test} test rows; load more rows or ask for fewer")
    return train, pool[chosen]


def pick(strata: pd.Series, open_rows: pd.Series, test: int, by: str | None, rng: np.random.Generator) -> list[str]:
    """Ids of `test` rows: quotas by largest remainder over the strata's sizes, drawn among the open rows."""
    sizes = strata.value_counts().sort_index()
    quotas = dict(zip(sizes.index, shares(test, sizes.to_numpy()), strict=True))
    picked: list[str] = []
    for value, quota in quotas.items():
        ids = strata.index[(strata == value) & open_rows]
        if len(ids) < quota:
            where = f"{by} {value}" if by is not None else "the pool"
            raise PoolError(
                f"split: {where} has {len(ids)} rows to test on (held out, each prompt once), {quota} are needed; "
                "load more rows or ask for a smaller test"
            )
        picked.extend(rng.choice(ids.to_numpy(), quota, replace=False))
    return picked


def shares(total: int, sizes: np.ndarray) -> np.ndarray:
    """Whole numbers that add up to `total`, in proportion to `sizes`, by largest remainder."""
    exact = total * sizes / sizes.sum()
    counts = np.floor(exact).astype(int)
    order = np.argsort(counts - exact, kind="stable")
    counts[order[: total - counts.sum()]] += 1
    return counts
