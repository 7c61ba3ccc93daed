"""h1: short problems chained into long ones, the number of links raised stage by stage, only the whole rewarded.

Title    h1: Bootstrapping LLMs to Reason over Longer Horizons via RL
Authors  Motwani et al.
Year     2025
Number   5
Needs    objective grpo
Paper    Motwani et al. 2025, "h1: Bootstrapping LLMs to Reason over Longer Horizons via Reinforcement Learning"
Kept     chains of h short problems in one prompt; a reward for the whole answer only; stages of equal length with
         h = 1 ... 5, weights carried over; advantages without division by their standard deviation (Dr. GRPO)
Changed  links stand beside each other, all questions in one prompt and all answers in one line (theirs: what a link
         gives is what the next one starts from, and the last answer alone is judged). The average over tokens is that
         of the bench's objective. `horizons=(1,)`, `(5,)` and `mixed=True` are the paper's controls. No released code
         was found
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue
from curriculab.protocol import Run, Sample, Train
from curriculab.registry.knobs import Knob, check_bounds


def h1(
    pool: pd.DataFrame,
    run: Run,
    *,
    horizons: Annotated[
        tuple[int, ...], Knob(help="links of a chain in each stage; the stages take equal shares of the run")
    ] = (1, 2, 3, 4, 5),  # 200 steps each in the paper
    mixed: Annotated[
        bool, Knob(choices=(False, True), help="no stages: draw each chain's number of links from all horizons")
    ] = False,
) -> Generator:
    """h = horizons[floor(progress * stages)]; advantage = reward - mean reward of the group, reward 1 or 0 of a chain.

    Rows of the pool that are chains already (with `parts`) are not chained again, and not trained.
    """
    check_bounds(h1, locals())
    if not horizons or any(h < 1 or h != int(h) for h in horizons):
        raise ValueError(f"horizons={horizons}; give whole numbers of at least 1, such as (1, 2, 3)")
    links = single(pool)
    queue = Queue.shuffled(np.arange(len(links)), run.rng)
    while True:
        stage = min(int(run.progress * len(horizons) + 1e-9), len(horizons) - 1)
        h = np.full(run.batch, horizons[stage])
        if mixed:
            h = run.rng.choice(horizons, run.batch)
        at = np.split(queue.take(int(h.sum())), np.cumsum(h)[:-1])
        out = yield Sample(chained(links, at), run.rollouts)
        advantage = out["reward"] - out.groupby("group")["reward"].transform("mean")
        yield Train(out.assign(advantage=advantage), "grpo", note={"horizon": float(h.mean())})


def single(pool: pd.DataFrame) -> pd.DataFrame:
    """The rows that are no chains."""
    if "parts" not in pool:
        return pool
    found = pool[[not isinstance(cell, list | tuple) for cell in pool["parts"]]].drop(columns="parts")
    if not len(found):
        raise ValueError("h1 makes chains of single rows, and every row of this pool has `parts`; add their parts")
    return found


def chained(links: pd.DataFrame, at: list[np.ndarray]) -> pd.DataFrame:
    """A row for each list of positions: prompts one below the other, answers in one line, `parts` and `parents`.

    A chain of one link has the row's own id. The level of a chain is the highest of its links'.
    """
    ids, prompts, answers = links.index.to_numpy(object), *(links[c].to_numpy(object) for c in ("prompt", "answer"))
    parts = [tuple(ids[k]) for k in at]
    table = {
        "prompt": ["\n".join(map(str, prompts[k])) for k in at],
        "answer": [" ".join(map(str, answers[k])) for k in at],
        "parts": parts,
        "parents": parts,
    }
    if "topic" in links:
        table["topic"] = links["topic"].to_numpy(object)[[k[0] for k in at]]
    if "level" in links:
        level = links["level"].to_numpy()
        table["level"] = [level[k].max() for k in at]
    names = [own[0] if len(own) == 1 else f"h{len(own)}/{'+'.join(map(str, own))}" for own in parts]
    return pd.DataFrame(table, index=pd.Index(names, name="id"))


RATE, LINKS = 0.3, 5  # of right answers to single rows; links of the chains that the claims end with


def check(bench: CheckBench) -> Check:
    """Chains of five are out of reach from the start, and within it after four shorter stages."""
    pool, student = bench.planted({"x": RATE, "y": RATE}, rows=40, rate=0.15)
    tests = pd.concat([pool, *(test_chains(pool, h) for h in range(2, LINKS + 1))])
    stages = (5, 3, 1, 4, 2) if bench.broken else (1, 2, 3, 4, 5)
    how = dict(pool=tests, student=student, steps=20)
    runs = bench.reinforce(h1, horizons=stages, **how)
    long = bench.reinforce(h1, horizons=(LINKS,), **how)
    before, after, only_long = (accuracies(r, share) for r, share in ((runs, 0.0), (runs, 1.0), (long, 1.0)))
    off = max(abs(before[h] - before[1] ** h) for h in range(2, LINKS + 1))
    first = long.groups[long.groups.step <= 2]
    signal = float((first.spread > 0).mean())
    firsts = runs.groups[(runs.groups.step - 1) % 4 == 0].groupby("step").reward.mean().to_numpy()[1:]
    rise = min(now - before[h] for now, h in zip(firsts, stages[1:], strict=True))
    gain = after[LINKS] - only_long[LINKS]
    return Check(
        claim="before training, chains of h links are right as often as h single rows are, and hardly a group of "
        "chains of five has both right and wrong answers; at the start of each later stage its chains, not trained "
        "yet, are right more often than before training; at equal answers the stages end above chains of five alone",
        refuted_by="an accuracy of h links further than 0.05 from that of single rows to the power h, 5% or more of "
        "the first groups of five links with a signal, a stage that starts less than 0.10 above the accuracy before "
        "training, or less than 0.10 more right chains of five (ours, from a trial); stages in another order must fail",
        measured={"off": float(off), "signal_long": signal, "least_rise": float(rise), "gain": float(gain)},
        held=bool(off <= 0.05 and signal < 0.05 and rise >= 0.10 and gain >= 0.10),
        seeds=bench.seeds,
    )


def test_chains(pool: pd.DataFrame, h: int, n: int = 60) -> pd.DataFrame:
    """Chains that are only tested, drawn apart from those that are trained."""
    at = np.random.default_rng(h).integers(len(pool), size=(n, h))
    rows = pd.DataFrame(index=pd.Index([f"test/{h}/{i}" for i in range(n)], name="id"))
    said = {"prompt": [f"chain {i}" for i in rows.index], "answer": " ".join(["yes"] * h), "topic": "x", "level": h}
    return rows.assign(**said, parts=[tuple(pool.index[k]) for k in at])


def accuracies(runs: object, share: float) -> pd.Series:
    """Share of right answers by number of links, at that share of the run."""
    items = runs.items[runs.items.share == share]
    links = items.id.str.extract(r"^test/(\d)/", expand=False).fillna("1").astype(int)
    return items.groupby(links.to_numpy()).correct.mean()
