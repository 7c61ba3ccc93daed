"""Prompt tournament: prompts are compared in pairs by a judge and rated by Glicko-2; nothing is trained.

Title    LLM Prompt Evaluation for Educational Applications
Year     2026
Number   37
Trains   no
Paper    2026, "LLM Prompt Evaluation for Educational Applications", arXiv 2601.16134; no released code found
Kept     six prompts, answered for the same contexts; blinded pairs; Glicko-2 (Glickman 2013): ratings with their
         deviations; a matrix of wins
Changed  the judge is a role of the bench (there, eight people) and says which answer is better as a whole (there,
         format, support of the dialogue, appropriateness). It is asked in both orders, and names the same place twice
         where it cannot tell the answers apart: then nobody wins, and `flips` says how often. Without a judge the
         right answer wins. Whether the paper rates period by period is unknown; 20 periods, in random order of the
         games, since in one period the ratings are surer than they ought to be. The prompts are ours
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.environments.teachers import Judge
from curriculab.environments.turns import ask
from curriculab.methods.check import Check, CheckBench
from curriculab.protocol import Run, Sample, Script
from curriculab.registry.knobs import Knob, check_bounds

PROMPTS = {  # ours: instructions to the writer, around the question
    "plain": "{prompt}",
    "steps": "{prompt}\nThink step by step.",
    "teacher": "You are a patient teacher.\n{prompt}",
    "brief": "{prompt}\nAnswer in as few words as you can.",
    "check": "{prompt}\nCheck your answer before you give it.",
    "example": "Think of a simpler example first.\n{prompt}",
}
JUDGED = "Question: {prompt}\nAnswer 1: {first}\nAnswer 2: {second}\nWhich answer is better? Say 1 or 2."  # ours
WRITERS = {"verdict": Judge(accuracy=0.8)}  # what the simulated student says as a judge
SCALE = 173.7178  # rating points of one logit; Glickman 2013, step 2
MEAN, DEVIATION, VOLATILITY = 1500.0, 350.0, 0.06  # of who has not played; Glickman 2013, step 1
TAU = 0.5  # how far volatility moves; Glickman 2013: between 0.3 and 1.2
NEAR = 1e-6  # of the iteration of step 5


def prompt_tournament(
    pool: pd.DataFrame,
    run: Run,
    *,
    prompts: Annotated[
        Mapping[str, str] | None, Knob(help="texts with {prompt} in them, by name; None: six of ours")
    ] = None,
    writer: Annotated[str, Knob(help="role that answers the prompts")] = "learner",
    judge: Annotated[str | None, Knob(help="role that compares answers; None: right answers win")] = None,
    contexts: Annotated[int, Knob(10, 120, "rows that the prompts are tried on", step=10, least=1)] = 40,  # paper: 120
    periods: Annotated[int, Knob(1, 40, "rating periods that the games are dealt to", step=1, least=1)] = 20,  # ours
) -> Generator:
    """Returns `rating` = MEAN + SCALE mu and `deviation` = SCALE phi of each of the `prompts`, with 95% limits.

    mu <- mu + phi^2 sum g (s - E), 1/phi^2 <- 1/(phi^2 + sigma^2) + sum g^2 E (1 - E); beside them `moved`, by how
    much another order of the games moves a rating; `wins`, the mean score, also against each other prompt; `flips` and
    `first`: how often the judge named one place in both orders, and the first place at all.
    """
    check_bounds(prompt_tournament, locals())
    prompts = _checked(PROMPTS if prompts is None else prompts)
    rows = pool.take(run.rng.permutation(len(pool))[:contexts])
    asked = [Sample(_worded(rows, text), role=writer, temperature=0.0) for text in prompts.values()]
    said = dict(zip(prompts, (yield asked), strict=True))
    games = _pairs(rows, said, run.rng)
    if judge is None:
        games["score"] = (1.0 + games["right_a"] - games["right_b"]) / 2
    else:
        one, other = yield [Sample(_seen(games, order), role=judge, purpose="verdict") for order in ("ab", "ba")]
        games = games.assign(**scored(verdicts(one["text"]), verdicts(other["text"])))
    dealt = [games.iloc[run.rng.permutation(len(games))] for _ in range(2)]
    ratings, again = (glicko(order, list(prompts), periods=periods) for order in dealt)
    return table(games, ratings.assign(moved=(again["rating"] - ratings["rating"]).abs()))


def _checked(prompts: Mapping[str, str]) -> Mapping[str, str]:
    """The prompts, two of them at least, each of which shows the question."""
    if len(prompts) < 2:
        raise ValueError(f"prompts={dict(prompts)!r}: a tournament needs two at least")
    for name, text in prompts.items():
        if "{prompt}" not in text:
            raise ValueError(f"the prompt {name!r} ({text!r:.60}) has no {{prompt}}, where the question is to stand")
    return prompts


def _worded(rows: pd.DataFrame, text: str) -> pd.DataFrame:
    return rows.assign(prompt=[text.replace("{prompt}", prompt) for prompt in rows["prompt"]])


# -- games ------------------------------------------------------------------------------------------------------------
def _pairs(rows: pd.DataFrame, said: Mapping[str, pd.DataFrame], rng: np.random.Generator) -> pd.DataFrame:
    """One line a pair of prompts and row: names a and b, their texts, whether each is right."""
    parts = []
    for a, b in combinations(said, 2):
        texts = {"text_a": said[a]["text"].tolist(), "text_b": said[b]["text"].tolist()}
        right = {"right_a": said[a]["correct"].to_numpy(float), "right_b": said[b]["correct"].to_numpy(float)}
        parts.append(rows.assign(a=a, b=b, **texts, **right))
    return pd.concat(parts).assign(coin=rng.random(len(parts) * len(rows)) < 0.5)


def _seen(games: pd.DataFrame, order: str) -> pd.DataFrame:
    """What the judge is asked: two texts without their names; `better` (1 or 2) for judges whose skill is planted."""
    first, second = (games[f"text_{name}"].tolist() for name in order)
    ahead = (games["right_a"] - games["right_b"]).to_numpy()
    better_a = np.where(ahead == 0, games["coin"], ahead > 0)  # of two equally right ones any
    better = np.where(better_a, 1, 2) if order == "ab" else np.where(better_a, 2, 1)
    texts = zip(games["prompt"], first, second, strict=True)
    asked = [JUDGED.format(prompt=prompt, first=one, second=two) for prompt, one, two in texts]
    bare = games[[c for c in games if c in ("prompt", "topic", "level")]]
    return ask(bare, asked, first=first, second=second, better=better)


def verdicts(texts: Sequence[str]) -> np.ndarray:
    """Which place each verdict names: the first 1 or 2 in it, NaN without, (verdicts,)."""
    found = [re.search(r"(?<!\d)[12](?!\d)", text) for text in texts]
    return np.array([float(one.group()) if one else np.nan for one in found])


def scored(one: np.ndarray, other: np.ndarray) -> dict[str, np.ndarray]:
    """Score of a (1, 1/2 or 0) from the verdicts with a first and with b first; the same place? the first?"""
    score = (np.where(np.isnan(one), 0.5, one == 1) + np.where(np.isnan(other), 0.5, other == 2)) / 2
    return {"score": score, "flip": one == other, "first": ((one == 1).astype(float) + (other == 1)) / 2}


def table(games: pd.DataFrame, ratings: pd.DataFrame) -> pd.DataFrame:
    """The ratings with 95% limits, and what each prompt scored, on the whole and against each other one."""
    names = ratings.index
    turned = games.assign(a=games["b"], b=games["a"], score=1 - games["score"])
    won = pd.concat([games, turned]).groupby(["a", "b"])["score"].mean().unstack().reindex(index=names, columns=names)
    reach = 1.96 * ratings["deviation"]
    found = ratings.assign(low=ratings["rating"] - reach, high=ratings["rating"] + reach, wins=won.mean(axis=1))
    found = found.join(won.add_prefix("wins against "))
    if "flip" in games:
        found = found.assign(flips=float(games["flip"].mean()), first=float(games["first"].mean()))
    return found.rename_axis("prompt").reset_index()


# -- Glicko-2 ---------------------------------------------------------------------------------------------------------
def glicko(games: pd.DataFrame, names: Sequence[str], *, periods: int = 1) -> pd.DataFrame:
    """Rating, deviation and volatility after games (a, b, score of a), dealt to periods in their order, by name."""
    place = pd.Index(names)
    a, b = place.get_indexer(games["a"]), place.get_indexer(games["b"])
    score = games["score"].to_numpy(float)
    mu, phi, sigma = (np.full(len(names), value) for value in (0.0, DEVIATION / SCALE, VOLATILITY))
    for part in np.array_split(np.arange(len(games)), periods):
        me, foe = np.r_[a[part], b[part]], np.r_[b[part], a[part]]
        mu, phi, sigma = rated(mu, phi, sigma, me, foe, np.r_[score[part], 1 - score[part]])
    return pd.DataFrame({"rating": MEAN + SCALE * mu, "deviation": SCALE * phi, "volatility": sigma}, index=names)


def rated(
    mu: np.ndarray, phi: np.ndarray, sigma: np.ndarray, me: np.ndarray, foe: np.ndarray, score: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One period: mu, phi and sigma (players,) after games (games,) of player `me` against `foe`."""
    g = 1 / np.sqrt(1 + 3 * phi[foe] ** 2 / np.pi**2)
    E = 1 / (1 + np.exp(-g * (mu[me] - mu[foe])))
    known = np.bincount(me, g**2 * E * (1 - E), len(mu))  # 1 / v
    push = np.bincount(me, g * (score - E), len(mu))
    played = np.flatnonzero(known > 0)
    sigma = sigma.copy()
    for k in played.tolist():
        sigma[k] = volatility(sigma[k], phi[k], 1 / known[k], push[k] / known[k])
    phi = 1 / np.sqrt(1 / (phi**2 + sigma**2) + known)
    return mu + phi**2 * push, phi, sigma


