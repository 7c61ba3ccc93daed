"""Marginal maximum likelihood of item curves: ability is averaged out on a grid, by EM (Bock & Aitkin 1981).

Inside, ability z is standard normal and an item is a column of `at`, (k, items): intercept d, slope a and, for 3PL, the
logit of guessing c; P = c + (1 - c) S with S = 1 / (1 + exp(-(a z + d))). Where item j is asked, the derivative of the
log-likelihood by its parameters is right * u - v, with u = (S, z S, c) / P and v = (S, z S, c): one form for all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

NODES, REACH = 61, 6.0  # over so many standard deviations to either side: mirt's for one dimension
SHARPEST = 1.3  # nodes at most so many posterior sd apart: sums are then exact to 2e-5, by Poisson's summation formula
STEEPEST = 10.0  # |slope|: a curve from 0.12 to 0.88 within two steps of the grid, which can show no steeper one
FLATTEST = 0.05  # slope of 1PL, or where none may be negative: a curve from 0.43 to 0.57 over the whole grid
GUESSING = (1e-3, 0.999)
START = 0.1  # of guessing; 0.02 and 0.2 led to the same maximum
CONVERGED = 1e-6  # nats that one more M-step promises
CYCLES = 1000  # of SQUAREM, three EM steps each at most
MANY = 400  # items; with more, an item's errors are those with the other items known


class Answers(NamedTuple):
    """Equal lines of answers once: right and asked (lines, items), None where all were asked; how many, (lines,)."""

    right: np.ndarray
    asked: np.ndarray | None
    count: np.ndarray


class Curves(NamedTuple):
    """S, P, 1 - P and the logs of the last two; arrays of one shape. Small values keep their digits."""

    s: np.ndarray
    p: np.ndarray
    q: np.ndarray
    log_right: np.ndarray
    log_wrong: np.ndarray

    @property
    def information(self) -> np.ndarray:
        """Fisher's, about ability, of an item with slope 1."""
        return self.q * self.s**2 / self.p


@dataclass(frozen=True, eq=False)
class Problem:
    model: str  # "1pl", "2pl", "3pl"
    answers: Answers
    negative: bool  # slopes may be
    prior: tuple[float, float]  # of guessing, Beta

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the rows of `at`, (3, 1) each."""
        flattest = -STEEPEST if self.negative and self.model != "1pl" else FLATTEST
        low, high = np.array([[-np.inf, np.inf], [flattest, STEEPEST], logit(np.array(GUESSING))]).T[:, :, None]
        return low, high


@dataclass(frozen=True, eq=False)
class Found:
    problem: Problem
    at: np.ndarray  # (k, items)
    nodes: int
    steps: int
    converged: bool

    @property
    def held(self) -> np.ndarray:
        """Which parameters stand at a bound, (k, items)."""
        low, high = (side[: len(self.at)] for side in self.problem.bounds)
        return (self.at <= low) | (self.at >= high)

    def posterior(self, answers: Answers | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Of the lines of answers that were fitted, or of others to the same items."""
        z, log_share = grid(self.nodes)
        return posterior(answers or self.problem.answers, item_curves(self.at, z), log_share)


def logit(p: np.ndarray | float) -> np.ndarray:
    return np.log(p) - np.log1p(-p)


def curves(eta: np.ndarray, c: np.ndarray | float) -> Curves:
    """At logits `eta`, with guessing `c` that broadcasts to them."""
    eta = np.clip(eta, -500.0, 500.0)  # exp stays above 0
    e = np.exp(-np.abs(eta))
    s, not_s = np.where(eta < 0, e, 1.0) / (1 + e), np.where(eta < 0, 1.0, e) / (1 + e)
    log_not = -np.maximum(eta, 0.0) - np.log(1 + e)
    if not np.any(c):
        return Curves(s, s, not_s, eta + log_not, log_not)
    p, log_wrong = c + (1 - c) * s, np.log1p(-c) + log_not
    return Curves(s, p, (1 - c) * not_s, np.where(np.asarray(c) > 0, np.log(p), eta + log_not), log_wrong)


