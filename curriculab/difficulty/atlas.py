"""Measures of the same rows laid side by side: do they agree, how sure are they, and where do they part?

found = cl.difficulty.survey(pool, model, ["level", "answer_loss", "pass_rate"])
atlas.agreement(found.scores, "kendall")                 # measures x measures, in [-1, 1]
atlas.flips(found.scores, found.errors)                  # share of rows that a repetition would call otherwise
atlas.disagreements(found.scores, "answer_loss", "level", n=10)

Tables in, tables out; only `crowd` asks a model. `scores` and `errors` are (rows, measures), as in a Survey:
higher is harder, an error is a standard error in the score's unit, NaN where a measure has none. A score that is not a
finite number is refused with a ValueError that names its row.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping

import numpy as np
import pandas as pd

from curriculab.difficulty.estimation import answer_measures
from curriculab.difficulty.roles import LanguageModel, ModelRoles, longest_answer
from curriculab.protocol import Sample
from curriculab.registry.names import also_named

METHODS = ("spearman", "kendall")
EQUAL = 1e-9  # scores closer than this are equal: a mean of shares carries rounding error


@also_named(level="confidence")
def summary(scores: pd.DataFrame, errors: pd.DataFrame | None = None, *, confidence: float = 0.95) -> pd.DataFrame:
    """Summarise measures over the rows, one line each.

    Parameters
    ----------
    scores : pd.DataFrame
        (rows, measures), higher is harder.
    errors : pd.DataFrame, optional
        Standard errors, (rows, measures), in the scores' units.
    confidence : float
        Of the interval of the mean.

    Returns
    -------
    pd.DataFrame
        By measure: `mean` over the rows with its t interval (`low`, `high`), `sd` of the scores, their mean standard
        error `se` (NaN: exact), and `tied`, the share of rows that have another row's score: ties leave an ordering
        undecided.

    Examples
    --------
    >>> scores = pd.DataFrame({"level": [1, 1, 2, 3], "loss": [0.1, 0.4, 0.3, 0.9]})
    >>> cl.difficulty.atlas.summary(scores)[["mean", "sd", "tied"]].round(2)
             mean    sd  tied
    measure
    level    1.75  0.96   0.5
    loss     0.43  0.34   0.0
    """
    lines = {}
    for name, values in _numbers(scores).items():
        mean, low, high = _mean_interval(values, confidence)
        tied = values.duplicated(keep=False).mean()
        error = np.nan if errors is None or name not in errors else errors[name].mean()
        lines[name] = dict(mean=mean, low=low, high=high, sd=values.std(), se=error, tied=tied)
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("measure")


def agreement(scores: pd.DataFrame, method: str = "spearman") -> pd.DataFrame:
    """Correlate the ranks that every two measures give to the rows.

    Parameters
    ----------
    scores : pd.DataFrame
        (rows, measures), higher is harder.
    method : {"spearman", "kendall"}
        Spearman's rho, or Kendall's tau-b, which is the share of pairs of rows in the same order minus that in the
        other one, as far as neither has a tie.

    Returns
    -------
    pd.DataFrame
        (measures, measures), in [-1, 1]; NaN with a measure that is constant.

    Raises
    ------
    ValueError
        For another method, or a score that is not a finite number.

    Examples
    --------
    >>> scores = pd.DataFrame({"level": [1, 2, 3, 4], "loss": [0.1, 0.4, 0.3, 0.9]})
    >>> cl.difficulty.atlas.agreement(scores)
           level  loss
    level    1.0   0.8
    loss     0.8   1.0
    """
    _known(method)
    return _numbers(scores).corr(method=method)


def flips(
    scores: pd.DataFrame, errors: pd.DataFrame, threshold: str | float = "median", *, draws: int = 0, seed: int = 0
) -> pd.DataFrame:
    """Estimate how often the label "hard" (score above a threshold) would be another one if scores were drawn again.

    New scores are normal around the found ones with their standard errors. 0.5 is the most, where errors are much
    larger than differences.

    Parameters
    ----------
    scores : pd.DataFrame
        (rows, measures), higher is harder.
    errors : pd.DataFrame
        Standard errors, (rows, measures), in the scores' units; measures without any are left out.
    threshold : float or "median"
        Above it a row is hard; "median" is that of each measure's scores.
    draws : int
        0: the threshold stays, in closed form, the mean over rows of Phi(-|score - threshold| / se). Else all rows are
        drawn at once so often, and the threshold is found anew each time (as "median" asks).
    seed : int
        Of the draws.

    Returns
    -------
    pd.DataFrame
        By measure: `threshold`, `flipped` (share of rows), `unsure` (share of rows that flip with a chance above 0.1).

    Raises
    ------
    ValueError
        For another threshold, a negative standard error, or a score that is not a finite number.

    Examples
    --------
    >>> scores = pd.DataFrame({"pass_rate": [0.1, 0.4, 0.6, 0.9]})
    >>> cl.difficulty.atlas.flips(scores, scores * 0 + 0.1).round(2)
               threshold  flipped  unsure
    measure
    pass_rate        0.5     0.08     0.5
    """
    scores, lines = _numbers(scores), {}
    for name in (n for n in scores if n in errors and errors[n].notna().any()):
        values, error = scores[name].to_numpy(), errors[name].to_numpy(float)
        if not (error >= 0).all():
            row = errors.index[~(error >= 0)][0]
            raise ValueError(f"{name}: the standard error of row {row!r} is {errors[name][row]}; give 0 or more")
        at = _threshold(values, threshold)
        chance = _closed(values, error, at) if not draws else _drawn(values, error, at, threshold, draws, seed)
        lines[name] = dict(threshold=at, flipped=chance.mean(), unsure=(chance > 0.1).mean())
    columns = ["threshold", "flipped", "unsure"]
    return pd.DataFrame.from_dict(lines, orient="index", columns=columns).rename_axis("measure")


def _threshold(values: np.ndarray, threshold: str | float) -> float:
    if isinstance(threshold, str) and threshold != "median":
        raise ValueError(f"threshold={threshold!r}: give 'median' or a number")
    return float(np.median(values) if threshold == "median" else threshold)


def _closed(values: np.ndarray, error: np.ndarray, at: float) -> np.ndarray:
    """Chance that each row's label flips; a row exactly at the threshold is easy, and hard in half of the draws."""
    from scipy.special import ndtr

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(error > 0, ndtr(-np.abs(values - at) / error), 0.0)


