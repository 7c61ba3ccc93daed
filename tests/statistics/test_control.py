"""Would another learning rate have given as much? On runs made by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from curriculab.runs import Runs
from curriculab.statistics import learning_rate_control, paired_t
from tests.statistics.made import right, runs_of

RUNS = runs_of({"random": [right(k) for k in (8, 10, 9)], "easy": [right(k) for k in (13, 14, 14)]})


def sweep(**arms: tuple[int, ...]) -> Runs:
    return runs_of({f"random, lr {rate.replace('_', '.')[1:]}": [right(k) for k in own] for rate, own in arms.items()})


def test_more_than_every_rate():
    found = learning_rate_control(RUNS, sweep(_1e3=(7, 9, 7), _3e3=(9, 11, 10)))
    # the best arm: 9, 11, 10; differences .2 .15 .2
    e = paired_t([0.2, 0.15, 0.2])
    steps = ([0.25, 0.2, 0.25], [0.3, 0.25, 0.35], [0.2, 0.15, 0.2])
    assert found.best == "random, lr 3e3" and found.p["easy"] == pytest.approx(max(paired_t(d).p for d in steps))
    assert found.table.arm.tolist() == ["random", "random, lr 1e3", "random, lr 3e3"]
    assert found.verdict == (
        f"easy gives more than random order at each of 3 learning rates, on these test rows: {e.mean:+.3f} "
        f"(95% interval {e.low:+.3f} to {e.high:+.3f}, t, n=3) to random, lr 3e3."
    )


def test_another_rate_gives_as_much_or_may():
    as_much = learning_rate_control(RUNS, sweep(_1e3=(14, 15, 14)))
    assert as_much.p["easy"] == 1.0
    assert as_much.verdict.startswith("Another learning rate gives as much as easy: -0.033 (95% interval ")
    open_ = learning_rate_control(RUNS, sweep(_1e3=(9, 16, 13)))
    assert open_.verdict.startswith("That another learning rate gives as much as easy is not ruled out: +0.050 (")
    with pytest.raises(ValueError, match="^nothing to weigh: variants easy, arms random; both are needed$"):
        learning_rate_control(RUNS, Runs(()))


@pytest.mark.slow
def test_the_error_of_the_claim():
    """Four equal arms and a curriculum that is none: more than all is claimed in far fewer than 5% of studies."""
    rng, called = np.random.default_rng(0), 0
    for _ in range(60):
        answers = [[list(rng.random(40) < 0.5) for _ in range(3)] for _ in range(5)]
        runs = runs_of({"random": answers[0], "easy": answers[1]})
        arms = runs_of({f"random, lr {i}": own for i, own in enumerate(answers[2:])})
        called += learning_rate_control(runs, arms).p["easy"] < 0.05
    assert called <= 2


def validated(runs: Runs, score: dict[str, float]) -> Runs:
    """The runs with validation rows, of which each variant has this share right."""
    made = []
    for record in runs.records:
        items = record.tables["items"].assign(correct=score[record.key[0]], rows="validation")
        made.append(dataclasses.replace(record, tables={**record.tables, "validation": items}))
    return Runs(tuple(made), runs.null)


def test_the_best_rate_is_picked_on_the_validation_rows():
    arms = sweep(_1e3=(7, 9, 7), _3e3=(9, 11, 10))
    runs = validated(RUNS, {"random": 0.4, "easy": 0.5})
    found = learning_rate_control(runs, validated(arms, {"random, lr 1e3": 0.6, "random, lr 3e3": 0.5}))
    plain = learning_rate_control(RUNS, arms)
    assert (plain.best, found.best) == ("random, lr 3e3", "random, lr 1e3")
    assert found.table.difference.tolist() == plain.table.difference.tolist()  # of the test rows all the same
    assert learning_rate_control(runs, arms).best == plain.best  # where some have none, all are read on the test rows
