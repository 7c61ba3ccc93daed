"""What methods share: scores of a pool, queues without repeats, draws by weight, counts of successes, pacing functions.

Rows are named by their position in the pool: Queue.shuffled([0, 1, 2, 3], rng).take(3) -> array([2, 0, 3]).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd


def scores(pool: pd.DataFrame, by: str) -> np.ndarray:
    """Column `by` as finite numbers, (rows,), higher is harder; one clear line where it is anything else."""
    if by not in pool:
        raise ValueError(f"by={by!r} is no column of the pool; it has {', '.join(map(str, pool.columns))}")
    try:
        values = pool[by].to_numpy(float, na_value=np.nan)
    except (TypeError, ValueError):
        raise ValueError(f"by={by!r} holds {pool[by].iloc[0]!r}; an order needs a column of numbers") from None
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise ValueError(
            f"by={by!r} is {values[bad[0]]:g} for row {pool.index[bad[0]]!r} ({len(bad)} of {len(pool)} rows); "
            "every row needs a finite score: fill or drop these rows first"
        )
    return values


def ranked(score: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Positions from the lowest score to the highest, ties in random order, (rows,)."""
    order = rng.permutation(len(score))
    return order[np.argsort(score[order], kind="stable")]


class Queue:
    """Rows one after another: a pass without repeats, then the next pass; batches may reach over the seam."""

    def __init__(self, next_pass: Callable[[], np.ndarray]) -> None:
        self._next, self._order, self._at = next_pass, np.empty(0, int), 0

    @classmethod
    def shuffled(cls, rows: Sequence[int] | np.ndarray, rng: np.random.Generator) -> Queue:
        """Every pass in a new random order."""
        return cls(lambda: rng.permutation(rows))

    def take(self, n: int) -> np.ndarray:
        """The next `n` positions, (n,)."""
        parts, missing = [], n
        while missing:
            if self._at == len(self._order):
                self._order, self._at = self._next(), 0
            part = self._order[self._at : self._at + missing]
            self._at += len(part)
            missing -= len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, int), *parts])


class Arms:
    """The rows of a pool by a column (topics, levels, sources): an arm's rows come without repeats within a pass."""

    def __init__(self, pool: pd.DataFrame, by: str, rng: np.random.Generator) -> None:
        if by not in pool:
            raise ValueError(f"arms={by!r} is no column of the pool; it has {', '.join(map(str, pool.columns))}")
        if pool[by].isna().any():
            row = pool.index[pool[by].isna()][0]
            raise ValueError(f"arms={by!r} is missing for row {row!r}; every row belongs to an arm: fill or drop it")
        codes, names = pd.factorize(pool[by], sort=True)
        self.names, self.of = pd.Index(names, name=by), codes  # of: the arm of each row, (rows,)
        order = np.argsort(codes, kind="stable")
        self.rows = np.split(order, np.cumsum(np.bincount(codes))[:-1])  # positions of each arm's rows
        self._queues, self._rng = [Queue.shuffled(rows, rng) for rows in self.rows], rng

    def __len__(self) -> int:
        return len(self.names)

    def take(self, arms: np.ndarray) -> np.ndarray:
        """The next row of each arm asked for, by the arm's number: arms (n,) -> positions (n,)."""
        taken = np.empty(len(arms), int)
        for arm in np.unique(arms).tolist():
            mine = np.flatnonzero(arms == arm)
            taken[mine] = self._queues[arm].take(len(mine))
        return taken

    def pick(self, arms: np.ndarray) -> np.ndarray:
        """Any row of each arm asked for, all equally likely, repeats included: arms (n,) -> positions (n,)."""
        u = self._rng.random(len(arms))
        return np.array([self.rows[arm][int(x * len(self.rows[arm]))] for arm, x in zip(arms.tolist(), u, strict=True)])

    def arm(self, rows: pd.DataFrame) -> np.ndarray:
        """The arm of each line of rows, or of answers to them, by its number, (lines,)."""
        return self.names.get_indexer(rows[self.names.name])

    def note(self, p: np.ndarray) -> dict[str, float]:
        """Probabilities of the arms to be recorded beside a step, "p/<arm>"; of more than 12 only how many are in use,
        exp of the entropy of p."""
        if len(p) <= 12:
            return {f"p/{name}": float(x) for name, x in zip(self.names, p, strict=True)}
        some = p[p > 0]
        return {"arms in use": float(np.exp(-(some * np.log(some)).sum()))}


def softmax(x: np.ndarray) -> np.ndarray:
    """exp(x) / sum exp(x), of any finite numbers, (n,)."""
    e = np.exp(x - np.max(x))
    return e / e.sum()