def _drawn(
    values: np.ndarray, error: np.ndarray, at: float, threshold: str | float, draws: int, seed: int
) -> np.ndarray:
    again = values + error * np.random.default_rng(seed).standard_normal((draws, len(values)))
    new = np.median(again, axis=1, keepdims=True) if threshold == "median" else at
    return ((again > new) != (values > at)).mean(axis=0)


def split_half(answers: pd.DataFrame | np.ndarray, *, halvings: int = 100, seed: int = 0) -> pd.Series:
    """Estimate how reliable a row's mean over its answers is, by random halves of the answers.

    An odd last answer of a halving is left out.

    Parameters
    ----------
    answers : pd.DataFrame or np.ndarray
        (rows, answers), 1 right, 0 wrong, 2 or more of each.
    halvings : int
        How often the answers are halved.
    seed : int
        Of the halvings.

    Returns
    -------
    pd.Series
        `half`, the Pearson correlation of the means of two halves, averaged over halvings (NaN: all rows alike in one);
        `reliability` of the mean of all answers by Spearman and Brown (1910), 2 half / (1 + half); `answers`.

    Raises
    ------
    ValueError
        For fewer than 2 rows or answers, or an answer that is not a number.

    Examples
    --------
    >>> answers = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
    >>> cl.difficulty.atlas.split_half(answers).round(2).to_dict()
    {'half': 0.78, 'reliability': 0.88, 'answers': 4.0}
    """
    x = np.asarray(answers, float)
    if x.ndim != 2 or min(x.shape) < 2 or not np.isfinite(x).all():
        raise ValueError(f"answers of shape {x.shape}: give (rows, answers), 2 or more of each, all of them numbers")
    rng, size, found = np.random.default_rng(seed), x.shape[1] // 2, []
    for _ in range(halvings):
        order = rng.permutation(x.shape[1])
        a, b = x[:, order[:size]].mean(1), x[:, order[size : 2 * size]].mean(1)
        found.append(np.corrcoef(a, b)[0, 1] if np.ptp(a) > 0 and np.ptp(b) > 0 else np.nan)
    half = float(np.mean(found))  # NaN: a half in which all rows are alike
    return pd.Series({"half": half, "reliability": 2 * half / (1 + half), "answers": x.shape[1]})


