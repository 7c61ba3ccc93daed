"""Spaced repetition: delays of its three rules, worked out by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.methods.order import spaced_repetition
from curriculab.protocol import Run
from tests.methods.made import make, reply


def visits(rule, epochs, **knobs) -> dict[str, list[int]]:
    """In which epochs each of four rows is trained; a and b are known, c and d are not."""
    pool = make(range(4))
    method = methods.spaced_repetition(pool, Run(0, batch=1), rule=rule, **knobs)
    request, seen = next(method), {i: [] for i in "abcd"}
    while (epoch := int(request.note["epoch"])) < epochs:
        for i in request.rows.index:
            seen[i].append(epoch)
        request = method.send(reply(request, loss=np.where(request.rows.index < "c", 0.1, 2.0)))
    return seen


def test_boxes_double_the_delay_and_fall_back():
    seen = visits("leitner", 16)
    assert seen["a"] == seen["b"] == [0, 2, 6, 14]
    assert seen["c"] == seen["d"] == list(range(16))
    assert visits("leitner", 12, longest=4)["a"] == [0, 2, 6, 10]
    assert visits("half_life", 16)["a"] == [0, 2, 6, 14]


def test_what_is_forgotten_comes_back_soon():
    delays = {}
    for rule in ("leitner", "half_life"):
        method = methods.spaced_repetition(make([1]), Run(0, batch=1), rule=rule)
        request = next(method)
        epochs = [0]
        for loss in (0.1, 0.1, 0.1, 3.0, 0.1):
            request = method.send(reply(request, loss=loss))
            epochs.append(int(request.note["epoch"]))
        delays[rule] = np.diff(epochs).tolist()
    assert delays == {"leitner": [2, 4, 8, 1, 2], "half_life": [2, 4, 8, 4, 8]}


def test_the_density_rule_waits_until_recall_falls_to_eta():
    method = methods.spaced_repetition(make([1]), Run(0, batch=1), rule="density", eta=0.25, tau=0.5)
    request = next(method)
    request = method.send(reply(request, loss=0.2))
    delay = np.exp(-0.2) / 0.2 * np.sqrt(np.log(4) / 0.5)  # 6.816
    assert request.note["epoch"] == 7 and request.note["mean delay"] == pytest.approx(delay)
    recall = np.exp(-0.5 * (delay * 0.2 / np.exp(-0.2)) ** 2)
    assert recall == pytest.approx(0.25)


def test_a_batch_reaches_over_the_seam_and_is_short_only_where_there_is_nothing_else():
    calendar = spaced_repetition.Calendar(5, np.random.default_rng(0))
    first = calendar.take(3)
    calendar.put(first, np.array([1, 1, 2]))
    rest = calendar.take(4)
    assert len(rest) == 4 and calendar.epoch == 1 and set(rest[2:]) == set(first[:2])
    assert calendar.take(9).tolist() == [first[2]] and calendar.epoch == 2


POOL = make([1, 2, 3, 4], loss=[0.1, np.nan, 0.2, 0.3])


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"rule": "rbf"}, "rule='rbf' is unknown; give one of leitner, half_life, density"),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(partial(methods.spaced_repetition, **knobs), POOL, steps=3, batch_size=2, name="v")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
    assert runs.metrics.empty
