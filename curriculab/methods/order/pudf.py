"""PUDF: difficulty and ability on one scale; the learner trains on what is not above its ability.

Title    PUDF: A Psychology-based Unified Dynamic Framework for Curriculum Learning
Authors  Meng et al.
Year     2024
Number   3
Needs    columns level
Paper    Meng et al. 2024, "A Psychology-based Unified Dynamic Framework for Curriculum Learning"
Kept     before every epoch the learner answers a probe with known difficulties; ability = mode of its posterior under
         the one-parameter model with a standard normal prior; the gate opens to the ability where that is the best so
         far, else by `bump`; an epoch trains the rows in the gate, at least `least` of the easiest, in random order
Changed  difficulties are a column: those of the paper are irt.fit(crowd).items.difficulty of curriculab.difficulty,
         from answers of other models; the probe is a part of the pool that is never trained (there, the development
         set); a step always has `run.batch` rows; balancing labels is left out
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.difficulty import irt
from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import ranked, scores
from curriculab.objectives.sft import Sft
from curriculab.protocol import Run, Sample, Score, Train
from curriculab.registry.knobs import Knob, check_bounds


def pudf(
    pool: pd.DataFrame,
    run: Run,
    *,
    by: Annotated[str, Knob(help="column of difficulty, higher is harder")] = "level",
    spread: Annotated[
        float | None, Knob(help="logits of one standard deviation of `by`; None: `by` is in logits", above=0.0)
    ] = 1.0,  # logits of one standard deviation of `by`; None: `by` is in logits, as from irt.fit
    probes: Annotated[
        int, Knob(help="rows that measure the ability, at most a fifth of the pool", least=1)
    ] = 200,  # at most a fifth of the pool; the paper's code: up to 1000
    every: Annotated[
        int | None, Knob(help="steps between two measurements; None: an epoch of the rows in use", least=1)
    ] = None,  # steps between two probes; None: an epoch of the rows in the gate, as in the paper
    bump: Annotated[
        float,
        Knob(0.0, 1.0, "by how much the gate opens after probes without progress, in logits", step=0.05, least=0.0),
    ] = 0.1,  # released code
    patience: Annotated[
        int, Knob(1, 5, "probes without a new best before the gate opens further", step=1, least=1)
    ] = 1,  # probes without a new best before a bump; released code, its text: 2
    lower: Annotated[
        float, Knob(help="how far above the ability rows begin to be trained, in logits; below 0: under it")
    ] = -np.inf,  # released code, as the next two
    upper: Annotated[
        float, Knob(-1.0, 3.0, "how far above the ability rows are still trained, in logits", step=0.1)
    ] = 0.0,  # above 0 the gate reaches beyond the ability: needed where nothing is learned by repetition
    least: Annotated[
        int, Knob(help="rows that are trained at least", least=1)
    ] = 100,  # default of the released code; its scripts: 1000
    guessing: Annotated[
        float, Knob(help="chance of a right answer by guessing", least=0.0, below=1.0)
    ] = 0.0,  # the paper's model has none; 1 / options where there are options
) -> Generator:
    """Train rows with cap + lower <= b <= cap + upper;  cap <- ability if it is the best so far, else cap + bump;
    ability = argmax log N(ability; 0, 1) + sum_i log P(answer_i | sigma(ability - b_i))."""
    check_bounds(pudf, locals())
    if not lower < upper:
        raise ValueError(f"lower={lower}, upper={upper}: the gate is closed; give a lower end below the upper")
    b = logits(scores(pool, by), spread)
    probe, rest = held_out(np.arange(len(pool)), probes, run.rng)
    order = rest[ranked(b[rest], run.rng)]
    cap, best, waited = -np.inf, -np.inf, 0
    while True:
        answers = yield from examine(pool.take(probe))
        ability, error = irt.ability(answers, b[probe], guessing=guessing)
        waited = 0 if ability > best else waited + 1
        cap = ability if ability > best else cap + bump * (waited % patience == 0)
        best = max(best, ability)
        low, high = gate(b[order], cap + lower, cap + upper, min(least, len(order)))
        size = min(high - low, every * run.batch if every else len(order))
        steps = every or max(1, round(size / run.batch))
        epoch = np.resize(order[low + run.rng.choice(high - low, size, replace=False)], steps * run.batch)
        note = {"ability": ability, "se": error, "cap": cap, "share": (high - low) / len(order)}
        for rows in np.split(epoch, steps):
            yield Train(pool.take(rows), note=note)


def logits(score: np.ndarray, spread: float | None) -> np.ndarray:
    return score if spread is None else spread * (score - score.mean()) / (score.std() or 1.0)


def held_out(rows: np.ndarray, probes: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Some rows to probe, at most a fifth, and the others; a row that is alone is both."""
    mixed = rng.permutation(rows)
    n = max(1, min(probes, len(rows) // 5))
    return mixed[:n], mixed[n:] if len(rows) > n else mixed


def gate(b: np.ndarray, low: float, high: float, least: int) -> tuple[int, int]:
    """Which of the sorted difficulties b lie in [low, high]; where fewer than `least` do, the first `least`."""
    first, end = int(np.searchsorted(b, low, side="left")), int(np.searchsorted(b, high, side="right"))
    return (first, end) if end - first >= least else (0, least)


def examine(rows: pd.DataFrame) -> Generator:
    """Which rows are answered right, 1 or 0, (rows,): by the likeliest option, else by one greedy answer."""
    listed = [isinstance(o, list | tuple | np.ndarray) for o in rows["options"]] if "options" in rows else [False]
    choice, right = np.broadcast_to(np.array(listed), len(rows)), np.zeros(len(rows))
    if choice.any():
        out = yield Score(rows[choice], "options", purpose="probe")
        right[choice] = (out["text"].to_numpy(object) == rows["answer"].to_numpy(object)[choice]).astype(float)
    if not choice.all():
        out = yield Sample(rows[~choice], temperature=0.0, purpose="probe")
        right[~choice] = (out["correct"].to_numpy(float) >= 0.5).astype(float)
    return right


def check(bench: CheckBench) -> Check:
    """On the chain: the paper's own gate, one that reaches a level further, and whether the gate is at the ability."""
    random = bench.accuracy(bench.random)
    own = float(np.mean(bench.accuracy(pudf, signal=("level",)) - random))
    return Check(
        claim="on a chain of prerequisites, levels one standard deviation a logit, the paper's gate ends above random "
        "order",
        refuted_by="a mean gain below 0.05 (as for easy_to_hard)",
        measured={"gain": own},
        held=own >= 0.05,
        seeds=bench.seeds,
        also=(_reaching(bench, random), _at_the_ability(bench)),
    )


def _reaching(bench: CheckBench, random: np.ndarray) -> Check:
    knobs: dict[str, object] = {"upper": 0.6, "every": 5, "least": 40, "probes": 96}  # levels are .59 deviations apart
    runs = bench.simulate(pudf, signal=("level",), **knobs)
    gain = float(np.mean(bench.final(runs) - random))
    ends = runs.metrics.groupby("seed")[["ability", "share"]].agg(["first", "last"])
    rises = float((ends["ability"]["last"] - ends["ability"]["first"]).min())
    opens = float((ends["share"]["last"] - ends["share"]["first"]).min())
    return Check(
        claim="a gate that reaches one level beyond the ability ends above random order, opening as the ability rises",
        refuted_by="a mean gain below 0.05 (as for easy_to_hard); in any seed an ability that rises by less than 0.8 "
        "logits (four standard errors of 96 answers, 0.2 with the prior), or a gate that does not open",
        measured={"gain": gain, "ability_rises": rises, "gate_opens": opens},
        held=gain >= 0.05 and rises >= 0.8 and opens > 0,
        seeds=bench.seeds,
        knobs=knobs,
    )


ABILITY = 1.0  # logits above a row that is answered right half of the time, in the check below


def _at_the_ability(bench: CheckBench) -> Check:
    """41 levels a quarter of a logit apart, most of them easy; the student's ability is known, and does not change."""
    places = np.linspace(-6.0, 4.0, 41)
    rates = {f"{i:02d}": float(1 / (1 + np.exp(b - ABILITY))) for i, b in enumerate(places)}
    pool, student = bench.planted(rates, rows=25)
    pool = pool.assign(hard=pool.logit + ABILITY)  # the ability's own scale
    how = dict(signal=("hard",), pool=pool, student=student, steps=40, batch_size=16, objective=Sft())
    seen = bench.exposure(bench.reinforce(pudf, by="hard", spread=None, **how), pool)
    cut = float(seen.groupby("seed").hard.max().mean())
    return Check(
        claim="before the first epoch a probe finds the ability, and the epoch trains the rows that are not above it",
        refuted_by=f"a hardest row of the first epoch that is on average further than 0.6 logits from the true ability "
        f"of {ABILITY} (200 answers, of which a third tell something: 0.3 in a seed, 0.17 over three, and rows stand "
        "a quarter apart; answers by the toss of a coin put the ability at -1, where half of the rows are easier)",
        measured={"hardest": cut},
        held=abs(cut - ABILITY) <= 0.6,
        seeds=bench.seeds,
        mechanism=True,
        knobs={"by": "hard", "spread": None},
    )
