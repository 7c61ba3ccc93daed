"""Training and test rows without an overlap."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curriculab.data.twins import keys_of, near_twins
from curriculab.data.validation import PoolError, show, validate_quietly
from curriculab.registry.warning import warn


def split(
    pool: pd.DataFrame, *, test: int = 300, valid: int = 0, by: str | None = "level", seed: int = 0
) -> tuple[pd.DataFrame, ...]:
    """Split a pool into rows for training and rows for tests, or three ways with `valid`, without an overlap.

    Where the pool has `held_out`, test rows are drawn from the held-out ones only, and train never holds any: held-out
    rows that are not drawn are in neither part. A question, a prompt with its options, is never on both sides, whatever
    its case and blanks: rows that repeat a test row's are left out of train, with a warning that counts them. Another
    warning tells of test rows that training rows nearly repeat (`cl.data.near_twins`), which stay.

    Parameters
    ----------
    pool : DataFrame
        As `load_pool` gives it.
    test : int
        Rows to test on.
    valid : int
        Rows to validate on: what curves, sweeps, and whoever steers look at, so that nothing is chosen by the test
        rows. They are drawn among the rows to train on, behind the test rows, which do not depend on their number.
    by : str, optional
        The column whose values are in the test as often as in the pool, in proportion; None: drawn from all alike.
    seed : int
        Of the draw.

    Returns
    -------
    train, test : DataFrame
        In the pool's order; with `valid`: train, valid, test.

    Raises
    ------
    PoolError
        Where the pool has too few rows, in all or of a value of `by`, no such column, or one that cannot be balanced.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", skills="add", levels=[1, 2], n=40, seed=0)
    >>> train, test = cl.split(pool, test=4, by="level", seed=0)
    >>> len(train), len(test), set(train["prompt"]) & set(test["prompt"])
    (36, 4, set())
    >>> [len(rows) for rows in cl.split(pool, test=4, valid=6, by="level", seed=0)]
    [30, 6, 4]
    """
    pool = validate_quietly(pool)
    if by is not None and by not in pool:
        has = ", ".join(pool.columns)
        raise PoolError(f"split: no column {by!r} to balance by; the pool has {has}; or say by=None")
    _check_number("test", test, len(pool))
    if valid:
        _check_number("valid", valid, len(pool) - test)
    keys = keys_of(pool)
    open_rows = ~keys.duplicated() & (pool["held_out"] if "held_out" in pool else True)
    strata = _strata(pool, by, test) if by is not None else pd.Series("the pool", index=pool.index)
    chosen = pool.index.isin(pick(strata, open_rows, test, by, np.random.default_rng(seed)))
    kept_back = pool["held_out"].to_numpy() if "held_out" in pool else np.zeros(len(pool), bool)
    watched = np.zeros(len(pool), bool)
    if valid:
        # With a generator of its own: how many rows are validated on makes no difference to the test rows.
        # They are rows that may be trained, so that any pool has some.
        left, rng = ~keys.duplicated() & ~chosen & ~kept_back, np.random.default_rng([seed, VALID])
        watched = pool.index.isin(pick(strata, left, valid, by, rng))
    repeats = ~chosen & ~watched & keys.isin(set(keys[chosen | watched])).to_numpy()
    if (repeats & ~kept_back).any():
        count, whose = (repeats & ~kept_back).sum(), "test or validation" if valid else "test"
        warn(f"split: {count} rows repeat the prompt of a {whose} row and are in neither part")
    train = pool[~chosen & ~watched & ~repeats & ~kept_back]
    if train.empty:
        beside = f"{test} test rows" + (f" and {valid} to validate on" if valid else "")
        raise PoolError(f"split: no row is left to train on beside {beside}; load more rows or ask for fewer")
    tested = pool[chosen]
    _warn_of_twins(train, tested)
    return (train, pool[watched], tested) if valid else (train, tested)


def hold_back(train: pd.DataFrame, share: float, *, by: str | None = "level") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep a share of the rows to train on for validation; the same rows each time.

    Rows whose question, a prompt with its options, stands in the pool once are drawn, so that none is on both sides; in
    proportion to the values of `by` where the pool has that column and enough of such rows.

    Parameters
    ----------
    train : DataFrame
        A valid pool.
    share : float
        Of its rows, above 0 and below 1; at least one row is kept back, where one can be.
    by : str, optional
        The column to balance by.

    Returns
    -------
    train, valid : DataFrame
        In the pool's order.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", skills="add", levels=[1, 2], n=40, seed=0)
    >>> [len(rows) for rows in cl.data.splitting.hold_back(pool, 0.1)]
    [36, 4]
    """
    once = ~keys_of(train).duplicated(keep=False)
    count = min(max(1, round(share * len(train))), int(once.sum()), len(train) - 1)
    if count < 1:
        return train, train.iloc[:0]
    rng, whole = np.random.default_rng(VALID), pd.Series("the pool", index=train.index)
    try:
        strata = _strata(train, by, count) if by is not None and by in train else whole
        kept = pick(strata, once, count, by, rng)
    except PoolError:  # the column cannot be balanced by, or a value has too few rows whose question stands there once
        kept = pick(whole, once, count, None, rng)
    valid = train.index.isin(kept)
    return train[~valid], train[valid]


