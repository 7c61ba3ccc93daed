"""A null band: a stream of random orders, each its own."""

from __future__ import annotations

import pytest

from curriculab import methods
from curriculab.methods.samplers import Queue
from curriculab.protocol import Run
from tests.methods.made import drawn, make


@pytest.mark.parametrize("draw", [0, 2])
def test_a_null_band_is_the_stream_that_spawning_gives(draw):
    pool = make(range(12))
    wanted = Queue.shuffled(range(12), Run(5, batch=12).rng.spawn(draw + 1)[draw]).take(12)
    assert next(methods.null_band(pool, Run(5, batch=12), draw=draw)).rows.index.tolist() == pool.index[wanted].tolist()


def test_null_bands_differ_from_each_other_and_from_random():
    pool = make(range(8))
    orders = [drawn(methods.null_band, pool, 4, draw=draw) for draw in range(4)]
    orders.append(drawn(methods.random_order, pool, 4))
    assert len({tuple(o) for o in orders}) == 5
    assert all(sorted("".join(o)) == list("abcdefgh") for o in orders)
