"""What recorded evaluations say of rows: counts by hand."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import curriculab as cl

D = cl.difficulty
STEPS = (0, 10, 20, 30)


def recorded(right, seed=0, variant="v"):
    """right: id -> one number per evaluation."""
    lines = [(variant, seed, step, i, r[k]) for i, r in right.items() for k, step in enumerate(STEPS)]
    return pd.DataFrame(lines, columns=["variant", "seed", "step", "id", "correct"])


RIGHT = {"early": [0, 1, 1, 1], "late": [0, 0, 0, 1], "lost": [1, 0, 1, 0], "never": [0, 0, 0, 0]}
POOL = pd.DataFrame({"prompt": "x", "topic": ["p", "p", "q", "q"]}, index=pd.Index(RIGHT, name="id"))


def test_confidence_and_variability():
    assert D.confidence(POOL, recorded(RIGHT)).tolist() == [0.25, 0.75, 0.5, 1.0]
    assert D.variability(POOL, recorded(RIGHT)).tolist() == pytest.approx([3**0.5 / 4, 3**0.5 / 4, 0.5, 0.0])


def test_forgetting_counts_from_right_to_wrong_and_never_learned_is_hardest():
    assert D.forgetting_events(POOL, recorded(RIGHT)).tolist() == [0, 0, 2, 4]


def test_emergence_of_rows_and_of_topics():
    assert D.emergence_step(POOL, recorded(RIGHT)).tolist() == [10, 30, 0, 40]
    assert D.emergence_step(POOL, recorded(RIGHT), stable=2).tolist() == [10, 40, 40, 40]
    by = D.emergence_step(POOL, recorded(RIGHT), by="topic", threshold=0.5)
    assert by.tolist() == [10, 10, 0, 0]  # p: 0, .5, .5, 1; q: .5, 0, .5, 0


def test_seeds_are_averaged_and_give_the_error():
    both = pd.concat([recorded(RIGHT), recorded({**RIGHT, "late": [0, 1, 1, 1]}, seed=1)])
    score, error = D.confidence(POOL, both, uncertainty=True)
    assert score.tolist() == [0.25, 0.5, 0.5, 1.0]
    assert error.tolist() == pytest.approx([0, 0.25, 0, 0])  # .75 and .25: sd .3536 over sqrt(2)
    assert D.measure(POOL, None, ["confidence"], runs=both, uncertainty=True).columns.tolist() == [
        "confidence",
        "se_confidence",
    ]


def test_one_seed_has_no_error():
    message = "confidence: has no uncertainty, with these settings it is no estimate from several values"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        D.confidence(POOL, recorded(RIGHT), uncertainty=True)
    assert D.measure(POOL, None, ["confidence"], runs=recorded(RIGHT), uncertainty=True).columns.tolist() == [
        "confidence"
    ]


def test_a_simulated_run_is_read_as_it_was_recorded():
    pool = cl.load_pool("ladder", n=900, seed=0)
    train, test = cl.split(pool, test=40, by="level", seed=0)
    runs = cl.simulate(
        cl.methods.random_order, train, steps=40, batch_size=8, tests=test, evaluate_every=10, seed=[0, 1]
    )
    score = D.confidence(test, runs)
    expected = 1 - runs.items.groupby("id").correct.mean().reindex(test.index)
    np.testing.assert_allclose(score, expected)
    assert score.rank().corr(test.level.rank()) > 0.5


@pytest.mark.parametrize(
    ("measure", "runs", "knobs", "message"),
    [
        (
            D.confidence,
            recorded({"early": [0, 0, 0, 0]}),
            {},
            "confidence: row 'late' was never tested in these runs; measure the rows tested (3 such rows)",
        ),
        (
            D.variability,
            recorded(RIGHT).query("step == 0"),
            {},
            "variability: 1 evaluations are too few, it needs 2; ask for more with Bench(evaluate_every=...)",
        ),
        (
            D.confidence,
            pd.concat([recorded(RIGHT), recorded(RIGHT, variant="w")]),
            {},
            "confidence: the runs hold 2 variants; give variant=, one of v, w",
        ),
        (D.confidence, recorded(RIGHT), {"variant": "z"}, "confidence: no variant 'z' in these runs; there are v"),
        (
            D.confidence,
            recorded(RIGHT),
            {"column": "p"},
            "confidence: the evaluations have no column 'p'; they have variant, seed, step, id, correct",
        ),
        (D.confidence, None, {}, "confidence: reads a recorded run; give what Bench.run returned, not NoneType"),
        (D.confidence, recorded(RIGHT).iloc[1:], {}, "confidence: row 'early' is missing in an evaluation of seed 0"),
    ],
)
def test_what_was_not_recorded_says_so(measure, runs, knobs, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        measure(POOL, runs, **knobs)