def item_curves(at: np.ndarray, z: np.ndarray) -> Curves:
    """Of items `at` (k, items) at abilities z (nodes,): (items, nodes)."""
    return curves(at[1][:, None] * z + at[0][:, None], asymptote(at)[:, None])


def asymptote(at: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-at[2])) if len(at) == 3 else np.zeros(at.shape[1])


def grid(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Abilities and the logs of their shares, (nodes,)."""
    z = np.linspace(-REACH, REACH, nodes)
    weight = np.exp(-(z**2) / 2)
    return z, np.log(weight / weight.sum())


def enough(nodes: int, d: np.ndarray, a: np.ndarray, c: np.ndarray) -> int:
    """`nodes`, or as many as the sharpest posterior needs: all items asked, within three sd of the mean."""
    z = np.linspace(-3, 3, 31)
    information = (a**2)[:, None] * curves(a[:, None] * z + d[:, None], c[:, None]).information
    sharpest = (1 + information.sum(0).max(initial=0.0)) ** -0.5
    return max(nodes, int(np.ceil(2 * REACH / (SHARPEST * sharpest))) + 1)


def posterior(answers: Answers, here: Curves, log_share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of ability, given each line of answers, (lines, nodes), and each line's log-likelihood, (lines,)."""
    wrong = here.log_wrong.sum(0) if answers.asked is None else answers.asked @ here.log_wrong
    joint = answers.right @ (here.log_right - here.log_wrong) + wrong + log_share
    top = joint.max(axis=1, keepdims=True)
    p = np.exp(joint - top)
    total = p.sum(axis=1, keepdims=True)
    return p / total, (top + np.log(total))[:, 0]


def counts(answers: Answers, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Expected right answers and answers of every item at every node, (items, nodes); the second may be (1, nodes)."""
    weighted = p * answers.count[:, None]
    n = weighted.sum(0)[None] if answers.asked is None else answers.asked.T @ weighted
    return answers.right.T @ weighted, n


def group(x: np.ndarray, model: str) -> Answers:
    """Answers (people, items) with lines put together that the model cannot tell apart.

    These are equal lines; of the 1PL, whose likelihood knows a line's answers only by their sum, lines with equal sums
    over the same items: their mean stands for them.
    """
    asked = ~np.isnan(x)
    right = np.where(asked, x, 0.0)
    told = right.sum(1, keepdims=True) if model == "1pl" else np.packbits(right.astype(bool), axis=1)
    key = told if asked.all() else np.hstack([told, np.packbits(asked, axis=1)])
    _, first, line, count = np.unique(key, axis=0, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(line.ravel(), kind="stable")
    sums = np.add.reduceat(right[order], np.concatenate([[0], np.cumsum(count)[:-1]]), axis=0)
    return Answers(sums / count[:, None], None if asked.all() else asked[first].astype(float), count.astype(float))


# -- the M-step: a weighted logistic regression of every item, all at once ---------------------------------------------
def derivatives(at: np.ndarray, z: np.ndarray, here: Curves) -> tuple[np.ndarray, np.ndarray]:
    """u and v (k, items, nodes) of the top."""
    v = [here.s, z * here.s]
    if len(at) == 3:
        v.append(np.broadcast_to(asymptote(at)[:, None], here.s.shape))
    v = np.stack(v)
    return v / here.p, v


def maximise_items(
    problem: Problem, at: np.ndarray, z: np.ndarray, here: Curves, right: np.ndarray, n: np.ndarray
) -> tuple[np.ndarray, float]:
    """One step of Fisher's scoring, halved until it is uphill, and the nats it promised. `here`: the curves `at`.

    A second step would save no EM steps.
    """
    low, high = (side[: len(at)] for side in problem.bounds)
    u, v = derivatives(at, z, here)
    slope = (right * u - n * v).sum(-1)
    if problem.model == "3pl":
        alpha, beta = problem.prior
        slope[2] += (alpha - 1) - (alpha + beta - 2) * asymptote(at)
    push = slope if problem.model != "1pl" else np.stack([slope[0], np.full(len(slope[1]), slope[1].sum())])
    held = ((at <= low) & (push < 0)) | ((at >= high) & (push > 0))
    move = _scoring(problem, at, here, u, n, slope, held)
    move /= np.maximum(1.0, np.abs(move).max(axis=0 if problem.model != "1pl" else None) / 2)  # still uphill
    promised, value = float((slope * move).sum()), _expected(problem, at, here, right, n)
    for _ in range(12):
        new = np.clip(at + move, low, high)
        worse = _expected(problem, new, item_curves(new, z), right, n) < value - 1e-13 * np.abs(value)
        if not worse.any():
            break
        move = np.where(worse, move / 2, move)
    return new, promised


def _expected(problem: Problem, at: np.ndarray, here: Curves, right: np.ndarray, n: np.ndarray) -> np.ndarray:
    """What the M-step raises: expected log-likelihood of each item, (items,), of the 1PL of all together, (1,)."""
    value = (right * (here.log_right - here.log_wrong) + n * here.log_wrong).sum(-1) + penalty(problem, at)
    return value.sum(keepdims=True) if problem.model == "1pl" else value


def penalty(problem: Problem, at: np.ndarray) -> np.ndarray:
    """Log of the prior on guessing, up to a constant, (items,)."""
    if problem.model != "3pl":
        return np.zeros(at.shape[1])
    (alpha, beta), c = problem.prior, asymptote(at)
    return (alpha - 1) * np.log(c) + (beta - 1) * np.log1p(-c)


def _scoring(
    problem: Problem, at: np.ndarray, here: Curves, u: np.ndarray, n: np.ndarray, slope: np.ndarray, held: np.ndarray
) -> np.ndarray:
    """Inverse expected information times slope, (k, items), with held parameters left where they are."""
    k, weight = len(at), n * here.p * here.q
    fisher = np.empty((at.shape[1], k, k))
    for i in range(k):
        for j in range(i, k):
            fisher[:, i, j] = fisher[:, j, i] = (weight * u[i] * u[j]).sum(-1)
    fisher[:, range(k), range(k)] += 1e-9
    if problem.model == "1pl":
        w0, w1, w2 = fisher[:, 0, 0], fisher[:, 0, 1], fisher[:, 1, 1]
        a = 0.0 if held[1].all() else (slope[1] - w1 * slope[0] / w0).sum() / (w2 - w1**2 / w0).sum()
        return np.stack([(slope[0] - w1 * a) / w0, np.full(len(w0), a)])
    if k == 3:
        c = asymptote(at)
        fisher[:, 2, 2] += (sum(problem.prior) - 2) * c * (1 - c)
    free = (~held).T.astype(float)
    fisher = fisher * free[:, :, None] * free[:, None, :] + np.eye(k) * (1 - free)[:, :, None]
    return np.linalg.solve(fisher, (slope.T * free)[:, :, None])[:, :, 0].T


# -- EM, and where it starts ------------------------------------------------------------------------------------------
def search(x: np.ndarray, model: str, *, negative: bool, prior: tuple[float, float], nodes: int) -> tuple[Found, float]:
    """The model's maximum for answers x (people, items), and the slope that the 1PL, its start, gives all items."""
    share = np.nanmean(x, axis=0)
    problem = Problem("1pl", group(x, "1pl"), negative, prior)
    found = maximise(problem, np.stack([logit(share), np.ones(len(share))]), nodes)
    common = float(found.at[1, 0])
    if model != "1pl":
        problem = Problem("2pl", group(x, "2pl"), negative, prior)
        found = maximise(problem, found.at, found.nodes)
    if model == "3pl":  # from the 2PL's: from the 1PL's, EM stops at worse maxima where slopes differ in sign
        start = np.vstack([found.at, np.full(len(share), logit(START))])
        found = maximise(replace(problem, model="3pl"), start, found.nodes)
    return (replace(found, at=_mirrored(found.at)) if _rise(found) < 0 else found), common


def _mirrored(at: np.ndarray) -> np.ndarray:
    """The same likelihood with ability turned round."""
    return at * np.array([1.0, -1.0, 1.0])[: len(at), None]


def _rise(found: Found) -> float:
    """How many more answers are right per standard deviation of ability, averaged over people."""
    z, log_share = grid(found.nodes)
    here = item_curves(found.at, z)
    return float(found.at[1] @ (here.s * here.q) @ np.exp(log_share))


def maximise(problem: Problem, at: np.ndarray, nodes: int) -> Found:
    """From `at` to the maximum, with as many nodes as the items found there need."""
    steps = 0
    while True:
        found = _climb(problem, at, nodes)
        at, steps = found.at, steps + found.steps
        needed = enough(nodes, at[0], at[1], asymptote(at))
        if needed == nodes:
            return replace(found, steps=steps)
        nodes = int(1.1 * needed)


def _climb(problem: Problem, at: np.ndarray, nodes: int) -> Found:
    """EM steps, every two of them continued by SQUAREM (Varadhan & Roland 2008, scheme 3) where that is uphill."""
    z, log_share = grid(nodes)
    low, high = (side[: len(at)] for side in problem.bounds)
    steps = 0

    def step(at: np.ndarray) -> tuple[np.ndarray, float, float]:
        nonlocal steps
        steps += 1
        here = item_curves(at, z)
        p, log_likelihood = posterior(problem.answers, here, log_share)
        new, promised = maximise_items(problem, at, z, here, *counts(problem.answers, p))
        return new, float(problem.answers.count @ log_likelihood + penalty(problem, at).sum()), promised

    for _ in range(CYCLES):
        one, _, promised = step(at)
        if promised < CONVERGED:
            return Found(problem, one, nodes, steps, True)
        two, value, promised = step(one)
        if promised < CONVERGED:
            return Found(problem, two, nodes, steps, True)
        first, second = one - at, (two - one) - (one - at)
        far = max(1.0, np.linalg.norm(first) / max(np.linalg.norm(second), 1e-300))
        leap = np.clip(at + 2 * far * first + far**2 * second, low, high)
        after, reached, _ = step(leap) if far > 1 else (two, value, 0.0)
        at = after if reached >= value else two
    return Found(problem, at, nodes, steps, False)


# -- errors -----------------------------------------------------------------------------------------------------------
def covariance(found: Found) -> tuple[np.ndarray, str]:
    """Of every item's parameters, (items, k, k), by the observed information, 0 for what is held; and `Fit.errors`."""
    problem, (k, items), free = found.problem, found.at.shape, ~found.held
    if items > MANY:
        z, (p, _) = grid(found.nodes)[0], found.posterior()
        blocks = information_by_item(problem, found.at, z, p)
        if problem.model == "1pl":
            free[1] = False  # one slope for all: known well from so many items
        keep = free.T[:, :, None] & free.T[:, None, :]
        return np.linalg.pinv(np.where(keep, blocks, 0.0), hermitian=True), "item by item"
    inverse = _inverse_root(found)
    if inverse is None:
        return np.full((items, k, k), np.nan), "none"
    rows = inverse.reshape(k, items, -1)
    return np.einsum("ajp,bjp->jab", rows, rows), "all items"


def covariance_of_intercepts(found: Found) -> np.ndarray:
    """Of all items' intercepts with each other, (items, items), by the observed information; NaN without an inverse."""
    items, inverse = found.at.shape[1], _inverse_root(found)
    return np.full((items, items), np.nan) if inverse is None else inverse[:items] @ inverse[:items].T


def _inverse_root(found: Found) -> np.ndarray | None:
    """Of all parameters, (k items, what is estimated): products of its rows are the covariances."""
    problem, (k, items), free = found.problem, found.at.shape, ~found.held
    z, (p, _) = grid(found.nodes)[0], found.posterior()
    spread = np.eye(k * items)[:, free.ravel()]  # what is estimated -> all of `at`
    if problem.model == "1pl":
        shared = np.r_[np.zeros(items), np.ones(items)][:, None]
        spread = np.hstack([np.eye(2 * items)[:, :items], shared[:, : int(free[1].all())]])
    full = information(problem, found.at, z, p).reshape(k * items, k * items)
    try:
        root = np.linalg.cholesky(spread.T @ full @ spread)
    except np.linalg.LinAlgError:
        return None
    return spread @ np.linalg.inv(root).T


def information(problem: Problem, at: np.ndarray, z: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Observed information (k, items, k, items) by Louis's identity (1982): complete minus missing.

    What is missing is the posterior covariance of the people's derivatives. Its second moments need, of every node, the
    posterior weight of those who got two items right, and of those who were asked both.
    """
    (right, asked, count), (k, items) = problem.answers, at.shape
    u, v = derivatives(at, z, item_curves(at, z))
    weighted = p * count[:, None]
    missing, crossed = np.zeros((2, k, items, k, items))
    for q in range(len(z)):
        w, uq, vq = weighted[:, q, None], u[:, :, q], v[:, :, q]
        missing += np.multiply.outer(uq, uq) * ((right * w).T @ right)[None, :, None, :]
        if asked is not None:
            missing += np.multiply.outer(vq, vq) * ((asked * w).T @ asked)[None, :, None, :]
            crossed += np.multiply.outer(uq, vq) * ((right * w).T @ asked)[None, :, None, :]
    if asked is None:  # the same sums, without a node's own table of items by items
        flat, at_node = v.reshape(k * items, -1), right.T @ weighted
        missing += ((flat * weighted.sum(0)) @ flat.T).reshape(missing.shape)
        crossed += ((u * at_node).reshape(flat.shape) @ flat.T).reshape(missing.shape)
    missing -= crossed + crossed.transpose(2, 3, 0, 1)
    mean = np.sqrt(count)[:, None] * _mean_derivatives(problem.answers, u, v, p)
    full = (mean.T @ mean).reshape(k, items, k, items) - missing
    each = np.arange(items)
    full[:, each, :, each] += _complete(problem, at, z, p)
    return full


def information_by_item(problem: Problem, at: np.ndarray, z: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Its blocks of single items, (items, k, k)."""
    u, v = derivatives(at, z, item_curves(at, z))
    right, n = counts(problem.answers, p)
    squared = (problem.answers.right**2).T @ (p * problem.answers.count[:, None])  # lines of a 1PL are means
    crossed = np.einsum("jq,ajq,bjq->jab", right, u, v)
    second = np.einsum("jq,ajq,bjq->jab", squared, u, u) - crossed - crossed.transpose(0, 2, 1)
    second += np.einsum("jq,ajq,bjq->jab", np.broadcast_to(n, right.shape), v, v)
    mean = _mean_derivatives(problem.answers, u, v, p).reshape(len(p), len(at), -1)
    return _complete(problem, at, z, p) - second + np.einsum("i,iaj,ibj->jab", problem.answers.count, mean, mean)


def _mean_derivatives(answers: Answers, u: np.ndarray, v: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Posterior means of the derivatives of each line of answers, (lines, k items)."""
    asked = 1.0 if answers.asked is None else answers.asked
    return np.hstack([answers.right * (p @ uk.T) - asked * (p @ vk.T) for uk, vk in zip(u, v, strict=True)])


def _complete(problem: Problem, at: np.ndarray, z: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Minus the second derivatives that known abilities would leave, (items, k, k), the prior's included."""
    here, (right, n) = item_curves(at, z), counts(problem.answers, p)
    c = asymptote(at)[:, None]
    bend = n * here.s * (1 - here.s)
    if len(at) == 3:
        bend = bend - right * c * here.s * (1 - here.s) / here.p**2
    out = np.empty((at.shape[1], len(at), len(at)))
    for i in range(2):
        for j in range(2):
            out[:, i, j] = bend @ z ** (i + j)
    if len(at) == 3:
        lift = right * c * (1 - c) * here.s * (1 - here.s) / here.p**2
        out[:, 0, 2] = out[:, 2, 0] = lift.sum(1)
        out[:, 1, 2] = out[:, 2, 1] = lift @ z
        out[:, 2, 2] = (c * (1 - c) * (n - right * here.s / here.p**2)).sum(1)
        out[:, 2, 2] += (sum(problem.prior) - 2) * (c * (1 - c))[:, 0]
    return out
