"""Expected orders written out by hand on small pools, and one line for every knob that cannot be."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.bench.budget import Budget
from curriculab.bench.simulate import simulate
from curriculab.methods.order.cyclical import sizes
from curriculab.methods.pacing import Geometric, Linear
from curriculab.methods.samplers import Queue
from curriculab.protocol import Run


def make(level, topic="x", **columns) -> pd.DataFrame:
    """Rows a, b, c, ... with these levels."""
    ids = pd.Index(list("abcdefghijklmnopqrstuvwxyz")[: len(level)], name="id")
    return pd.DataFrame({"prompt": "q", "answer": "1", "topic": topic, "level": level, **columns}, index=ids)


def drawn(tried, pool, steps, batch_size=2, seed=0, **knobs) -> list[str]:
    """Ids a step, as strings: ["ab", "cd"]."""
    runs = simulate(partial(tried, **knobs), pool, steps=steps, batch_size=batch_size, seed=seed)
    assert runs.failed == {}
    return runs.exposure.groupby("step").id.agg("".join).tolist()


def test_random_order_brings_each_row_once_a_pass():
    pool = make(range(6))
    taken = "".join(drawn(methods.random_order, pool, 6))
    assert sorted(taken[:6]) == sorted(taken[6:]) == list("abcdef")
    assert drawn(methods.random_order, pool, 6, seed=1) != drawn(methods.random_order, pool, 6)


def test_easy_to_hard_by_passes_is_sorted_and_begins_again_at_the_easy_end():
    pool = make([3, 1, 2, 5, 4])
    assert drawn(methods.easy_to_hard, pool, 5, span="pass") == ["bc", "ae", "db", "ca", "ed"]


def test_easy_to_hard_shuffles_ties_anew_each_pass():
    pool = make([1] * 6 + [2] * 6)
    steps = drawn(methods.easy_to_hard, pool, 4, batch_size=6, span="pass")
    assert [set(s) for s in steps] == [set("abcdef"), set("ghijkl")] * 2
    assert steps[0] != steps[2]


def test_easy_to_hard_over_the_budget_walks_all_ranks():
    pool = make([3, 1, 2, 5, 4, 7, 6, 8, 10, 9])  # from easy to hard: b c a e d g f h j i
    # ranks from floor(progress * 10): 0, 2, 5, 7, at progress 0, 1/4, 2/4, 3/4
    assert drawn(methods.easy_to_hard, pool, 4) == ["bc", "ae", "gf", "hj"]
    # more steps than ranks: windows overlap, the last ends with the hardest
    assert drawn(methods.easy_to_hard, make([1, 2, 3]), 4) == ["ab", "ab", "bc", "bc"]
    assert drawn(methods.easy_to_hard, make([1, 2, 3]), 1, batch_size=4) == ["abca"]


def test_hard_to_easy_is_the_mirror():
    pool = make([3, 1, 2, 5, 4])
    assert drawn(methods.hard_to_easy, pool, 5, span="pass") == ["de", "ac", "bd", "ea", "cb"]
    assert drawn(methods.hard_to_easy, make([1, 2, 3, 4]), 2) == ["dc", "ba"]


def test_any_column_may_be_the_order():
    pool = make([1, 1, 1, 1], loss=[0.4, 0.1, 0.3, 0.2])
    assert drawn(methods.easy_to_hard, pool, 2, by="loss") == ["bd", "ca"]


def test_baby_steps_add_bucket_after_bucket():
    pool = make([1, 2, 3, 4, 5, 6])  # three buckets: ab, cd, ef; 9 steps: stage 0 for 3, then 1, then 2
    steps = drawn(methods.baby_steps, pool, 9, buckets=3)
    assert [set("".join(steps[i : i + 3])) for i in (0, 3, 6)] == [set("ab"), set("abcd"), set("abcdef")]
    assert sorted("".join(steps[3:5])) == list("abcd")  # a pass over the grown set has no repeats
    assert sorted("".join(steps[6:9])) == list("abcdef")


def test_baby_steps_with_one_bucket_a_value():
    pool = make([2, 1, 1, 1, 7, 7])
    steps = drawn(methods.baby_steps, pool, 6, buckets=None)
    assert [set("".join(steps[i : i + 2])) for i in (0, 2)] == [set("bcd"), set("abcd")]
    assert set("".join(steps[4:6])) <= set("abcdef") and set("".join(steps[4:6])) & set("ef")


def test_competence_draws_evenly_from_below_the_pacing():
    pool = make([3, 1, 2, 4, 6, 5, 8, 7])  # from easy to hard: b c a d f e h g
    ranks = {i: rank for rank, i in enumerate("bcadfehg", start=1)}
    # Linear(.25) over the whole budget of 4 steps: shares .25, .4375, .625, .8125 -> 2, 3, 5, 6 rows in use
    seen = np.zeros((4, 9), int)
    for seed in range(60):
        for step, ids in enumerate(drawn(methods.competence, pool, 4, seed=seed, pacing=Linear(0.25), until=1.0)):
            assert len(set(ids)) == 2
            for i in ids:
                seen[step, ranks[i]] += 1
    assert [int(np.flatnonzero(row).max()) for row in seen] == [2, 3, 5, 6]
    assert seen[3, 1:7].min() > 5  # 20 expected


def test_competence_uses_at_least_a_batch_and_at_most_the_pool():
    pool = make([1, 2, 3, 4])
    assert sorted(drawn(methods.competence, pool, 4, pacing=Geometric())[0]) == ["a", "b"]
    assert len(drawn(methods.competence, make([1, 2]), 2, batch_size=5)[0]) == 5


GRID = make([2, 1, 3, 1, 3, 2, 3, 2, 1], topic=["m", "m", "m", "k", "k", "k", "z", "z", "z"])


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("blocked_curriculum", "bac" + "dfe" + "ihg"),  # m, k, z as they first appear, easy to hard within
        ("interleaved_curriculum", "bdi" + "afh" + "ceg"),  # the easiest third of each, then the next
    ],
)
def test_human_strategies_written_out(order, expected):
    steps = drawn(methods.human_strategies, GRID, 6, batch_size=3, order=order)
    assert "".join(steps) == 2 * expected


def test_human_strategies_by_category_alone():
    blocked = "".join(drawn(methods.human_strategies, GRID, 3, batch_size=3, order="blocked", by=None))
    assert [set(blocked[i : i + 3]) for i in (0, 3, 6)] == [set("abc"), set("def"), set("ghi")]
    mixed = "".join(drawn(methods.human_strategies, GRID, 3, batch_size=3, order="interleaved", by=None))
    for part in (mixed[0:3], mixed[3:6], mixed[6:9]):  # one of each category, in their order
        assert part[0] in "abc" and part[1] in "def" and part[2] in "ghi"
    assert sorted(mixed) == list("abcdefghi")


def test_human_strategies_by_difficulty_alone_and_by_neither():
    rising = "".join(drawn(methods.human_strategies, GRID, 3, batch_size=3, order="curriculum"))
    assert [set(rising[i : i + 3]) for i in (0, 3, 6)] == [set("bdi"), set("afh"), set("ceg")]
    assert sorted("".join(drawn(methods.human_strategies, GRID, 3, batch_size=3, order="random"))) == list("abcdefghi")


def test_human_strategies_take_a_models_difficulty_and_other_parts():
    pool = GRID.assign(option_probability=[0.1, 0.2, 0.3, 0.3, 0.2, 0.1, 0.2, 0.1, 0.3], speciality=GRID.topic)
    knobs = {"order": "interleaved_curriculum", "by": "option_probability", "category": "speciality", "parts": 1}
    assert "".join(drawn(methods.human_strategies, pool, 3, batch_size=3, **knobs)) == "abc" + "fed" + "hgi"


def test_cyclical_sizes():
    assert sizes(0.25, 1.0, 0.5) == [0.25, 0.5, 1.0, 0.5]
    assert sizes(0.1, 0.5, 0.5) == [0.1, 0.2, 0.4, 0.5, 0.4, 0.2]
    assert sizes(1.0, 1.0, 0.5) == [1.0]


def test_cyclical_draws_subsets_without_repeats():
    pool = make([1, 2, 3, 4, 5, 6, 7, 8])
    taken = "".join(drawn(methods.cyclical, pool, 9))  # sizes 2, 4, 8, 4
    for start, end in ((0, 2), (2, 6), (6, 14), (14, 18)):
        assert len(set(taken[start:end])) == end - start
    assert sorted(taken[6:14]) == list("abcdefgh")


def test_cyclical_draws_in_proportion_to_one_over_the_score():
    pool = make([1, 2, 4, 4])  # p = 1/2, 1/4, 1/8, 1/8; the first subset is one row
    first = [next(methods.cyclical(pool, Run(seed, batch=1))).rows.index[0] for seed in range(400)]
    shares = [first.count(i) / 400 for i in "abcd"]
    assert shares == pytest.approx([0.5, 0.25, 0.125, 0.125], abs=0.075)  # three standard errors
    even = [next(methods.cyclical(pool, Run(s, batch=1), ease="uniform")).rows.index[0] for s in range(400)]
    assert even.count("a") / 400 == pytest.approx(0.25, abs=0.075)


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


def test_shuffled_scores_keep_the_sizes_and_lose_the_meaning():
    pool = make([1, 1, 1, 2, 2, 2, 3, 3, 3])
    first = [set(drawn(methods.shuffled_score, pool, 3, batch_size=3, seed=seed)[0]) for seed in range(40)]
    assert len({frozenset(f) for f in first}) > 20
    buckets = drawn(methods.shuffled_score, pool, 9, batch_size=3, method=partial(methods.baby_steps, buckets=3))
    assert len(set("".join(buckets[:3]))) == 3 and len(set("".join(buckets[3:6]))) == 6


def test_reversed_scores_turn_a_method_round():
    pool = make([3, 1, 2, 5, 4], loss=[0.5, 0.4, 0.3, 0.2, 0.1])
    assert drawn(methods.reversed_score, pool, 2) == ["de", "ac"]
    assert drawn(methods.reversed_score, pool, 2, method=partial(methods.easy_to_hard, by="loss")) == ["ab", "cd"]
    assert drawn(methods.reversed_score, pool, 2, by="loss") == ["ab", "cd"]
    # mirrored, not negated: 1 / score still works
    assert drawn(methods.reversed_score, pool, 2, method=methods.cyclical)


POOL = make([1, 2, 3, 4], loss=[0.1, np.nan, 0.2, 0.3], minus=[-1.0, 0.0, 1.0, 2.0])
COLUMNS = "prompt, answer, topic, level, loss, minus"


@pytest.mark.parametrize(
    ("name", "knobs", "why"),
    [
        ("easy_to_hard", {"by": "lvl"}, f"by='lvl' is no column of the pool; it has {COLUMNS}"),
        (
            "hard_to_easy",
            {"by": "loss"},
            "by='loss' is nan for row 'b' (1 of 4 rows); every row needs a finite score: fill or drop these rows first",
        ),
        ("baby_steps", {"by": "topic"}, "by='topic' holds 'x'; an order needs a column of numbers"),
        (
            "easy_to_hard",
            {"span": "epoch"},
            "span='epoch' is unknown; give 'budget' (one walk over all ranks) or 'pass' (sorted passes)",
        ),
        ("baby_steps", {"buckets": 0}, "buckets=0 for 4 rows; give 1 to 4, or None: one per value of `by`"),
        (
            "competence",
            {"pacing": "linear"},
            "pacing='linear' is no pacing; give Linear(), Root(p=2) or Geometric() of cl.methods.pacing",
        ),
        ("competence", {"until": 0}, "until=0 is no share of the budget; give one above 0, at most 1"),
        (
            "human_strategies",
            {"order": "spiral"},
            "order='spiral' is unknown; give one of random, curriculum, blocked, blocked_curriculum, interleaved, "
            "interleaved_curriculum",
        ),
        ("human_strategies", {"category": "area"}, f"category='area' is no column of the pool; it has {COLUMNS}"),
        ("human_strategies", {"parts": 0}, "parts=0 of a category; give 1 or more (the paper's code: 3)"),
        ("cyclical", {"ease": "hard"}, "ease='hard' is unknown; give 'inverse' (1 / score) or 'uniform' (the control)"),
        (
            "cyclical",
            {"by": "minus"},
            "by='minus' reaches down to -1; 1 / score needs losses: at least 0, some above",
        ),
        (
            "cyclical",
            {"factor": 2.0},
            "start=0.25, end=1.0, factor=2.0: needs 0 < start <= end <= 1 and 0 < factor < 1",
        ),
        (
            "shuffled_score",
            {"method": methods.random_order},
            "random_order has no knob `by`, so there is no score to be shuffled; give a method that orders by one",
        ),
        (
            "human_strategies",
            {"by": None},
            "by=None is no column of the pool; it has " + COLUMNS,
        ),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(name, knobs, why):
    runs = simulate(partial(getattr(methods, name), **knobs), POOL, steps=3, batch_size=2, name="v")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
    assert runs.metrics.empty


def test_a_budget_in_tokens_paces_as_well():
    pool = make([1, 2, 3, 4])
    runs = simulate(partial(methods.baby_steps, buckets=2), pool, budget=Budget(tokens=32), batch_size=2)
    steps = runs.exposure.groupby("step").id.agg("".join).tolist()  # progress 0, 1/4, 2/4, 3/4
    assert set(steps[0] + steps[1]) == set("ab") and sorted(steps[2] + steps[3]) == list("abcd")
    assert runs.metrics.tokens.tolist() == [8, 16, 24, 32]