def largest_remainder(share: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers that add up to `total`, in proportion to `share` (at least 0, not all 0), (n,): Hamilton's."""
    share = np.asarray(share, float)
    if not share.sum() > 0:
        raise ValueError(f"shares that add up to {share.sum():g} cannot divide {total}; give at least one above 0")
    exact = share / share.sum() * total
    whole = np.floor(exact).astype(int)
    missing = total - whole.sum()
    whole[np.lexsort((np.arange(len(share)), whole - exact))[:missing]] += 1
    return whole


class SumTree:
    """Draws of rows in proportion to weights that keep changing: log2(rows) work a draw or update, whatever the pool.

    SumTree([1, 0, 3]).draw(2, rng) -> array([2, 0]); a weight is at least 0.
    """

    def __init__(self, weights: np.ndarray) -> None:
        weights = np.asarray(weights, float)
        self.leaves = 1 << max(0, int(len(weights) - 1).bit_length())
        self.sums = np.zeros(2 * self.leaves)
        self.sums[self.leaves : self.leaves + len(weights)] = weights
        level = self.leaves
        while level > 1:
            half = level // 2
            self.sums[half:level] = self.sums[level : 2 * level : 2] + self.sums[level + 1 : 2 * level : 2]
            level = half

    @property
    def total(self) -> float:
        return float(self.sums[1])

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return self.sums[self.leaves + np.asarray(rows)]

    def update(self, rows: np.ndarray, weights: np.ndarray) -> None:
        """Give rows (n,) new weights (n,); of a row that is named twice the last counts."""
        at = self.leaves + np.asarray(rows)
        self.sums[at] = weights
        while at.size and at[0] > 1:
            at = np.unique(at // 2)
            self.sums[at] = self.sums[2 * at] + self.sums[2 * at + 1]

    def draw(self, n: int, rng: np.random.Generator, *, again: bool = True) -> np.ndarray:
        """Positions (n,) in proportion to the weights; not `again`: each at most once (as many as have a weight)."""
        if not self.total > 0:
            raise ValueError("no row has a weight above 0 to be drawn by")
        if again:
            return self._find(rng.random(n))
        taken, held = np.empty(0, int), []
        while len(taken) < n and self.total > 0:  # sums are added up anew, so that nothing is left of the last weight
            new = np.setdiff1d(self._find(rng.random(n - len(taken))), taken)
            held.append((new, self[new].copy()))
            self.update(new, np.zeros(len(new)))
            taken = np.concatenate([taken, rng.permutation(new)])
        for rows, weights in held:
            self.update(rows, weights)
        return taken

    def _find(self, u: np.ndarray) -> np.ndarray:
        at, left = np.ones(len(u), int), u * self.total
        while at.size and at[0] < self.leaves:
            at *= 2
            right = (left >= self.sums[at]) & (self.sums[at + 1] > 0)
            left = np.where(right, left - self.sums[at], left)
            at += right
        return at - self.leaves


def gaussian_ranks(n: int, mu: float, sigma: float, size: int, rng: np.random.Generator) -> np.ndarray:
    """`n` of the ranks 0 ... size - 1 (all, where there are fewer), each at most once, one after another with
    p(i) ~ exp(-(i - mu)^2 / (2 sigma^2)): the work grows with n, not with size. Ranks beyond 6 sigma + n are left out.
    """
    n, reach = min(n, size), 6 * sigma + n
    low, high = max(0, math.ceil(mu - reach)), min(size - 1, math.floor(mu + reach))
    if sigma < 4 * n:  # few ranks: the n largest keys are draws without repeats (Gumbel top-k)
        near = np.arange(low, high + 1)
        keys = -(((near - mu) / sigma) ** 2) / 2 + rng.gumbel(size=len(near))
        return near[np.argsort(-keys)[:n]]
    taken = np.empty(0, int)
    while len(taken) < n:  # many ranks: about one in five is accepted, and few come twice
        near = rng.integers(low, high + 1, 8 * (n - len(taken)))
        near = near[rng.random(len(near)) < np.exp(-(((near - mu) / sigma) ** 2) / 2)]
        taken = pd.unique(np.concatenate([taken, near]))
    return taken[:n]


class BetaPosterior:
    """Pass rates of rows from counts of right and wrong answers: Beta(prior + right, prior + wrong) for each row."""

    def __init__(self, rows: int, prior: float = 1.0) -> None:
        self.prior = float(prior)
        self.right, self.wrong = np.full(rows, self.prior), np.full(rows, self.prior)

    def update(self, rows: np.ndarray, right: np.ndarray, asked: np.ndarray, *, decay: float = 1.0) -> None:
        """Count `right` of `asked` answers of rows (n,), each named once; `decay` in [0, 1] is how much of what was
        counted of them before still counts."""
        for counts, new in ((self.right, right), (self.wrong, np.asarray(asked) - right)):
            counts[rows] = self.prior + decay * (counts[rows] - self.prior) + new

    def mean(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        return self.right[rows] / (self.right[rows] + self.wrong[rows])

    def draw(self, rng: np.random.Generator, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """One plausible pass rate of each row."""
        return rng.beta(self.right[rows], self.wrong[rows])


def rewarded(out: pd.DataFrame, name: str) -> pd.DataFrame:
    """The reply to a Train as it is, if it says what answers were worth; else one clear line about method `name`."""
    if "reward" not in out or "advantage" not in out:
        raise ValueError(f"{name} listens to rewards; train it with objective='grpo'")
    return out


def per_row(pool: pd.DataFrame, out: pd.DataFrame) -> pd.DataFrame:
    """Answers counted by row: position in the pool, answers `n`, `right` (sum of rewards), mean |advantage| if there.

    One line per row id among the answers, in the order they first came; ids that are not of the pool are left out.
    """
    row, ids = pd.factorize(out.index)
    n = np.bincount(row)
    found = {"at": pool.index.get_indexer(ids), "n": n, "right": np.bincount(row, out["reward"])}
    if "advantage" in out:
        found["gain"] = np.bincount(row, out["advantage"].abs()) / n
    table = pd.DataFrame(found, index=ids)
    return table[found["at"] >= 0]
