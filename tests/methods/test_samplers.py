"""Queues, arms, draws by weight, counts and scores against values worked out by hand."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from curriculab.methods.samplers import (
    Arms,
    BetaPosterior,
    Queue,
    SumTree,
    gaussian_ranks,
    largest_remainder,
    per_row,
    ranked,
    rewarded,
    scores,
    softmax,
)


def test_a_queue_repeats_nothing_within_a_pass_and_reaches_over_the_seam():
    queue = Queue.shuffled(range(5), np.random.default_rng(0))
    taken = np.concatenate([queue.take(3) for _ in range(5)])
    assert len(taken) == 15
    for start in (0, 5, 10):
        assert sorted(taken[start : start + 5]) == [0, 1, 2, 3, 4]


def test_a_queue_takes_more_than_a_pass():
    assert Queue(lambda: np.array([2, 0, 1])).take(7).tolist() == [2, 0, 1, 2, 0, 1, 2]


def test_ranks_rise_and_ties_are_random():
    score = np.array([2.0, 1.0, 1.0, 3.0])
    orders = {tuple(ranked(score, np.random.default_rng(seed)).tolist()) for seed in range(20)}
    assert orders == {(1, 2, 0, 3), (2, 1, 0, 3)}


POOL = pd.DataFrame(
    {"prompt": ["p"] * 3, "answer": "a", "topic": "add", "level": [1, 2, 3], "loss": [0.1, np.nan, np.inf]},
    index=["r0", "r1", "r2"],
)


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("lvl", "by='lvl' is no column of the pool; it has prompt, answer, topic, level, loss"),
        ("topic", "by='topic' holds 'add'; an order needs a column of numbers"),
        (
            "loss",
            "by='loss' is nan for row 'r1' (2 of 3 rows); "
            "every row needs a finite score: fill or drop these rows first",
        ),
    ],
)
def test_scores_name_what_is_wrong(by, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        scores(POOL, by)


def test_scores_are_numbers():
    assert scores(POOL, "level").tolist() == [1.0, 2.0, 3.0]


SIX = pd.DataFrame(
    {"prompt": "p", "level": [2, 1, 2, 3, 1, 2]}, index=pd.Index([f"r{i}" for i in range(6)], name="id")
)  # level 1: rows 1, 4; level 2: rows 0, 2, 5; level 3: row 3


def test_arms_deal_each_row_once_a_pass():
    arms = Arms(SIX, "level", np.random.default_rng(0))
    assert len(arms) == 3 and arms.names.tolist() == [1, 2, 3] and arms.of.tolist() == [1, 0, 1, 2, 0, 1]
    taken = arms.take(np.array([1, 0, 1, 2, 1, 0]))
    assert sorted(taken[[0, 2, 4]]) == [0, 2, 5] and sorted(taken[[1, 5]]) == [1, 4] and taken[3] == 3
    again = arms.take(np.array([2, 2, 1, 1, 1]))
    assert again[:2].tolist() == [3, 3] and sorted(again[2:]) == [0, 2, 5]


def test_arms_pick_with_repeats_and_evenly():
    picked = Arms(SIX, "level", np.random.default_rng(0)).pick(np.array([1] * 3000 + [2]))
    shares = np.bincount(picked[:-1], minlength=6) / 3000
    assert np.allclose(shares, [1 / 3, 0, 1 / 3, 0, 0, 1 / 3], atol=0.026) and picked[-1] == 3  # three standard errors


def test_answers_know_their_arm_and_probabilities_are_noted():
    arms = Arms(SIX, "level", np.random.default_rng(0))
    assert arms.arm(SIX.loc[["r3", "r0", "r0", "r4"]]).tolist() == [2, 1, 1, 0]
    assert arms.note(np.array([0.5, 0.25, 0.25])) == {"p/1": 0.5, "p/2": 0.25, "p/3": 0.25}
    many = Arms(pd.DataFrame({"source": range(16)}), "source", np.random.default_rng(0))
    assert many.note(np.r_[np.full(8, 1 / 8), np.zeros(8)]) == {"arms in use": pytest.approx(8.0)}


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        (SIX, "arms='topic' is no column of the pool; it has prompt, level"),
        (
            SIX.assign(topic=["a", None, "b", "b", "b", "b"]),
            "arms='topic' is missing for row 'r1'; every row belongs to an arm: fill or drop it",
        ),
    ],
)
def test_arms_name_what_is_wrong(pool, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Arms(pool, "topic", np.random.default_rng(0))


def test_softmax_by_hand_and_of_large_numbers():
    assert np.allclose(softmax(np.log([1.0, 2.0, 5.0])), [0.125, 0.25, 0.625])
    assert np.allclose(softmax(np.array([1e6, 1e6 + np.log(3)])), [0.25, 0.75])


def test_largest_remainder_by_hand():
    # 10 seats: 4.7, 3.2, 2.1 -> 4 + 3 + 2, the seat left goes to the remainder .7
    assert largest_remainder(np.array([47, 32, 21]), 10).tolist() == [5, 3, 2]
    assert largest_remainder(np.ones(3), 4).tolist() == [2, 1, 1]  # equal remainders: the first
    assert largest_remainder(np.array([1.0, 0.0]), 7).tolist() == [7, 0]
    with pytest.raises(ValueError, match="^shares that add up to 0 cannot divide 7; give at least one above 0$"):
        largest_remainder(np.zeros(2), 7)


def test_a_sum_tree_draws_in_proportion_and_follows_updates():
    rng = np.random.default_rng(0)
    tree = SumTree(np.array([1.0, 0.0, 3.0, 2.0, 4.0]))
    assert tree.total == 10.0 and tree[[2, 4]].tolist() == [3.0, 4.0]
    shares = np.bincount(tree.draw(20_000, rng), minlength=5) / 20_000
    assert np.allclose(shares, [0.1, 0.0, 0.3, 0.2, 0.4], atol=0.011)  # three standard errors
    tree.update(np.array([4, 0]), np.array([0.0, 5.0]))
    assert tree.total == 10.0
    assert np.allclose(np.bincount(tree.draw(20_000, rng), minlength=5) / 20_000, [0.5, 0, 0.3, 0.2, 0], atol=0.011)


def test_a_sum_tree_draws_without_repeats():
    # weights 1, 2, 3, two draws: {0, 1} 1/6 2/5 + 2/6 1/4, {0, 2} 1/6 3/5 + 3/6 1/3, {1, 2} 2/6 3/4 + 3/6 2/3
    rng = np.random.default_rng(0)
    tree = SumTree(np.array([1.0, 2.0, 3.0]))
    pairs = [tuple(sorted(tree.draw(2, rng, again=False).tolist())) for _ in range(4000)]
    shares = [pairs.count(pair) / 4000 for pair in ((0, 1), (0, 2), (1, 2))]
    assert shares == pytest.approx([0.15, 4 / 15, 7 / 12], abs=0.024)  # three standard errors
    assert tree.sums[tree.leaves :].tolist() == [1.0, 2.0, 3.0, 0.0] and tree.total == 6.0
    assert sorted(tree.draw(9, rng, again=False)) == [0, 1, 2]
    small = SumTree(np.array([1e-20, 0.0, 1e-30]))
    assert sorted(small.draw(5, rng, again=False)) == [0, 2]
    with pytest.raises(ValueError, match="^no row has a weight above 0 to be drawn by$"):
        SumTree(np.zeros(3)).draw(1, rng)


def test_a_sum_tree_of_one_row():
    tree = SumTree(np.array([2.0]))
    assert tree.draw(3, np.random.default_rng(0)).tolist() == [0, 0, 0]
    tree.update(np.array([0]), np.array([5.0]))
    assert tree.total == 5.0


# mu at the end and inside; sigma small (the largest keys) and large (rejection): 1 draw against the law itself
@pytest.mark.parametrize(("mu", "sigma"), [(0.0, 8.0), (31.5, 8.0), (63.0, 8.0), (20.0, 2.0), (0.0, 1.0), (40.0, 1e3)])
def test_gaussian_ranks_follow_the_discrete_law(mu, sigma):
    rng = np.random.default_rng(0)
    p = np.exp(-(((np.arange(64) - mu) / sigma) ** 2) / 2)
    p /= p.sum()
    seen = np.bincount([gaussian_ranks(1, mu, sigma, 64, rng)[0] for _ in range(4000)], minlength=64)
    likely = p * 4000 >= 5
    chi = ((seen - 4000 * p)[likely] ** 2 / (4000 * p[likely])).sum()
    freedom = max(1, likely.sum() - 1)
    assert chi < freedom + 4 * np.sqrt(2 * freedom)
    assert seen[p < 1e-9].sum() == 0


@pytest.mark.parametrize("sigma", [8.0, 40.0])  # below and above 4 n, where the way of drawing changes
def test_gaussian_ranks_do_not_repeat_and_have_the_law_of_draws_one_after_another(sigma):
    rng, n, size = np.random.default_rng(0), 8, 100
    p = np.exp(-((np.arange(size) / sigma) ** 2) / 2)
    ours, numpys = np.zeros(size), np.zeros(size)
    for _ in range(1500):
        ranks = gaussian_ranks(n, 0.0, sigma, size, rng)
        assert len(set(ranks.tolist())) == n and ranks.min() >= 0 and ranks.max() < size
        ours[ranks] += 1 / 1500
        numpys[rng.choice(size, n, replace=False, p=p / p.sum())] += 1 / 1500
    assert np.abs(ours - numpys).max() < 0.075  # of 100 differences, standard error .018 at most: four of them


def test_gaussian_ranks_end_where_the_pool_ends():
    rng = np.random.default_rng(0)
    assert sorted(gaussian_ranks(20, 0.0, 1e-3, 6, rng)) == list(range(6))
    assert sorted(gaussian_ranks(5, 2.0, 100.0, 5, rng)) == list(range(5))
    last = gaussian_ranks(64, 999_999.0, 125_000.0, 1_000_000, rng)
    assert len(set(last.tolist())) == 64 and last.max() < 1_000_000 and last.min() > 999_999 - 6 * 125_000


def test_a_posterior_counts_and_forgets():
    posterior = BetaPosterior(3)
    assert posterior.mean().tolist() == [0.5, 0.5, 0.5]
    posterior.update(np.array([2, 0]), np.array([3, 0]), np.array([4, 4]))
    assert np.allclose(posterior.mean(), [1 / 6, 1 / 2, 4 / 6])  # (s + 1) / (n + 2)
    posterior.update(np.array([2]), np.array([1]), np.array([1]), decay=0.5)  # 1 + 1.5 + 1 of 1 + .5 beside it
    assert posterior.mean(np.array([2])) == pytest.approx(3.5 / 5)
    drawn = np.array([posterior.draw(np.random.default_rng(i))[0] for i in range(500)])
    assert drawn.mean() == pytest.approx(1 / 6, abs=0.03)


def test_answers_are_counted_by_row_whatever_the_sizes_of_groups():
    lines = pd.DataFrame(
        {"reward": [1.0, 0, 1, 1, 0, 1], "advantage": [0.5, -1, 0.5, 0, 0, 2]},
        index=["r2", "r2", "r2", "r0", "new", "r0"],
    )
    found = per_row(SIX, lines)
    assert found.index.tolist() == ["r2", "r0"] and found["at"].tolist() == [2, 0]
    assert found["n"].tolist() == [3, 2] and found["right"].tolist() == [2, 2]
    assert found["gain"].tolist() == pytest.approx([2 / 3, 1.0])
    assert "gain" not in per_row(SIX, lines.drop(columns="advantage"))


def test_who_listens_to_rewards_needs_them():
    lines = pd.DataFrame({"reward": [1.0], "advantage": [0.0]})
    assert rewarded(lines, "sec") is lines
    message = "sec listens to rewards; train it with objective='grpo'"
    for column in lines:
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            rewarded(lines.drop(columns=column), "sec")
