"""Reward parts: answered rows -> one number per row.  Triangle(100)(rows of 50, 100, 150, 250 tokens) -> .5, 1, .5, 0.

Composite adds them up under weights that may change with a run's progress.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from curriculab.protocol import Rows

Part = Callable[[Rows], np.ndarray]  # answered rows -> (rows,)


@dataclass(frozen=True)
class Correct:
    """What the verifier says, in [0, 1]. Rows without an answer (NaN) count 0: nothing was shown to be right.

    Examples
    --------
    >>> cl.rewards.Correct()(pd.DataFrame({"correct": [1.0, 0.0, np.nan]}))
    array([1., 0., 0.])
    """

    def __call__(self, rows: Rows) -> np.ndarray:
        return np.nan_to_num(_column(rows, "correct", self).astype(float), nan=0.0)


@dataclass(frozen=True)
class Triangle:
    """Closeness of the length to a budget, in [0, 1]: l/L up to L, then 1 - (l - L)/L, 0 from 2L on.

    Hammoud et al. 2025, "Train Long, Think Short", arXiv 2508.08940.

    Parameters
    ----------
    budget : float or str
        L in tokens: a number, or the name of a column.

    Examples
    --------
    >>> cl.rewards.Triangle(100)(pd.DataFrame({"length": [50, 100, 150, 250]}))
    array([0.5, 1. , 0.5, 0. ])
    """

    budget: float | str

    def __call__(self, rows: Rows) -> np.ndarray:
        share = _lengths(rows, self) / _tokens(rows, self.budget, self)
        return np.clip(np.minimum(share, 2 - share), 0, 1)


@dataclass(frozen=True)
class Band:
    """1 up to the budget, then falling as the triangle, in [0, 1]: the ablation of the same paper.

    Hammoud et al. 2025, arXiv 2508.08940.

    Parameters
    ----------
    budget : float or str
        Tokens: a number, or the name of a column.

    Examples
    --------
    >>> cl.rewards.Band("allowed")(pd.DataFrame({"length": [50, 150, 250], "allowed": 100}))
    array([1. , 0.5, 0. ])
    """

    budget: float | str

    def __call__(self, rows: Rows) -> np.ndarray:
        return np.clip(2 - _lengths(rows, self) / _tokens(rows, self.budget, self), 0, 1)


@dataclass(frozen=True)
class Cosine:
    """low + (high - low) (1 - cos(pi l/L)) / 2, in [low, high]: highest at the target L, lowest at 0 and from 2L on.

    Yuan et al. 2025, "VL-Cogito", arXiv 2507.22607; the printed formula swings on beyond 2L, the released code stays at
    `low`, as here.

    Parameters
    ----------
    target : float, str or tuple of float
        L in tokens: a number, the name of a column, or one number per row.
    low, high : float
        The least and the largest reward; r_min and r_max of the paper.

    Examples
    --------
    >>> cl.rewards.Cosine(100)(pd.DataFrame({"length": [0, 50, 100, 300]})).round(2)
    array([-1. , -0.5,  0. , -1. ])
    """

    target: float | str | tuple[float, ...]
    low: float = -1.0  # r_min and r_max of the paper
    high: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.target, (int, float, str)):
            object.__setattr__(self, "target", tuple(float(t) for t in self.target))

    def __call__(self, rows: Rows) -> np.ndarray:
        share = np.minimum(_lengths(rows, self) / _tokens(rows, self.target, self), 2)
        return self.low + 0.5 * (self.high - self.low) * (1 - np.cos(np.pi * share))


@dataclass(frozen=True, init=False)
class Tags:
    """Share of the named tag pairs that a text holds exactly once, opened, closed and in this order, in [0, 1].

    Tags("think", "answer") asks for <think>..</think> and behind it <answer>..</answer>. The indicators of Hammoud et
    al. 2025, arXiv 2508.08940, made strict on count and order.

    Parameters
    ----------
    *names : str
        At least one.

    Raises
    ------
    ValueError
        Where no tag is named.

    Examples
    --------
    >>> texts = ["<think>5 + 2</think><answer>7</answer>", "<answer>7</answer>", "7"]
    >>> cl.rewards.Tags("think", "answer")(pd.DataFrame({"text": texts}))
    array([1. , 0.5, 0. ])
    """

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        if not names:
            raise ValueError("Tags() names no tag; give at least one, as in Tags('think', 'answer')")
        object.__setattr__(self, "names", names)

    def __call__(self, rows: Rows) -> np.ndarray:
        return np.array([self._share(text) for text in _column(rows, "text", self).tolist()], dtype=float)

    def _share(self, text: object) -> float:
        if not isinstance(text, str):
            return 0.0
        held = behind = 0
        for name in self.names:
            opens, closes = f"<{name}>", f"</{name}>"
            start, stop = text.find(opens), text.find(closes)
            if text.count(opens) == text.count(closes) == 1 and behind <= start < stop:
                held, behind = held + 1, stop + len(closes)
        return held / len(self.names)


@dataclass(frozen=True)
class Overlong:
    """Soft punishment of long answers, in [-1, 0]: 0 up to limit - cache, then linear, -1 from the limit on.

    Yu et al. 2025, "DAPO", arXiv 2503.14476, equation 13 (there limit 20480 and cache 4096).

    Parameters
    ----------
    limit : float
        Tokens from which on the reward is -1.
    cache : float
        Tokens before the limit over which it falls from 0.

    Raises
    ------
    ValueError
        Where the cache is not above 0 or larger than the limit.

    Examples
    --------
    >>> cl.rewards.Overlong(limit=100, cache=40)(pd.DataFrame({"length": [60, 80, 100, 200]}))
    array([ 0. , -0.5, -1. , -1. ])
    """

    limit: float
    cache: float

    def __post_init__(self) -> None:
        if not 0 < self.cache <= self.limit:
            raise ValueError(f"{self!r}: cache is above 0 and at most the limit (tokens)")

    def __call__(self, rows: Rows) -> np.ndarray:
        return np.clip((self.limit - self.cache - _lengths(rows, self)) / self.cache, -1, 0)


@dataclass(frozen=True)
class Composite:
    """Named parts and their weights: numbers, or functions of the run's progress in [0, 1].

    composite(rows, progress) returns the answered rows with a column reward/<name> per part, as the part gave it, and
    their weighted sum in `reward`: a method writes them between Sample and Train, where the log sees them.

    Parameters
    ----------
    parts : mapping of str to callable
        By name, functions of answered rows that give one finite number a row, (rows,).
    weights : mapping of str to float or callable
        One for every part: a number, or a function of the progress.

    Raises
    ------
    ValueError
        Where a part has no weight or a weight no part; when called, where a part gives other than finite numbers.

    Examples
    --------
    >>> parts = {"right": cl.rewards.Correct(), "short": cl.rewards.Band(100)}
    >>> reward = cl.rewards.Composite(parts, {"right": 1.0, "short": lambda progress: 0.5 * progress})
    >>> answered = pd.DataFrame({"correct": [1.0, 0.0], "length": [50, 150]})
    >>> reward(answered, progress=1.0)[["reward/right", "reward/short", "reward"]].values.tolist()
    [[1.0, 1.0, 1.5], [0.0, 0.5, 0.25]]
    """

    parts: Mapping[str, Part]
    weights: Mapping[str, float | Callable[[float], float]]

    def __post_init__(self) -> None:
        strangers, missing = sorted(set(self.weights) - set(self.parts)), sorted(set(self.parts) - set(self.weights))
        if not self.parts or strangers or missing:
            raise ValueError(
                f"weights for {', '.join(map(repr, self.weights)) or 'nothing'}, parts "
                f"{', '.join(map(repr, self.parts)) or 'none'}; give every part one weight"
            )
        object.__setattr__(self, "parts", dict(self.parts))
        object.__setattr__(self, "weights", dict(self.weights))

    def __call__(self, rows: Rows, progress: float = 0.0) -> Rows:
        if not 0 <= progress <= 1:
            raise ValueError(f"progress {progress!r} is not in [0, 1]; pass run.progress")
        columns, total = {}, np.zeros(len(rows))
        for name, part in self.parts.items():
            weight = self.weights[name]
            weight = float(weight(progress) if callable(weight) else weight)
            values = np.asarray(part(rows), dtype=float)
            if values.shape != (len(rows),) or not np.isfinite(values).all() or not np.isfinite(weight):
                raise ValueError(
                    f"part {name!r} gave {values.shape} values for {len(rows)} rows under weight {weight:g}; "
                    "one finite number per row and a finite weight are needed"
                )
            columns[f"reward/{name}"] = values
            total += weight * values
        return rows.assign(**columns, reward=total)


def _column(rows: Rows, name: str, part: Part) -> np.ndarray:
    if name not in rows:
        raise ValueError(f"{part!r} reads the column {name!r}; these rows have {', '.join(map(str, rows.columns))}")
    return rows[name].to_numpy()


def _lengths(rows: Rows, part: Part) -> np.ndarray:
    return _column(rows, "length", part).astype(float)


def _tokens(rows: Rows, value: float | str | tuple[float, ...], part: Part) -> np.ndarray:
    """A number of tokens per row, (rows,)."""
    found = np.asarray(_column(rows, value, part) if isinstance(value, str) else value, dtype=float)
    if found.ndim and len(found) != len(rows):
        raise ValueError(f"{part!r} has {len(found)} numbers for {len(rows)} rows; give one, or one per row")
    if not (found > 0).all():
        raise ValueError(f"{part!r}: a number of tokens is above 0, found {found[~(found > 0)].flat[0]:g}")
    return np.broadcast_to(found, len(rows))
