"""Memory-R+: memories, distances, scales and rewards, by hand."""

from __future__ import annotations

from collections import deque
from functools import partial

import numpy as np
import pytest

import curriculab as cl
from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.methods.reward.memory_r import Memory, distance, letters, novelty, scaled
from curriculab.protocol import Run, Sample, Score, Train
from tests.methods.made import answered, make

X, Y, HALF = np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([0.6, 0.8])


def test_the_nearest_question_is_read_and_its_oldest_answers_are_let_go():
    memory = Memory(2, "cosine")
    assert memory.near(np.stack([X, Y]), 1) == [None, None]
    for said in (X, Y, HALF):
        memory.add("a", X, said)
    memory.add("b", Y, X)
    first, second = memory.near(np.stack([X, HALF]), 1)
    assert first.tolist() == [Y.tolist(), HALF.tolist()]
    assert second.tolist() == [X.tolist()]  # cosine .8 with b, .6 with a
    assert len(memory.near(X[None], 2)[0]) == 3


def test_questions_are_stacked_once_for_a_batch(monkeypatch):
    memory, stacked = Memory(2, "cosine"), []
    for row in "abc":
        memory.add(row, X, X)
    stack = np.stack
    monkeypatch.setattr(np, "stack", lambda rows: stacked.append(len(rows)) or stack(rows))
    memory.near(stack([X] * 8), 1)
    assert stacked.count(3) == 1


def test_nearest_by_cosine_is_not_nearest_by_distance():
    for by, due in (("cosine", X), ("distance", Y)):
        memory = Memory(2, by)
        memory.add("far", np.array([3.0, 0.0]), X)
        memory.add("close", HALF, Y)
        assert memory.near(X[None], 1)[0].tolist() == [due.tolist()]  # cosines 3 and .6, distances 2 and .89


def test_both_parts_by_hand():
    kept = np.stack([X, Y])
    assert distance(X, kept) == pytest.approx(-np.sqrt(0.5))  # from (.5, .5)
    assert novelty(HALF, kept) == pytest.approx(0.2)  # 1 - .8
    assert novelty(X, kept) == 0.0 and np.isnan(novelty(X, None)) and np.isnan(distance(X, None))


def test_a_part_is_scaled_by_its_last_values():
    last = deque([0.0, 4.0], maxlen=3)
    assert scaled(np.array([2.0, np.nan]), last).tolist() == [0.5, 0.0]
    assert scaled(np.array([3.0]), last).tolist() == [0.5]  # of 4, 2 and 3: the 0 is gone
    assert scaled(np.array([1.0, 1.0]), deque(maxlen=100)).tolist() == [0.0, 0.0]  # all alike


def test_texts_are_told_by_their_letters():
    same, other, like = letters(["seven", "a green boat", "seventy"])
    assert np.linalg.norm(same) == pytest.approx(1.0) and same @ like > 0.5 > same @ other
    assert letters([""]).shape == (1, 256) and np.isfinite(letters(["", "é"])).all()


POOL = make([1, 1]).assign(prompt=["one and one", "many more"])


def begun(**knobs):
    method = methods.memory_r(POOL, Run(0, batch=2, rollouts=2), **{"warmup": 0.0, **knobs})
    return method, next(method)


def replied(request, **texts):
    """Two answers a row, the first right."""
    out = answered(request.rows, [[1, 0], [1, 0]])
    return out.assign(text=[one for row in request.rows.index for one in texts[row]])


def test_a_wrong_answer_meets_itself_only_where_it_is_kept_first():
    for write, due in (("before", {"a": 0.0, "b": 0.0}), ("after", {"a": 0.0, "b": 1.0})):
        method, request = begun(write=write)
        train = method.send(replied(request, a=["yes", "no"], b=["yes", "nay"]))
        assert isinstance(train, Train)
        bad = train.rows[train.rows.correct == 0]
        assert np.isnan(bad.explore).all() if write == "after" else (bad.explore.abs() < 1e-9).all()
        request = method.send(train.rows)
        assert isinstance(request, Sample)
        train = method.send(replied(request, a=["yes", "no"], b=["yes", "maybe"]))  # "no" was said before, "maybe" not
        found = train.rows.loc[train.rows.correct == 0, "explore"]
        assert (found > 1e-9).astype(float).to_dict() == due


def test_the_reward_adds_what_was_right_before():
    method, request = begun(explore=0.0)
    train = method.send(replied(request, a=["yes", "no"], b=["yes", "no"]))
    assert train.rows.reward.tolist() == [1.0, 0.0, 1.0, 0.0]  # nothing is kept yet
    train = method.send(replied(method.send(train.rows), a=["yes", "no"], b=["yes", "yeah"]))
    gap = float(np.linalg.norm(letters(["yeah"])[0] - letters(["yes"])[0]))
    furthest = float(np.linalg.norm(letters(["no"])[0] - letters(["yes"])[0]))
    found = train.rows.set_index([train.rows.index, "text"]).reward
    assert found["a", "yes"] == found["b", "yes"] == 2.0 and found["a", "no"] == 0.0
    assert found["b", "yeah"] == pytest.approx(1 - gap / furthest)


def test_explore_waits_for_the_warm_up():
    pool = make([1] * 8)
    student = cl.simulation.Student(start=0.0, varies=0.0, spread=0.0, rate=0.0)
    how = dict(steps=10, batch_size=4, num_generations=4, objective="grpo", learner=student, name="v")
    means = {}
    for warmup in (0.0, 0.5):
        runs = simulate(partial(methods.memory_r, warmup=warmup, exploit=0.0), pool, **how)
        means[warmup] = runs.metrics.reward - runs.metrics.correct
    assert means[0.0].iloc[2:].gt(0).all()
    assert means[0.5].iloc[:5].eq(0).all() and means[0.5].iloc[5:].gt(0).all()


def test_a_model_may_tell_texts():
    method, request = begun(encoder="model")
    request = method.send(replied(request, a=["yes", "no"], b=["yes", "no"]))
    assert isinstance(request, Score) and request.measure == "embedding"
    assert request.rows.prompt.tolist() == [POOL.prompt[row] for row in request.rows.index]
    request = method.send(request.rows.assign(embedding=[X] * 4))
    assert request.rows.prompt.tolist() == ["yes", "no", "yes", "no"]


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"encoder": "words"}, "encoder='words' is unknown; give 'letters' or 'model'"),
        ({"near": "far"}, "near='far' is unknown; give 'cosine' or 'distance'"),
        ({"write": "never"}, "write='never' is unknown; give 'after' or 'before'"),
    ],
)
def test_unknown_settings_are_refused(knobs, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        begun(**knobs)