VALID = 0x76616C6964  # "valid": apart from the draw of the test rows


def _check_number(name: str, given: object, rows: int) -> None:
    if isinstance(given, bool) or not isinstance(given, int | np.integer):
        share = isinstance(given, float) and 0 < given < 1
        such = f", for that share {name}={round(given * rows)}" if share else ""
        raise PoolError(f"split: {name}={given!r} is no number of rows; give a whole one{such}")
    if not 0 < given < rows:
        what = "test rows, the pool has" if name == "test" else "validation rows, beside the test rows there are"
        raise PoolError(f"split: asked for {given} {what} {rows}; ask for 1 to {rows - 1}")


PLAIN = (str, bool, int, float, np.generic, pd.Interval, pd.Timestamp)  # values that can be counted and put in order


def _strata(pool: pd.DataFrame, by: str, test: int) -> pd.Series:
    """The column to balance by; refused where values are no names or numbers, are missing, or nearly all differ."""
    values = pool[by]
    empty = values.index[values.isna()]
    if len(empty):
        raise PoolError(f"split: row {empty[0]!r} has nothing in {by!r}; fill it, leave the row out, or say by=None")
    kinds = set(values.map(type)) if values.dtype.kind == "O" else set()
    if odd := [kind for kind in kinds if not issubclass(kind, PLAIN)]:
        value = next(value for value in values if type(value) is odd[0])
        raise PoolError(f"split: by={by!r} holds {show(value)}; balance by names or numbers, or say by=None")
    if len({issubclass(kind, str) for kind in kinds}) > 1:
        raise PoolError(f"split: by={by!r} holds texts and numbers; make it all texts with .astype(str)")
    counts = values.value_counts()
    if len(counts) > test and (counts == 1).sum() > len(counts) / 2:
        raise PoolError(
            f"split: by={by!r} has {len(counts)} different values in {len(pool)} rows, too many to balance {test} "
            f"test rows by; cut it into bands first, such as pd.qcut(pool[{by!r}], 5, labels=False), or say by=None"
        )
    return values


def _warn_of_twins(train: pd.DataFrame, test: pd.DataFrame) -> None:
    found = near_twins(train, test)
    if len(found):
        one, other, share = found.loc[0, ["test", "train", "alike"]]
        warn(
            f"split: {len(found)} test rows have a near twin in train, such as {one!r} and {other!r} "
            f"({share:.0%} alike); twins = cl.data.near_twins(train, test); train.drop(twins['train']) leaves them out"
        )


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
