"""Measures of the same rows laid side by side: do they agree, how sure are they, and where do they part?

found = cl.difficulty.survey(pool, model, ["level", "answer_loss", "pass_rate"])
atlas.agreement(found.scores, "kendall")                 # measures x measures, in [-1, 1]
atlas.flips(found.scores, found.errors)                  # share of rows that a repetition would call otherwise
atlas.disagreements(found.scores, "answer_loss", "level", n=10)

Tables in, tables out; only `crowd` asks a model. `scores` and `errors` are (rows, measures), as in a Survey:
higher is harder, an error is a standard error in the score's unit, NaN where a measure has none.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping

import numpy as np
import pandas as pd

from curriculab.difficulty.estimation import answer_measures
from curriculab.difficulty.roles import LanguageModel, ModelRoles, longest_answer
from curriculab.protocol import Sample

METHODS = ("spearman", "kendall")
EQUAL = 1e-9  # scores closer than this are equal: a mean of shares carries rounding error


def summary(scores: pd.DataFrame, errors: pd.DataFrame | None = None, *, confidence: float = 0.95) -> pd.DataFrame:
    """One line a measure: mean over the rows with its t interval, spread (sd) of the scores, their mean standard error
    (NaN: exact), and the share of the rows that have another row's score (ties leave an ordering undecided)."""
    lines = {}
    for name, values in _numbers(scores).items():
        mean, low, high = _mean_interval(values, confidence)
        tied = values.duplicated(keep=False).mean()
        error = np.nan if errors is None or name not in errors else errors[name].mean()
        lines[name] = dict(mean=mean, low=low, high=high, sd=values.std(), se=error, tied=tied)
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("measure")


def agreement(scores: pd.DataFrame, method: str = "spearman") -> pd.DataFrame:
    """Rank correlation of every two measures, (measures, measures): Spearman's rho, or Kendall's tau-b, which is the
    share of pairs of rows in the same order minus that in the other one, as far as neither has a tie. NaN: constant."""
    _known(method)
    return _numbers(scores).corr(method=method)


def flips(
    scores: pd.DataFrame, errors: pd.DataFrame, threshold: str | float = "median", *, draws: int = 0, seed: int = 0
) -> pd.DataFrame:
    """How often the label "hard" (score above the threshold) would be another one if a score were drawn again, normal
    around the found one with its standard error: the mean over rows of Phi(-|score - threshold| / se).

    threshold: "median" of each measure's scores, or a number. draws=0 holds it where it is, in closed form; with
    draws, all rows are drawn at once so often and the threshold is found anew each time (as "median" asks). One line a
    measure with errors: threshold, `flipped` (share of rows) and `unsure`, the share that flips with a chance above a
    tenth. 0.5 is the most, where errors are much larger than differences.
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
    """Reliability of a row's mean over its answers, (rows, answers), 1 right, 0 wrong: `half`, the Pearson correlation
    of the means of two random halves of the answers, averaged over `halvings`, and `reliability` of the mean of all of
    them by Spearman and Brown (1910), 2 half / (1 + half). An odd last answer of a halving is left out."""
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
    """Does a measure rise with levels that people or designers gave? One line a measure: its mean rank (share of the
    rows below, in [0, 1]) at every level, and Spearman's rank correlation with the level with its interval (`rho`,
    `low`, `high`) by Fisher's z, variance (1 + rho^2 / 2) / (n - 3) (Bonett and Wright 2000)."""
    from scipy.special import ndtri

    scores, level = _numbers(scores), _numbers(level.to_frame("level"))["level"]
    ranks = (scores.rank() - 0.5) / len(scores)
    table = ranks.groupby(level).mean().T.rename(columns=lambda value: f"level {value:g}")
    rho = scores.rank().corrwith(level.rank())
    z = ndtri(0.5 + interval / 2) * np.sqrt((1 + rho**2 / 2) / max(len(scores) - 3, 1))
    center = np.arctanh(rho.clip(-1 + 1e-12, 1 - 1e-12))
    return table.assign(rho=rho, low=np.tanh(center - z), high=np.tanh(center + z)).rename_axis("measure")


def by_level(scores: pd.DataFrame, level: pd.Series, *, interval: float = 0.95) -> pd.DataFrame:
    """Mean of every measure at each level with its t interval (NaN: one row): measure, level, rows, mean, low, high."""
    scores, lines = _numbers(scores), []
    for name in scores:
        for value, part in scores[name].groupby(level):
            lines.append((name, value, len(part), *_mean_interval(part, interval)))
    return pd.DataFrame(lines, columns=["measure", "level", "rows", "mean", "low", "high"])


def disagreements(
    scores: pd.DataFrame, a: str, b: str, n: int | None = 10, *, beside: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The `n` rows on which two measures disagree most (None: all), largest first: both scores, both ranks as shares of
    the rows in (0, 1), and `gap`, the rank by `a` minus the rank by `b`: above 0 is harder by `a`. `beside`: columns of
    the pool to show, such as pool[["topic", "prompt"]]."""
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
    """The two measures that agree least, by Spearman's rank correlation."""
    found = agreement(scores).to_numpy(copy=True)
    found[~np.tri(len(found), k=-1, dtype=bool)] = np.nan
    row, column = np.unravel_index(np.nanargmin(found), found.shape)
    return scores.columns[column], scores.columns[row]


def crowd(
    pool: pd.DataFrame, model: LanguageModel, members: Mapping[str, Mapping[str, object]], *, seed: int = 0
) -> pd.DataFrame:
    """Answers of an artificial crowd, (members, rows), 1 right, 0 wrong: everybody answers every row once.

    members: name -> what makes this one differ: temperature (1 where not said), adapter (the folder of a saved one; the
    bare base where not said), before (text put before every prompt). Each has noise of its own. For irt.fit.
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