def calibration(scores: pd.DataFrame, level: pd.Series, *, interval: float = 0.95) -> pd.DataFrame:
    """Ask whether a measure rises with levels that people or designers gave.

    Parameters
    ----------
    scores : pd.DataFrame
        (rows, measures), higher is harder.
    level : pd.Series
        (rows,), numbers, higher is harder.
    interval : float
        Confidence of the interval.

    Returns
    -------
    pd.DataFrame
        By measure: its mean rank (share of the rows below, in [0, 1]) at every level, and Spearman's rank correlation
        with the level (`rho`) with its interval (`low`, `high`) by Fisher's z, variance (1 + rho^2 / 2) / (n - 3)
        (Bonett and Wright 2000).

    Examples
    --------
    >>> scores = pd.DataFrame({"loss": [0.1, 0.4, 0.3, 0.9, 0.8, 1.2]})
    >>> cl.difficulty.atlas.calibration(scores, pd.Series([1, 1, 2, 2, 3, 3])).round(2)
    level    level 1  level 2  level 3   rho   low  high
    measure
    loss        0.25      0.5     0.75  0.72 -0.35  0.97
    """
    from scipy.special import ndtri

    scores, level = _numbers(scores), _numbers(level.to_frame("level"))["level"]
    ranks = (scores.rank() - 0.5) / len(scores)
    table = ranks.groupby(level).mean().T.rename(columns=lambda value: f"level {value:g}")
    rho = scores.rank().corrwith(level.rank())
    z = ndtri(0.5 + interval / 2) * np.sqrt((1 + rho**2 / 2) / max(len(scores) - 3, 1))
    center = np.arctanh(rho.clip(-1 + 1e-12, 1 - 1e-12))
    return table.assign(rho=rho, low=np.tanh(center - z), high=np.tanh(center + z)).rename_axis("measure")


def by_level(scores: pd.DataFrame, level: pd.Series, *, interval: float = 0.95) -> pd.DataFrame:
    """Average every measure at each level, with its t interval.

    Parameters
    ----------
    scores : pd.DataFrame
        (rows, measures), higher is harder.
    level : pd.Series
        (rows,), on the same index.
    interval : float
        Confidence of the interval.

    Returns
    -------
    pd.DataFrame
        One line a measure and level: `measure`, `level`, `rows`, `mean`, `low`, `high` (NaN: one row).

    Examples
    --------
    >>> scores = pd.DataFrame({"loss": [0.1, 0.4, 0.3, 0.9]})
    >>> cl.difficulty.atlas.by_level(scores, pd.Series([1, 1, 2, 2])).round(2)
      measure  level  rows  mean   low  high
    0    loss      1     2  0.25 -1.66  2.16
    1    loss      2     2  0.60 -3.21  4.41
    """
    scores, lines = _numbers(scores), []
    for name in scores:
        for value, part in scores[name].groupby(level):
            lines.append((name, value, len(part), *_mean_interval(part, interval)))
    return pd.DataFrame(lines, columns=["measure", "level", "rows", "mean", "low", "high"])


def disagreements(
    scores: pd.DataFrame, a: str, b: str, n: int | None = 10, *, beside: pd.DataFrame | None = None
) -> pd.DataFrame:
    """List the rows on which two measures disagree most.

    Parameters
    ----------
    scores : pd.DataFrame
        (rows, measures), higher is harder.
    a, b : str
        The two measures.
    n : int, optional
        How many rows; None: all.
    beside : pd.DataFrame, optional
        Columns of the pool to show, such as pool[["topic", "prompt"]].

    Returns
    -------
    pd.DataFrame
        By row, largest difference first: both scores, both ranks as shares of the rows in (0, 1), and `gap`, the rank
        by `a` minus the rank by `b`: above 0 is harder by `a`.

    Raises
    ------
    ValueError
        For a measure that is not there, or a score that is not a finite number.

    Examples
    --------
    >>> scores = pd.DataFrame({"level": [1, 2, 3, 4], "loss": [0.1, 0.9, 0.3, 0.4]}, index=list("wxyz"))
    >>> cl.difficulty.atlas.disagreements(scores, "loss", "level", n=2)
       loss  level  rank_loss  rank_level   gap
    x   0.9    2.0      0.875       0.375  0.50
    y   0.3    3.0      0.375       0.625 -0.25
    """
    for name in (a, b):
        if name not in scores:
            raise ValueError(f"no measure {name!r} among the scores; there are {', '.join(map(str, scores))}")
    both = _numbers(scores[list(dict.fromkeys([a, b]))])
    ranks = ((both.rank() - 0.5) / len(both)).add_prefix("rank_")
    table = both.join(ranks).assign(gap=ranks[f"rank_{a}"] - ranks[f"rank_{b}"])
    order = table["gap"].abs().round(9).sort_values(ascending=False, kind="stable").index[:n]
    shown = [] if beside is None else [c for c in beside if c not in table]
    return table.loc[order].join(beside[shown]) if shown else table.loc[order]


