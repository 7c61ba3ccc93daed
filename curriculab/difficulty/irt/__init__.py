"""Item response theory: answers of many people (or models) to many items -> difficulties and abilities on one scale.

fit = irt.fit(responses)       # people x items: 1 right, 0 wrong, NaN not asked
fit.items.loc["item 3"]        # difficulty -0.24 logits, se 0.07, discrimination 1, guessing 0, share_correct 0.553

P(right) = guessing + (1 - guessing) / (1 + exp(-discrimination (ability - difficulty))). 1PL: one discrimination for
all items, no guessing; 2PL: every item its own discrimination, of either sign; 3PL: guessing too. Items are fitted by
marginal maximum likelihood (marginal.py), people on the items so found.

Scales. "standard": ability has mean 0 and standard deviation 1, as in ltm and mirt. "rasch" (1PL only, its default):
discrimination is 1 and the spread `ability_sd` is estimated, so that positions are logits, as in TAM and eRm, and as
those expect who write the 1PL as P = 1 / (1 + exp(difficulty - ability)). Both are one model with one likelihood.

Signs. An item with a negative discrimination is solved less often by the able. Near a discrimination of 0 the
difficulty is far away and its error huge: there, order items by `share_correct`, or fit with negative=False. Where many
items go against the rest, what the 2PL calls ability need not follow the number of right answers: on 976 people x 90
items of Lalor et al. 2016 the maximum has 40 negative items, is 2,400 nats above the best without any, and its ability
has a rank correlation of 0.06 with the number of right answers (0.72 without any). It is turned so that, averaged over
items and people, the able solve more.

Items that everybody or nobody solved have no finite estimate: maximum likelihood puts them at infinity, where they say
nothing about anybody. They stay out of the fit. Afterwards they get the difficulty at which half an answer of the other
kind is expected of those asked (the half of Haldane 1956), the discrimination that a 1PL gives all items, guessing 0,
no errors, and the flag "all right" or "all wrong". Estimates at a bound are flagged "at bound". People without any
answer get what is known without one: ability 0, and its spread as the error.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curriculab.difficulty.irt.marginal import (
    NODES,
    Answers,
    Curves,
    Found,
    asymptote,
    counts,
    covariance,
    curves,
    enough,
    grid,
    item_curves,
    posterior,
    search,
)

MODELS = ("1pl", "2pl", "3pl")
GUESSING_PRIOR = (5.0, 17.0)  # Beta, mode 0.2; BILOG's for five options: 20 / options + 1, 20 - 20 / options + 1
COLUMNS = ("difficulty", "se_difficulty", "discrimination", "se_discrimination", "guessing", "se_guessing")

Numbers = float | Sequence[float] | np.ndarray | pd.Series


@dataclass(frozen=True, eq=False)
class Fit:
    """Items and people on one scale.

    items: difficulty, discrimination, guessing, a se_ of each (NaN: held or at a bound), share_correct, answers, flag.
    people: ability, se_ability, share_correct, answers.
    item_fit: infit and outfit, mean squared residuals with and without weighting by information: 1 is expected, above
    is noise, below an item steeper than its curve (0.7 to 1.3 is usual for tests: Wright & Linacre 1994). They are
    averaged over everybody's posterior ability, so that 1 is expected of short tests too.
    log_likelihood: marginal, nats, without the prior on guessing. parameters: how many were estimated. steps: of EM.
    errors: from the information of "all items" together, "item by item" (above 400), or "none" (no inverse: all NaN).
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
        return 2 * self.parameters - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        return float(np.log(len(self.people)) * self.parameters - 2 * self.log_likelihood)

    def probability(self, ability: Numbers) -> pd.DataFrame:
        """P(right) at these abilities, (abilities, items)."""
        return self._at(ability, self._curves(ability).p)

    def information(self, ability: Numbers) -> pd.DataFrame:
        """Fisher information about ability, (abilities, items); a test's is the sum over its items, and 1 / se^2."""
        return self._at(ability, self._curves(ability).information * self.items["discrimination"].to_numpy() ** 2)

    def curve(self, item: object, ability: Numbers) -> pd.DataFrame:
        """One item's probability and information at these abilities."""
        self._known([item])
        return pd.DataFrame({name: getattr(self, name)(ability)[item] for name in ("probability", "information")})

    def predict(self) -> pd.DataFrame:
        """P(right) of everybody at their estimated ability on every item, asked or not, (people, items)."""
        return self.probability(self.people["ability"]).set_axis(self.people.index)

    def ability(self, responses: pd.DataFrame | np.ndarray, *, method: str = "eap") -> pd.DataFrame:
        """`ability` and `se_ability` of these people, (people, items); a DataFrame's items are found by name."""
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
    """People and items on one scale, the highest first: kind ("person" or "item"), name, position and its se."""
    parts = (("person", fit.people, "ability"), ("item", fit.items, "difficulty"))
    tables = [
        pd.DataFrame({"kind": kind, "name": t.index, "position": t[at].to_numpy(), "se": t[f"se_{at}"].to_numpy()})
        for kind, t, at in parts
    ]
    return pd.concat(tables).sort_values("position", ascending=False, kind="stable", ignore_index=True)