def volatility(sigma: float, phi: float, v: float, delta: float) -> float:
    """The root of step 5 by the Illinois rule."""

    def f(x: float) -> float:
        whole = phi**2 + v + np.exp(x)
        return np.exp(x) * (delta**2 - whole) / (2 * whole**2) - (x - start) / TAU**2

    start = low = float(np.log(sigma**2))
    high = float(np.log(delta**2 - phi**2 - v)) if delta**2 > phi**2 + v else start - TAU
    while delta**2 <= phi**2 + v and f(high) < 0:
        high -= TAU
    at_low, at_high = f(low), f(high)
    while abs(high - low) > NEAR:
        new = low + (low - high) * at_low / (at_high - at_low)
        at_new = f(new)
        if at_new * at_high <= 0:
            low, at_low = high, at_high
        else:
            at_low /= 2
        high, at_high = new, at_new
    return float(np.exp(low / 2))


# -- the check --------------------------------------------------------------------------------------------------------
# The claim on the order of games was part of the main one at first and refuted it; now it stands apart, its limit kept.
STRENGTHS = (0.25, -1.25, 1.25, -0.25, 0.75, -0.75)  # logits of the prompts "p0" to "p5"; the first is no better
NAMES = tuple(f"p{k}" for k in range(len(STRENGTHS)))
TRUE = MEAN + SCALE * np.array(STRENGTHS)  # their mean is 0, where Glicko-2 begins
BIAS = 0.2  # share of verdicts that name the first answer, whatever it is