def furthest(scores: pd.DataFrame) -> tuple[str, str]:
    """Name the two measures that agree least, by Spearman's rank correlation.

    Parameters
    ----------
    scores : pd.DataFrame
        (rows, measures), 2 measures or more.

    Returns
    -------
    tuple of str
        Two measures, in the order of the columns.

    Examples
    --------
    >>> scores = pd.DataFrame({"level": [1, 2, 3], "loss": [0.1, 0.2, 0.4], "words": [9, 7, 5]})
    >>> cl.difficulty.atlas.furthest(scores)
    ('level', 'words')
    """
    found = agreement(scores).to_numpy(copy=True)
    found[~np.tri(len(found), k=-1, dtype=bool)] = np.nan
    row, column = np.unravel_index(np.nanargmin(found), found.shape)
    return scores.columns[column], scores.columns[row]


def crowd(
    pool: pd.DataFrame, model: LanguageModel, members: Mapping[str, Mapping[str, object]], *, seed: int = 0
) -> pd.DataFrame:
    """Let an artificial crowd answer every row once.

    Each member has noise of its own. The answers are for `irt.fit`.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt` and `answer`.
    model : LanguageModel
        Such as `load_model` returns.
    members : mapping of str to mapping
        By name what makes this one differ: `temperature` (1 where not said), `adapter` (the folder of a saved one; the
        bare base where not said), `before` (text put before every prompt).
    seed : int
        Of the answers.

    Returns
    -------
    pd.DataFrame
        (members, rows), 1 right, 0 wrong.

    Raises
    ------
    ValueError
        For something else that should make a member differ.

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")
    >>> pool = pd.DataFrame({"prompt": ["add 47 + 30", "add 57 + 68 + 94"], "answer": ["77", "219"]}, index=["a", "b"])
    >>> cl.difficulty.atlas.crowd(pool, model, {"cold": {"temperature": 0.0}, "lost": {"before": "why? "}})
              a    b
    member
    cold    1.0  0.0
    lost    0.0  0.0
    """
    roles, role_of = ModelRoles(model), {}
    for name, own in members.items():
        unknown = own.keys() - {"temperature", "adapter", "before"}
        if unknown:
            raise ValueError(f"{name}: {sorted(unknown)[0]!r} makes no member; give temperature, adapter or before")
        adapter = own.get("adapter")
        role = role_of.setdefault(adapter, "base" if adapter is None else f"member {len(role_of)}")
        if adapter is not None and role not in roles.adapters:
            roles.adapters[role] = roles.loaded(adapter)

    def answers(role: str) -> Generator:
        mine = [n for n, own in members.items() if role_of[own.get("adapter")] == role]
        rows = pd.concat([pool.assign(prompt=str(members[n].get("before", "")) + pool["prompt"]) for n in mine])
        temperatures = np.repeat([float(members[n].get("temperature", 1.0)) for n in mine], len(pool)).tolist()
        out = yield Sample(rows, 1, role=role, temperature=temperatures, purpose="probe")
        right = out["correct"].to_numpy(float).reshape(len(mine), len(pool))
        return pd.DataFrame(right, mine, pool.index)

    backend = roles.backend(seed, longest_answer(pool, model))
    found, _ = answer_measures({role: answers(role) for role in role_of.values()}, backend, seed)
    return pd.concat(found.values()).loc[list(members)].rename_axis("member")


def _mean_interval(values: pd.Series, confidence: float) -> tuple[float, float, float]:
    """Mean and its Student's t interval; NaN where there is one value, or where all of them are equal."""
    from scipy.special import stdtrit

    numbers, n = values.to_numpy(float), len(values)
    mean = float(numbers.mean())
    if n < 2 or np.ptp(numbers) < EQUAL:
        return mean, np.nan, np.nan
    half = stdtrit(n - 1, 0.5 + confidence / 2) * (numbers.std(ddof=1) / np.sqrt(n))
    return mean, float(mean - half), float(mean + half)


def _known(method: str) -> None:
    if method not in METHODS:
        raise ValueError(f"method={method!r}: give {' or '.join(map(repr, METHODS))}")


def _numbers(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores as floats; a row without one is refused, with its place."""
    table = scores.astype(float)
    bad = np.argwhere(~np.isfinite(table.to_numpy()))
    if len(bad):
        row, column = bad[0]
        raise ValueError(
            f"{table.columns[column]}: row {table.index[row]!r} has the score {table.iat[row, column]}; "
            "compare only rows that every measure has a number for"
        )
    return table
