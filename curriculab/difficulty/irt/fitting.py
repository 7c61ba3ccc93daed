"""Fitting item response models: items by marginal maximum likelihood, then people on the items so found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curriculab.difficulty.irt.abilities import Numbers, ability
from curriculab.difficulty.irt.marginal import (
    NODES,
    Answers,
    Curves,
    Found,
    asymptote,
    counts,
    covariance,
    curves,
    grid,
    item_curves,
    search,
)
from curriculab.difficulty.irt.responses import checked_responses, one_of
from curriculab.registry.warning import warn

MODELS = ("1pl", "2pl", "3pl")
GUESSING_PRIOR = (5.0, 17.0)  # Beta, mode 0.2; BILOG's for five options: 20 / options + 1, 20 - 20 / options + 1
COLUMNS = ("difficulty", "se_difficulty", "discrimination", "se_discrimination", "guessing", "se_guessing")


@dataclass(frozen=True, eq=False)
class Fit:
    """Items and people on one scale, as `fit` returns them.

    Attributes
    ----------
    model, scale : str
        As they were asked for.
    items : pd.DataFrame
        (items, columns): difficulty, discrimination, guessing, a se_ of each (NaN: held or at a bound), share_correct,
        answers, flag.
    people : pd.DataFrame
        (people, columns): ability, se_ability, share_correct, answers.
    item_fit : pd.DataFrame
        (items, 2): infit and outfit, mean squared residuals with and without weighting by information: 1 is expected,
        above is noise, below an item steeper than its curve (0.7 to 1.3 is usual for tests: Wright & Linacre 1994).
        They are averaged over everybody's posterior ability, so that 1 is expected of short tests too.
    log_likelihood : float
        Marginal, nats, without the prior on guessing.
    parameters : int
        How many were estimated.
    ability_sd, se_ability_sd : float
        Spread of the abilities on this scale, and its standard error (NaN on the standard scale).
    nodes, steps : int
        Of the grid, and of EM.
    converged : bool
        Whether EM came to rest.
    errors : str
        From the information of "all items" together, "item by item" (above 400), or "none" (no inverse: all NaN).

    Examples
    --------
    >>> responses = pd.DataFrame({"a": [1, 1, 1, 0], "b": [1, 0, 1, 0], "c": [0, 0, 1, 0]})
    >>> found = cl.difficulty.irt.fit(responses)
    >>> found.items["difficulty"].rank().to_dict(), found.converged
    ({'a': 1.0, 'b': 2.0, 'c': 3.0}, True)
    """

    model: str
    scale: str
    items: pd.DataFrame
    people: pd.DataFrame
    item_fit: pd.DataFrame
    log_likelihood: float
    parameters: int
    ability_sd: float
    se_ability_sd: float
    nodes: int
    steps: int
    converged: bool
    errors: str

    @property
    def aic(self) -> float:
        """Akaike's information criterion: 2 parameters - 2 log_likelihood, lower is better.

        Examples
        --------
        >>> responses = pd.DataFrame({"a": [1, 1, 1, 0], "b": [1, 0, 1, 0], "c": [0, 0, 1, 0]})
        >>> found = cl.difficulty.irt.fit(responses)
        >>> bool(found.aic == 2 * 4 - 2 * found.log_likelihood)
        True
        """
        return 2 * self.parameters - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's information criterion: log(people) parameters - 2 log_likelihood, lower is better.

        Examples
        --------
        >>> responses = pd.DataFrame({"a": [1, 1, 1, 0], "b": [1, 0, 1, 0], "c": [0, 0, 1, 0]})
        >>> found = cl.difficulty.irt.fit(responses)
        >>> bool(np.isclose(found.bic - found.aic, 4 * (np.log(4) - 2)))
        True
        """
        return float(np.log(len(self.people)) * self.parameters - 2 * self.log_likelihood)

    def probability(self, ability: Numbers) -> pd.DataFrame:
        """Predict P(right) at these abilities.

        Parameters
        ----------
        ability : float or array-like, (abilities,)
            On the scale of the fit.

        Returns
        -------
        pd.DataFrame
            (abilities, items), in (0, 1).

        Examples
        --------
        >>> responses = pd.DataFrame({"a": [1, 1, 1, 0], "b": [1, 0, 1, 0], "c": [0, 0, 1, 0]})
        >>> found = cl.difficulty.irt.fit(responses)
        >>> found.probability([found.items.loc["b", "difficulty"]])["b"].round(2).tolist()
        [0.5]
        """
        return self._at(ability, self._curves(ability).p)

    def information(self, ability: Numbers) -> pd.DataFrame:
        """Compute the Fisher information about ability; a test's is the sum over its items, and 1 / se^2.

        Parameters
        ----------
        ability : float or array-like, (abilities,)
            On the scale of the fit.

        Returns
        -------
        pd.DataFrame
            (abilities, items), in 1 / (unit of ability)^2.

        Examples
        --------
        >>> responses = pd.DataFrame({"a": [1, 1, 1, 0], "b": [1, 0, 1, 0], "c": [0, 0, 1, 0]})
        >>> found = cl.difficulty.irt.fit(responses)  # 1pl: at most a quarter, where ability equals difficulty
        >>> found.information([found.items.loc["b", "difficulty"]])["b"].round(2).tolist()
        [0.25]
        """
        return self._at(ability, self._curves(ability).information * self.items["discrimination"].to_numpy() ** 2)

    def curve(self, item: object, ability: Numbers) -> pd.DataFrame:
        """Compute one item's probability and information at these abilities.

        Parameters
        ----------
        item : label
            Name of the item.
        ability : float or array-like, (abilities,)
            On the scale of the fit.

        Returns
        -------
        pd.DataFrame
            (abilities, 2): `probability`, `information`.

        Raises
        ------
        ValueError
            For an item that was not fitted.

        Examples
        --------
        >>> responses = pd.DataFrame({"a": [1, 1, 1, 0], "b": [1, 0, 1, 0], "c": [0, 0, 1, 0]})
        >>> found = cl.difficulty.irt.fit(responses)
        >>> found.curve("b", [-2, 0, 2])["probability"].is_monotonic_increasing
        True
        """
        self._known([item])
        return pd.DataFrame({name: getattr(self, name)(ability)[item] for name in ("probability", "information")})

    def predict(self) -> pd.DataFrame:
        """Predict P(right) of everybody at their estimated ability on every item, asked or not.

        Returns
        -------
        pd.DataFrame
            (people, items), in (0, 1).

        Examples
        --------
        >>> responses = pd.DataFrame({"a": [1, 1, 1, 0], "b": [1, 0, np.nan, 0], "c": [0, 0, 1, 0]})
        >>> cl.difficulty.irt.fit(responses).predict().shape
        (4, 3)
        """
        return self.probability(self.people["ability"]).set_axis(self.people.index)

    def ability(self, responses: pd.DataFrame | np.ndarray, *, method: str = "eap") -> pd.DataFrame:
        """Estimate the abilities of these people on the items of this fit.

        Parameters
        ----------
        responses : pd.DataFrame or np.ndarray
            (people, items): 1 right, 0 wrong, NaN not asked; the items of a DataFrame are found by name.
        method : {"eap", "map"}
            Mean or mode of the posterior, see `irt.ability`.

        Returns
        -------
        pd.DataFrame
            (people, 2): `ability` and `se_ability`, on the scale of the fit.

        Raises
        ------
        ValueError
            For an item that was not fitted.

        Examples
        --------
        >>> responses = pd.DataFrame({"a": [1, 1, 1, 0], "b": [1, 0, 1, 0], "c": [0, 0, 1, 0]})
        >>> found = cl.difficulty.irt.fit(responses)
        >>> new = pd.DataFrame({"b": [1, 0]}, index=["Ada", "Ben"])
        >>> found.ability(new)["ability"].idxmax()
        'Ada'
        """
        people = responses.index if isinstance(responses, pd.DataFrame) else pd.RangeIndex(len(responses))
        if isinstance(responses, pd.DataFrame):
            self._known(responses.columns)
            responses = responses.reindex(columns=self.items.index)
        known = (self.items[name] for name in ("difficulty", "discrimination", "guessing"))
        found, error = ability(responses, *known, prior_sd=self.ability_sd, method=method)
        return pd.DataFrame({"ability": found, "se_ability": error}, index=people)

    def _curves(self, ability: Numbers) -> Curves:
        a, b, c = (self.items[name].to_numpy() for name in ("discrimination", "difficulty", "guessing"))
        return curves(a * (np.atleast_1d(np.asarray(ability, float))[:, None] - b), c)

    def _at(self, ability: Numbers, values: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(values, pd.Index(np.atleast_1d(ability), name="ability"), self.items.index)

    def _known(self, items: Sequence[object] | pd.Index) -> None:
        unknown = [item for item in items if item not in self.items.index]
        if unknown:
            some = ", ".join(map(repr, self.items.index[:5])) + (", ..." if len(self.items) > 5 else "")
            raise ValueError(f"item {unknown[0]!r} was not fitted; the {len(self.items)} that were: {some}")


def wright(fit: Fit) -> pd.DataFrame:
    """List people and items on one scale, the highest first.

    Parameters
    ----------
    fit : Fit
        As `irt.fit` returns it.

    Returns
    -------
    pd.DataFrame
        (people + items, 4): `kind` ("person" or "item"), `name`, `position` and its `se`, on the scale of the fit.

    Examples
    --------
    >>> responses = pd.DataFrame({"a": [1, 1, 1, 0], "b": [1, 0, 1, 0], "c": [0, 0, 1, 0]})
    >>> table = cl.difficulty.irt.wright(cl.difficulty.irt.fit(responses))
    >>> table.loc[table["kind"] == "item", "name"].tolist()
    ['c', 'b', 'a']
    """
    parts = (("person", fit.people, "ability"), ("item", fit.items, "difficulty"))
    tables = [
        pd.DataFrame({"kind": kind, "name": t.index, "position": t[at].to_numpy(), "se": t[f"se_{at}"].to_numpy()})
        for kind, t, at in parts
    ]
    return pd.concat(tables).sort_values("position", ascending=False, kind="stable", ignore_index=True)


# -- people on items that are known -----------------------------------------------------------------------------------


# -- fitting ----------------------------------------------------------------------------------------------------------
def fit(
    responses: pd.DataFrame | np.ndarray,
    model: str = "1pl",
    *,
    scale: str | None = None,
    negative: bool = True,
    guessing_prior: tuple[float, float] = GUESSING_PRIOR,
    method: str = "eap",
    nodes: int = NODES,
) -> Fit:
    """Fit an item response model to answers of people to items.

    Items are fitted by marginal maximum likelihood, then people on the items so found. Several tries of one person: one
    line a try.

    Parameters
    ----------
    responses : pd.DataFrame or np.ndarray
        (people, items): 1 right, 0 wrong, NaN not asked.
    model : {"1pl", "2pl", "3pl"}
        One discrimination for all items; one for each; guessing too.
    scale : {"rasch", "standard"}, optional
        "rasch": discrimination is 1, the spread of abilities is estimated; "standard": abilities have standard
        deviation 1. None is "rasch" for 1pl, "standard" for the others.
    negative : bool
        Whether a discrimination may be negative; else all are at least 0.05.
    guessing_prior : tuple of float
        Of a Beta, for 3pl; (1, 1) is flat.
    method : {"eap", "map"}
        Of people's abilities, see `irt.ability`.
    nodes : int
        Least number of nodes of the grid; long tests take more.

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        For a response that is not 1, 0 or NaN, too few items that some solved and others did not, an item that stands
        twice or was asked of nobody, or another setting.

    Examples
    --------
    >>> responses = pd.DataFrame({"a": [1, 1, 1, 0], "b": [1, 0, 1, 0], "c": [0, 0, 1, 0]})
    >>> cl.difficulty.irt.fit(responses).items["difficulty"].idxmax()
    'c'
    """
    one_of("model", model, MODELS)
    one_of("method", method, ("eap", "map"))
    scale = scale or ("rasch" if model == "1pl" else "standard")
    one_of(f"model={model!r}, scale", scale, ("rasch", "standard") if model == "1pl" else ("standard",))
    if not (len(guessing_prior) == 2 and min(guessing_prior) >= 1):
        raise ValueError(f"guessing_prior={guessing_prior}: both of its numbers are at least 1; (1, 1) is flat")
    if not nodes >= 11:
        raise ValueError(f"nodes={nodes}: a grid over 12 standard deviations has at least 11; {NODES} is the default")
    x, people, items = checked_responses(responses, model)
    varied = (np.nanmin(x, axis=0) == 0) & (np.nanmax(x, axis=0) == 1)
    found, common = search(x[:, varied], model, negative=negative, prior=guessing_prior, nodes=nodes)
    _warn_of_few_people(x[:, varied], found, model)
    if not found.converged:
        warn(
            f"{model} was still improving after {found.steps} steps of EM; its errors are not to be trusted "
            "(few people for so many parameters? 1pl needs the fewest)"
        )
    covariances, errors = covariance(found)
    unit = common if scale == "rasch" else 1.0  # of the scale, in standard deviations of ability
    table = np.full((len(items), len(COLUMNS)), np.nan)
    table[varied] = _described(found, covariances, scale)
    table[~varied] = _beyond(x[:, ~varied], x[:, varied], found, common, unit)
    flags = np.where(np.nanmax(x, axis=0) == 1, "all right", "all wrong").astype(object)
    flags[varied] = np.where(found.held.any(0), "at bound", "")
    squares = np.full((len(items), 2), np.nan)
    squares[varied] = _item_fit(found)
    score, error = ability(x, *table[:, [0, 2, 4]].T, prior_sd=unit, method=method)
    return Fit(
        model=model,
        scale=scale,
        items=pd.DataFrame(table, items, COLUMNS).assign(**_counted(x, axis=0), flag=pd.array(flags, dtype="str")),
        people=pd.DataFrame({"ability": score, "se_ability": error, **_counted(x, axis=1)}, people),
        item_fit=pd.DataFrame(squares, items, ("infit", "outfit")),
        log_likelihood=float(found.problem.answers.count @ found.posterior()[1]),
        parameters=int(varied.sum()) + 1 if model == "1pl" else found.at.size,
        ability_sd=float(unit),
        se_ability_sd=float(_root(covariances[0, 1, 1])) if scale == "rasch" else np.nan,
        nodes=found.nodes,
        steps=found.steps,
        converged=found.converged,
        errors=errors,
    )


# People from which on marginal maximum likelihood recovers the parameters: Drasgow 1989 (2PL: 200 people, 5 items),
# Hulin, Lissak & Drasgow 1982 (3PL: 1,000 people, 60 items). For the 1PL there is no border at which it breaks.
PEOPLE = {"2pl": 200, "3pl": 1000}


def _warn_of_few_people(x: np.ndarray, found: Found, model: str) -> None:
    """Tell of fits with too few answers an item, and of how many items lie at a bound for it."""
    answers = float(np.median((~np.isnan(x)).sum(axis=0)))
    if answers >= PEOPLE.get(model, 0):
        return
    bound = int(found.held.any(0).sum())
    at_bound = f"{bound} of {x.shape[1]} items lie at a bound; " if bound else ""
    warn(
        f"{model}: {answers:g} people an item (median of {x.shape[1]} items) are few for a discrimination of each; "
        f"{at_bound}estimates are steady from about {PEOPLE[model]} on: fit model='1pl', or mind their errors"
    )


def _described(found: Found, covariances: np.ndarray, scale: str) -> np.ndarray:
    """COLUMNS of the items, (items, 6): intercepts, slopes, logits of guessing and their errors, on the scale."""
    d, a = found.at[:2]
    out = np.full((len(d), len(COLUMNS)), np.nan)
    if scale == "rasch":
        out[:, 0], out[:, 1], out[:, 2] = -d, _root(covariances[:, 0, 0]), 1.0
    else:
        by = np.stack([-1 / a, d / a**2], axis=1)  # derivatives of -d / a
        out[:, 0], out[:, 1] = -d / a, _root(np.einsum("ja,jab,jb->j", by, covariances[:, :2, :2], by))
        out[:, 2], out[:, 3] = a, _root(covariances[:, 1, 1])
    out[:, 4] = c = asymptote(found.at)
    if found.problem.model == "3pl":
        out[:, 5] = c * (1 - c) * _root(covariances[:, 2, 2])
    return out


def _root(variance: np.ndarray | float) -> np.ndarray:
    """Standard errors; NaN where nothing was estimated."""
    return np.sqrt(np.where(variance > 0, variance, np.nan))


def _beyond(extreme: np.ndarray, x: np.ndarray, found: Found, common: float, unit: float) -> np.ndarray:
    """COLUMNS of items that everybody or nobody solved: where half an answer of the other kind is expected."""
    asked = ~np.isnan(x)
    p, _ = found.posterior(Answers(np.where(asked, x, 0.0), asked.astype(float), np.ones(len(x))))
    z, n = grid(found.nodes)[0], (~np.isnan(extreme)).T @ p
    wanted = np.where(np.nansum(extreme, axis=0) > 0, n.sum(1) - 0.5, 0.5)
    low, high = np.full(len(n), -50.0), np.full(len(n), 50.0)
    for _ in range(60):  # bisection
        d = (low + high) / 2
        much = (n * curves(common * z + d[:, None], 0.0).p).sum(1) > wanted
        low, high = np.where(much, low, d), np.where(much, d, high)
    out = np.full((len(n), 6), np.nan)
    out[:, 0], out[:, 2], out[:, 4] = -d / common * unit, common / unit, 0.0
    return out


def _item_fit(found: Found) -> np.ndarray:
    """Infit and outfit, (items, 2), from the expected right and wrong answers at every node."""
    right, n = counts(found.problem.answers, found.posterior()[0])
    here = item_curves(found.at, grid(found.nodes)[0])
    wrong, p, q = n - right, here.p, here.q
    infit = (right * q**2 + wrong * p**2).sum(1) / (n * p * q).sum(1)
    return np.stack([infit, (right * q / p + wrong * p / q).sum(1) / (right + wrong).sum(1)], axis=1)


def _counted(x: np.ndarray, axis: int) -> dict[str, np.ndarray]:
    answers = (~np.isnan(x)).sum(axis)
    return {"share_correct": np.nansum(x, axis=axis) / np.where(answers, answers, np.nan), "answers": answers}


# -- what comes in ----------------------------------------------------------------------------------------------------
