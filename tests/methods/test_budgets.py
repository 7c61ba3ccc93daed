"""Every method under a budget of steps, of tokens and of answers: it trains, it ends by that budget, its stages get
their shares."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab.bench.budget import Budget
from curriculab.bench.simulate import simulate
from curriculab.methods import CATALOG
from curriculab.objectives.grpo import Grpo
from curriculab.objectives.sft import Sft
from curriculab.simulation.student import Student
from tests.methods.made import by_rewards

WRITTEN = {entry.function: entry for entry in CATALOG if entry.path.exists()}
BATCH, ROLLOUTS = 4, 4
BUDGETS = {"steps": Budget(steps=40), "tokens": Budget(tokens=4_000), "rollouts": Budget(rollouts=1_000)}

# Shares of a run that each paper's stages take, and how a step tells its stage; worked out from the papers:
# ADCL: K parts, one after another, evenly. SARI: 2,000 of 32,000 rows supervised, then bins from easy to hard.
# VL-Cogito: 100, 100 and about 200 steps. Curriculum designer: one pass, a block a class (16 rows in each of three).
# Train Long, Think Short: 150 of 600 steps at each of 256, 179, 125, 87 tokens. Self-paced: rounds evenly. Sorted
# walks: four levels of twelve rows each. Fading weights: weighted until half of the run.
STAGES = {
    "adcl": ("chunk", dict.fromkeys([1, 2, 3, 4, 5], 1 / 5)),
    "sari": ("bin", {-1: 1 / 16, **dict.fromkeys([0, 1, 2, 3], 15 / 64)}),
    "vl_cogito": ("stage", {0: 1 / 4, 1: 1 / 4, 2: 1 / 2}),
    "curriculum_designer": ("block", dict.fromkeys([1, 2, 3], 1 / 3)),
    "train_long_think_short": ("budget", dict.fromkeys([256, 179, 125, 87], 1 / 4)),
    "self_paced": ("round", dict.fromkeys(range(10), 1 / 10)),
    "easy_to_hard": ("lowest", dict.fromkeys([1, 2, 3, 4], 1 / 4)),
    "hard_to_easy": ("highest", dict.fromkeys([1, 2, 3, 4], 1 / 4)),
    "fading_weights": ("fading", {True: 1 / 2, False: 1 / 2}),
}


@pytest.fixture(scope="module")
def pool() -> pd.DataFrame:
    """48 rows, shuffled: topics x, y, z; levels 1 to 4; a loss."""
    rng = np.random.default_rng(5)
    level, topic = np.tile([1, 2, 3, 4], 12), np.repeat(["x", "y", "z"], 16)
    table = {"prompt": [f"q{i:02d}" for i in range(48)], "answer": "7", "topic": topic, "level": level}
    rows = pd.DataFrame(table, index=pd.Index([f"row/{i:02d}" for i in range(48)], name="id"))
    return rows.assign(loss=level + rng.random(48)).iloc[rng.permutation(48)]


@pytest.fixture(scope="module")
def runs_of(pool):
    """Runs by method and axis, each made once."""
    made = {}

    def run(name: str, axis: str):
        if (name, axis) not in made:
            listens = axis == "rollouts" or by_rewards(WRITTEN[name])
            made[name, axis] = simulate(
                WRITTEN[name].method,
                pool,
                budget=BUDGETS[axis],
                batch_size=BATCH,
                num_generations=ROLLOUTS,
                objective=Grpo() if listens else Sft(),
                learner=Student(start=0.5, rate=0.02),
                name=name,
            )
        return made[name, axis]

    return run


@pytest.mark.parametrize("axis", BUDGETS)
@pytest.mark.parametrize("name", WRITTEN)
def test_it_trains_until_that_budget_is_spent(name, axis, runs_of):
    runs = runs_of(name, axis)
    ended = runs.records[0].spec["ended"]
    assert runs.failed == {} and (len(runs.metrics) >= 1) == WRITTEN[name].trains
    assert ended.startswith((f"budget of {axis}", "ceiling on total tokens", "returned")), ended


@pytest.mark.parametrize("axis", BUDGETS)
@pytest.mark.parametrize("name", STAGES)
def test_its_stages_get_the_shares_of_its_paper(name, axis, runs_of, pool):
    """Within a tenth, or the cost of one step where that is more."""
    label, due = STAGES[name]
    metrics = runs_of(name, axis).metrics.reset_index(drop=True)
    stage = stages_of(runs_of(name, axis), label, pool)
    tokens = metrics["tokens"].diff().fillna(metrics["tokens"])
    beside = pd.Series(False, index=metrics.index)  # supervised steps, where answers are counted: measured in tokens
    if axis == "rollouts":
        beside = metrics["reward"].isna()
    for one, share in due.items():
        here = stage == one
        if beside[here].all() and here.any():
            spent, whole = tokens, slice(None)
        else:
            spent = tokens if axis == "tokens" else pd.Series(1.0, index=metrics.index)
            whole = ~beside
            share = share / (1 - sum(due[s] for s in due if beside[stage == s].any())) if beside.any() else share
        got, step = spent[here].sum() / spent[whole].sum(), spent[whole].max() / spent[whole].sum()
        assert abs(got - share) <= max(0.1 * share, step) + 1e-9, (one, got, share)


def stages_of(runs, label: str, pool: pd.DataFrame) -> pd.Series:
    """The stage of each step, (steps,)."""
    metrics = runs.metrics.reset_index(drop=True)
    if label == "round":
        return metrics["lambda"].ne(metrics["lambda"].shift()).cumsum() - 1
    if label == "fading":
        return metrics["faded"] < 1
    if label in ("lowest", "highest"):  # a batch belongs to the stage of its first row
        levels = runs.exposure.join(pool["level"], on="id").groupby("step")["level"]
        return (levels.min() if label == "lowest" else levels.max()).reset_index(drop=True)
    return metrics[label]


def test_a_wrong_share_is_found(runs_of, pool, monkeypatch):
    """The test of stages can fail: thirds are no quarters."""
    monkeypatch.setitem(STAGES, "vl_cogito", ("stage", dict.fromkeys([0, 1, 2], 1 / 3)))
    with pytest.raises(AssertionError):
        test_its_stages_get_the_shares_of_its_paper("vl_cogito", "steps", runs_of, pool)