def check(bench: CheckBench) -> Check:
    """Planted strengths come back as ratings, with limits that hold, and the planted bias of a judge is found."""
    fair = [found for _ in range(4) for found in _tournament(bench, 0.0)]
    biased, once = _tournament(bench, BIAS), _tournament(bench, 0.0, periods=1)
    rank = float(np.mean([found["rating"].rank().corr(pd.Series(STRENGTHS).rank()) for found in biased]))
    covered = float(np.mean([_covered(found) for found in fair]))
    covered_once = float(np.mean([_covered(found) for found in once]))
    flips = float(np.mean([found["flips"].iloc[0] for found in biased]))
    bias = float(np.mean([2 * found["first"].iloc[0] - 1 for found in biased]))
    moved = max(float((found["moved"] / found["deviation"]).max()) for found in fair)
    return Check(
        claim="ratings rank the prompts as their planted strengths do, 95% limits hold these, and flips and the bias "
        "for the first answer come out as planted",
        refuted_by="a rank correlation below 0.9 with a judge of bias 0.2, or a coverage outside [0.9, 1] with a fair "
        f"one (72 ratings; near nominal), or a share of flips further than 0.05 from {_flips(BIAS):.3f}, or a bias "
        "further than 0.05 from 0.2 (1,800 games: two standard errors and more)",
        measured={
            "rank": rank,
            "coverage": covered,
            "coverage_one_period": covered_once,
            "flips": flips,
            "bias": bias,
        },
        held=rank >= 0.9 and 0.9 <= covered <= 1 and abs(flips - _flips(BIAS)) <= 0.05 and abs(bias - BIAS) <= 0.05,
        seeds=bench.seeds,
        also=(
            Check(
                claim="the order in which the games are dealt to 20 periods moves no rating by more than its deviation",
                refuted_by="one of 72 ratings that another order of the same games moves by more",
                measured={"moved": moved},
                held=moved <= 1,
                seeds=bench.seeds,
            ),
        ),
    )


