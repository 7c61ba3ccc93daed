"""What reinforcement spent: answers that taught nothing, and what a filter would have saved.

One line of `waste(runs)`: dapo filter, 4,800 rollouts, 61,000 tokens, rejected 0.31, silent 0.02, wasted 0.33.
"""

from __future__ import annotations

import pandas as pd

from curriculab.protocol.roles import LEARNER
from curriculab.runs import SIGNAL, Runs

ANSWERING = ("answer", "test", "probe")  # purposes of answers to the rows; others are a method's own


def waste(runs: Runs) -> pd.DataFrame:
    """What each variant's answers cost and how much of it taught nothing; one line a variant, means over seeds.

    rollouts, generated: answers and their tokens; probed, rejected, silent: shares of these tokens that went into
    answers asked to measure difficulty, into answers that were never trained, and into trained ones of groups that
    pushed the learner nowhere (all advantages 0, as where all rewards of a group are alike); wasted: rejected and
    silent together. signal: share of trained groups that did push. A probe that is trained later is no probe. Helper
    texts are left out: those of other roles that answer nothing and probe nothing, and those of a purpose of the
    method's own, such as a hint, of which no text was trained.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> runs = cl.simulate(cl.methods.random_order, pool, steps=2, batch_size=4, objective="grpo")
    >>> len(cl.statistics.waste(runs))
    1
    """
    groups = _answers(runs.groups)
    if groups.empty:
        raise ValueError("no waste to show: nothing was sampled (runs.groups is empty); it is of reinforcement runs")
    used = groups.trained / groups.n
    silent = ~groups.signal.astype(bool) & (groups.trained > 0)
    probe = (groups.purpose == "probe") & (groups.trained == 0)
    parts = groups.assign(
        probed=groups.tokens * probe,
        rejected=groups.tokens * (1 - used) * ~probe,
        silent=groups.tokens * used * silent,
        kept=groups.trained > 0,
        loud=(groups.trained > 0) & ~silent,
    )
    sums = parts.groupby(["variant", "seed"], sort=False)[
        ["n", "tokens", "probed", "rejected", "silent", "kept", "loud"]
    ].sum()
    table = pd.DataFrame({"rollouts": sums.n, "generated": sums.tokens})
    for part in ("probed", "rejected", "silent"):
        table[part] = sums[part] / sums.tokens
    table["wasted"] = table.rejected + table.silent
    table["signal"] = sums.loud / sums.kept
    table["seconds"] = runs.ledger[~runs.ledger.test].groupby(["variant", "seed"]).seconds.sum()
    names = [v for v in runs.variants if v in table.index.get_level_values(0)]
    return table.groupby(level=0).mean().loc[names]


def _answers(groups: pd.DataFrame) -> pd.DataFrame:
    """The lines that are of the learner's answers, and of probes by whomever; without helper texts."""
    known = groups.purpose.isin(ANSWERING)
    trained = groups.groupby(["variant", "seed", "purpose"], sort=False).trained.transform("sum") > 0
    probe = groups.purpose == "probe"
    return groups[((groups.role == LEARNER) & (known | trained)) | probe]


def filter_savings(runs: Runs, *, low: float = 0.0, high: float = 1.0, tolerance: float = SIGNAL) -> pd.DataFrame:
    """What a filter on the pass rate would have saved on finished runs.

    Such a filter keeps groups with low < mean reward < high (0 and 1: DAPO's, which drops groups without a signal). A
    counterfactual on what was drawn: with a filter, later draws and the learner itself would have been others.

    Parameters
    ----------
    runs : Runs
        Of reinforcement.
    low, high : float
        Mean rewards between which a group is kept.
    tolerance : float
        Largest minus smallest reward of a group up to which it has no signal.

    Returns
    -------
    pd.DataFrame
        One line a variant, shares, means over seeds: `dropped`, of trained groups; `training`, of trained tokens in
        them, saved for sure; `generation`, of generated tokens, saved only by a filter that had known before sampling;
        `signal_lost`, of the groups with a signal that would have gone too.

    Raises
    ------
    ValueError
        Where no group of answers was trained.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> runs = cl.simulate(cl.methods.random_order, pool, steps=2, batch_size=4, objective="grpo")
    >>> cl.statistics.filter_savings(runs).columns.tolist()
    ['dropped', 'training', 'generation', 'signal_lost']
    """
    groups = _answers(runs.groups)
    trained = groups[groups.trained > 0]
    if trained.empty:
        raise ValueError("nothing to filter: no group of answers was trained (runs.groups)")
    out = ~((trained.reward > low) & (trained.reward < high)) | (trained.spread <= tolerance)
    loud = trained.spread > tolerance
    shares = pd.DataFrame(
        {
            "variant": trained.variant,
            "seed": trained.seed,
            "dropped": out,
            "generation": trained.tokens * out,
            "tokens": trained.tokens,
            "lost": loud & out,
            "loud": loud,
        }
    )
    sums = shares.groupby(["variant", "seed"], sort=False).sum()
    count = shares.groupby(["variant", "seed"], sort=False).size()
    learned = trained.tokens * trained.trained / trained.n
    keys = [trained.variant, trained.seed]
    spent = groups.groupby(["variant", "seed"]).tokens.sum()
    table = pd.DataFrame(
        {
            "dropped": sums.dropped / count,
            "training": (learned * out).groupby(keys).sum() / learned.groupby(keys).sum(),
            "generation": sums.generation / spent,
            "signal_lost": sums.lost / sums.loud,
        }
    )
    return table.groupby(level=0).mean().loc[[v for v in runs.variants if v in table.index.get_level_values(0)]]
