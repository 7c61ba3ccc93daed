"""Reversed scores: a method turned round."""

from __future__ import annotations

from functools import partial

from curriculab import methods
from tests.methods.made import drawn, make


def test_reversed_scores_turn_a_method_round():
    pool = make([3, 1, 2, 5, 4], loss=[0.5, 0.4, 0.3, 0.2, 0.1])
    assert drawn(methods.reversed_score, pool, 2) == ["de", "ac"]
    assert drawn(methods.reversed_score, pool, 2, method=partial(methods.easy_to_hard, by="loss")) == ["ab", "cd"]
    assert drawn(methods.reversed_score, pool, 2, by="loss") == ["ab", "cd"]
    # mirrored, not negated: 1 / score still works
    assert drawn(methods.reversed_score, pool, 2, method=methods.cyclical)


def test_the_range_of_the_scores_stays():
    pool, seen = make([3, 1, 2, 5, 4]), []

    def listening(rows, run, *, by="level"):
        seen.append(rows[by].tolist())
        yield from methods.easy_to_hard(rows, run, by=by)

    drawn(methods.reversed_score, pool, 1, method=listening)
    assert seen == [[3, 5, 4, 1, 2]]  # 1 + 5 - x
