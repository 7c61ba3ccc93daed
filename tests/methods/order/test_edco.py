"""EDCO: the most unsure rows, and how they are measured."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.methods.order import edco
from curriculab.protocol import Run, Sample, Train
from tests.methods.made import asked, make, reply


def test_the_most_unsure_rows_are_trained_until_the_next_measuring():
    pool = make(range(8))
    for mode, expected in (("top", "gh"), ("middle", "de"), ("bottom", "ab")):
        method = methods.edco(pool, Run(0, batch=2), every=3, mode=mode)
        request = next(method)
        assert isinstance(request, Sample) and (request.temperature, request.max_completion_length) == (0.0, 32)
        assert (request.rows.prompt == "q\nAnswer at once, without any explanation.").all()  # Quick-Answer Prompting
        assert request.purpose == "probe" and sorted(request.rows.index) == list("abcdefgh")
        rows = pool.loc[request.rows.index]
        train = method.send(rows.assign(entropy=rows.level.to_numpy(float)))
        for _ in range(3):
            assert (train.rows.prompt == "q").all()
            assert sorted(train.rows.index) == list(expected) and train.note["new"] == 1.0
            train = method.send(reply(train, loss=0.1))
        assert isinstance(train, Sample)  # measured anew, and then the other way round
        turned = {"top": "ab", "middle": "de", "bottom": "gh"}
        again = method.send(reply(train, entropy=-train.rows.level.to_numpy(float)))
        assert sorted(again.rows.index) == list(turned[mode]) and again.note["new"] == (mode != "middle")


def test_the_share_is_of_the_candidates():
    pool = make(range(20))
    method = methods.edco(pool, Run(0, batch=2), every=30, candidates=12)
    request = next(method)
    assert len(request.rows) == 12
    trained, train = set(), method.send(reply(request, entropy=request.rows.level.to_numpy(float)))
    for _ in range(30):
        trained |= set(train.rows.index)
        train = method.send(reply(train, loss=0.1))
    assert trained == set(request.rows.sort_values("level").index[-3:])  # a quarter of 12


def test_a_given_prefix_is_cut_and_a_suffix_is_only_for_measuring():
    pool = make([1, 2])
    asked_for = edco._entropies(pool, 2, " Answer directly.", "given")
    request = next(asked_for)
    assert request.per == "token" and request.rows.prompt.tolist() == ["q Answer directly."] * 2
    values = pd.Series([np.array([1.0, 3.0, 9.0]), np.array([5.0])], index=pool.index)
    with pytest.raises(StopIteration) as stop:
        asked_for.send(pool[[]].assign(entropy=values))
    assert stop.value.value.tolist() == [2.0, 5.0]
    trained = [r for r in asked("edco", pool, 2, quick=" Now.") if isinstance(r, Train)]
    assert trained[0].rows.prompt.tolist() == ["q", "q"]


POOL = make([1, 2, 3, 4], loss=[0.1, np.nan, 0.2, 0.3])


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"mode": "hard"}, "mode='hard' is unknown; give one of top, middle, bottom"),
        (
            {"prefix": "none"},
            "prefix='none' is unknown; give 'own' (what the model writes) or 'given' (the answer)",
        ),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(partial(methods.edco, **knobs), POOL, steps=3, batch_size=2, name="v")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
    assert runs.metrics.empty