# -- people on items that are known -----------------------------------------------------------------------------------
def ability(
    answers: Numbers | pd.DataFrame,
    difficulty: Numbers,
    discrimination: Numbers = 1.0,
    guessing: Numbers = 0.0,
    *,
    prior_mean: float = 0.0,
    prior_sd: float = 1.0,
    method: str = "map",
) -> tuple[float, float] | tuple[np.ndarray, np.ndarray]:
    """Ability and its error of one person, answers (items,), or of many, (people, items); NaN: not asked.

    "map": the posterior's mode, and 1 / sqrt(expected information there + 1 / prior_sd^2). "eap": its mean and standard
    deviation. Both are finite for all right and all wrong.
    """
    _one_of("method", method, ("eap", "map"))
    if not prior_sd > 0:
        raise ValueError(f"prior_sd={prior_sd:g}: abilities differ by more than 0; the standard scale has 1")
    x, shape = _binary(answers), np.shape(difficulty)
    if len(shape) != 1 or x.ndim not in (1, 2) or x.shape[-1:] != shape:
        raise ValueError(f"answers {x.shape} to difficulties {shape}: give (items,) or (people, items), and (items,)")
    a, b, c = (np.broadcast_to(np.asarray(v, float), shape) for v in (discrimination, difficulty, guessing))
    for name, value in (("difficulty", b), ("discrimination", a), ("guessing", c)):
        bad = np.flatnonzero(~np.isfinite(value))
        if len(bad):
            raise ValueError(f"{name} of item {bad[0]} is {value[bad[0]]}; it must be finite: leave the item out")
    z, error = _abilities(np.atleast_2d(x), a * (prior_mean - b), a * prior_sd, c, method)
    found, error = prior_mean + prior_sd * z, prior_sd * error
    return (found, error) if x.ndim == 2 else (float(found[0]), float(error[0]))


def _abilities(
    x: np.ndarray, d: np.ndarray, a: np.ndarray, c: np.ndarray, method: str
) -> tuple[np.ndarray, np.ndarray]:
    """On the standard scale: the posterior on a grid; for its mode also Fisher's scoring from the best node."""
    asked = ~np.isnan(x)
    answers = Answers(np.where(asked, x, 0.0), None if asked.all() else asked.astype(float), np.ones(len(x)))
    z, log_share = grid(enough(NODES, d, a, c))
    p, _ = posterior(answers, curves(a[:, None] * z + d[:, None], c[:, None]), log_share)
    if method == "eap":
        found = p @ z
        return found, np.sqrt(np.maximum(p @ z**2 - found**2, 0.0))
    found, far = z[p.argmax(1)], z[1] - z[0]
    for _ in range(50):
        here = curves(found[:, None] * a + d, c)
        information = (asked * here.information) @ a**2 + 1
        move = ((answers.right / here.p - asked) * here.s @ a - found) / information
        found = found + np.clip(move, -far, far)
        if np.abs(move).max(initial=0.0) < 1e-9:
            break
    return found, information**-0.5


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
    """Fit `responses` (people, items): 1 right, 0 wrong, NaN not asked. Several tries of one person: one line a try.

    scale: "rasch" or "standard" (above); None is "rasch" for 1pl, "standard" for the others. negative: whether a
    discrimination may be (else all are at least 0.05). guessing_prior: of a Beta, for 3pl; (1, 1) is flat.
    method: "eap" or "map", of people's abilities. nodes: at least so many; long tests take more.
    """
    _one_of("model", model, MODELS)
    _one_of("method", method, ("eap", "map"))
    scale = scale or ("rasch" if model == "1pl" else "standard")
    _one_of(f"model={model!r}, scale", scale, ("rasch", "standard") if model == "1pl" else ("standard",))
    if not (len(guessing_prior) == 2 and min(guessing_prior) >= 1):
        raise ValueError(f"guessing_prior={guessing_prior}: both of its numbers are at least 1; (1, 1) is flat")
    if not nodes >= 11:
        raise ValueError(f"nodes={nodes}: a grid over 12 standard deviations has at least 11; {NODES} is the default")
    x, people, items = _checked(responses, model)
    varied = (np.nanmin(x, axis=0) == 0) & (np.nanmax(x, axis=0) == 1)
    found, common = search(x[:, varied], model, negative=negative, prior=guessing_prior, nodes=nodes)
    if not found.converged:
        warnings.warn(
            f"{model} was still improving after {found.steps} steps of EM; its errors are not to be trusted "
            "(few people for so many parameters? 1pl needs the fewest)",
            stacklevel=2,
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
def _one_of(name: str, value: object, known: Sequence[str]) -> None:
    if value not in known:
        raise ValueError(f"{name}={value!r}: give {' or '.join(map(repr, known))}")


def _binary(responses: object) -> np.ndarray:
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


def _checked(responses: pd.DataFrame | np.ndarray, model: str) -> tuple[np.ndarray, pd.Index, pd.Index]:
    """Responses as numbers (people, items), the people and the items; what cannot be fitted is refused."""
    if np.ndim(responses) != 2:
        raise ValueError(f"responses of shape {np.shape(responses)}: give a table, people x items")
    x, table = _binary(responses), pd.DataFrame(responses)
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