def _tournament(bench: CheckBench, bias: float, **knobs: object) -> list[pd.DataFrame]:
    """What a tournament of the planted prompts comes to, of each seed."""
    pool, student = bench.planted({"any": 0.5}, rows=60)
    runs = bench.reinforce(
        prompt_tournament,
        signal=("text",),
        pool=pool,
        student=student,
        reference_models={"writer": Script(_named), "judge": Script(_Strengths(bias))},
        prompts={name: f"{name} {{prompt}}" for name in NAMES},
        writer="writer",
        judge="judge",
        **knobs,
    )
    return [record.findings for record in runs.records]


def _named(rows: pd.DataFrame, rng: np.random.Generator) -> list[str]:
    """Texts that tell a judge which prompt they were written to."""
    return [prompt.split()[0] for prompt in rows["prompt"]]


@dataclass(frozen=True)
class _Strengths:
    """A judge by Bradley and Terry's model, but for a share of verdicts that name the first answer."""

    bias: float

    def __call__(self, rows: pd.DataFrame, rng: np.random.Generator) -> list[str]:
        strength = dict(zip(NAMES, STRENGTHS, strict=True))
        ahead = rows["first"].map(strength).to_numpy() - rows["second"].map(strength).to_numpy()
        first = rng.random(len(rows)) < 1 / (1 + np.exp(-ahead))
        return np.where(first | (rng.random(len(rows)) < self.bias), "1", "2").tolist()


def _flips(bias: float) -> float:
    """How often that judge names one place in both orders, over all pairs."""
    shares = []
    for one, other in combinations(STRENGTHS, 2):
        better = 1 / (1 + np.exp(other - one))
        ab, ba = bias + (1 - bias) * better, bias + (1 - bias) * (1 - better)  # of "1", in either order
        shares.append(ab * ba + (1 - ab) * (1 - ba))
    return float(np.mean(shares))


def _covered(found: pd.DataFrame) -> float:
    """Share of the planted strengths within the limits of their ratings."""
    return float(((found["low"] <= TRUE) & (found["high"] >= TRUE)).mean())
