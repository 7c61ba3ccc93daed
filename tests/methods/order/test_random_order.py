"""Random order: every row once a pass."""

from __future__ import annotations

from curriculab import methods
from tests.methods.made import drawn, make


def test_random_order_brings_each_row_once_a_pass():
    pool = make(range(6))
    taken = "".join(drawn(methods.random_order, pool, 6))
    assert sorted(taken[:6]) == sorted(taken[6:]) == list("abcdef")
    assert drawn(methods.random_order, pool, 6, seed=1) != drawn(methods.random_order, pool, 6)
