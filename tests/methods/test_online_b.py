"""Arithmetic of the online methods written out by hand, and what they draw on small pools."""

from __future__ import annotations

from functools import partial
from math import tanh

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.bench.budget import Budget
from curriculab.bench.simulate import simulate
from curriculab.methods.online.adarft import nearest, stretched
from curriculab.methods.online.adcl import failures, inversion_rate
from curriculab.methods.online.egsr import HINTS, hinted, put
from curriculab.methods.online.learning_progress import chances, reweighted
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Copy, Piece, Run, Sample, Train
from curriculab.simulation.permuted import watched
from curriculab.simulation.pools import planted


def make(level, **columns) -> pd.DataFrame:
    """Rows a, b, c, ... with these levels."""
    ids = pd.Index(list("abcdefghijklmnopqrstuvwxyz")[: len(level)], name="id")
    return pd.DataFrame({"prompt": "q", "answer": "1", "topic": "x", "level": level, **columns}, index=ids)


def answered(rows: pd.DataFrame, reward: list[list[float]], first: int = 0) -> pd.DataFrame:
    """A reply to rows: one list of rewards a row, advantages as Grpo() makes them."""
    of = np.repeat(np.arange(len(rows)), [len(r) for r in reward])
    text, value = [f"{k}" for k in range(len(of))], np.concatenate(reward)
    out = rows.iloc[of].assign(
        turns=[(Piece(t, learn=True),) for t in text],
        text=text,
        ended="eos",
        length=1,
        logprob=-1.0,
        entropy=0.5,
        group=first + of,
        correct=value,
        reward=value,
    )
    return out.assign(advantage=Grpo().advantages(out), loss=0.0)


def talk(method, pool, rewards, *, batch=2, seed=0, rollouts=2, **knobs) -> list[Train]:
    """What a method asks for when the k-th Train of unanswered rows is rewarded by rewards[k]: one list a row."""
    run = Run(seed, batch=batch, rollouts=rollouts)
    made, asked = method(pool, run, **knobs), []
    request = next(made)
    for reward in rewards:
        asked.append(request)
        request = made.send(answered(request.rows, reward))
    return [*asked, request]


# -- AdaRFT -----------------------------------------------------------------------------------------------------------
def test_adarft_moves_its_target_by_eta_tanh():
    pool = make([1, 2, 3, 4, 5])  # difficulties 0, 25, 50, 75, 100
    asked = talk(methods.adarft, pool, [[[1, 1], [1, 1]], [[1, 0], [0, 0]], [[0, 0], [0, 0]]])
    up = 50 * tanh(2 * (1 - 0.5))  # 38.08: two right answers of two
    targets = [r.note["target"] for r in asked]
    assert targets == pytest.approx([0.0, up, up - 50 * tanh(0.5), 0.0])  # 38.08 - 23.11 = 14.97, and no further than 0
    assert [sorted(r.rows.index) for r in asked] == [["a", "b"], ["b", "c"], ["a", "b"], ["a", "b"]]


def test_adarft_stretches_any_scores_over_0_to_100():
    assert stretched(np.array([3.0, 5.0, 4.0])).tolist() == [0.0, 100.0, 50.0]
    assert stretched(np.array([2.0, 2.0])).tolist() == [0.0, 0.0]


def test_nearest_takes_a_random_part_of_the_farthest_difficulty_only():
    values, ends = np.array([0.0, 50.0, 100.0]), np.array([0, 2, 6, 9])  # ranks 0-1, 2-5, 6-8
    rng = np.random.default_rng(0)
    drawn = [nearest(values, ends, 10.0, 4, rng) for _ in range(200)]
    assert all(set(r[:2]) == {0, 1} and set(r[2:]) <= {2, 3, 4, 5} and len(set(r)) == 4 for r in drawn)
    counts = np.bincount(np.concatenate([r[2:] for r in drawn]), minlength=6)[2:]
    assert counts.tolist() == pytest.approx([100] * 4, abs=30)  # 200 draws of 2 of 4: sd 7
    assert sorted(nearest(values, ends, 100.0, 12, rng)[:9]) == list(range(9))  # a pool smaller than the batch
    between = np.concatenate([nearest(values, ends, 25.0, 1, rng) for _ in range(400)])  # 0 and 50 are equally near
    assert np.mean(between < 2) == pytest.approx(0.5, abs=0.1)


def test_adarft_with_distinct_scores_equals_sorting_all_distances():
    rng = np.random.default_rng(1)
    d = np.sort(rng.random(500)) * 100
    for target in (0.0, 3.3, 50.0, 99.9, 100.0):
        mine = nearest(d, np.arange(501), target, 16, rng)
        assert set(mine) == set(np.argsort(np.abs(d - target))[:16])


# -- Thompson, learnability, learning progress ------------------------------------------------------------------------
def test_thompson_counts_answers_and_lets_old_ones_fade():
    pool = make([1, 1])
    seen = talk(methods.thompson, pool, [[[1, 1], [0, 0]], [[1, 1], [0, 0]], [[1, 1], [0, 0]]], candidates=None)
    # whichever row came first in a step was right twice: means of Beta(1, 1), then of what was counted, of both rows
    assert seen[0].note["expected pass rate"] == 0.5
    order = [list(r.rows.index) for r in seen]
    right = dict.fromkeys("ab", 1.0)
    wrong = dict.fromkeys("ab", 1.0)
    for step, rows in enumerate(order[1:], start=1):
        for row, (r, w) in zip(order[step - 1], ((2, 0), (0, 2)), strict=True):
            right[row], wrong[row] = 1 + 0.5 * (right[row] - 1) + r, 1 + 0.5 * (wrong[row] - 1) + w
        expected = np.mean([right[row] / (right[row] + wrong[row]) for row in rows])
        assert seen[step].note["expected pass rate"] == pytest.approx(expected)


@pytest.mark.slow
def test_thompson_finds_the_middling_rows_and_a_target_moves_it():
    pool, student = planted({"easy": 0.9, "middling": 0.5, "hard": 0.1})
    for target, topic in ((0.5, "middling"), (0.9, "easy"), (0.1, "hard")):
        method = partial(methods.thompson, target=target)
        runs = simulate(method, pool, steps=60, batch_size=8, learner=student, objective="grpo")
        late = runs.exposure[runs.exposure.step > 40].join(pool, on="id")
        assert (late.topic == topic).mean() > 0.6, topic


def test_learnability_replays_what_was_answered_both_ways():
    pool = make([1] * 8)
    rewards = [[[1, 1], [1, 0], [0, 0], [1, 1]]] * 6
    asked = talk(methods.learnability, pool, rewards, batch=4, replay=1.0, rho=0.0, buffer=2, seed=3)
    mixed = asked[0].rows.index[1]
    assert asked[1].note["replayed"] == 0.5 and asked[1].rows.index[0] == mixed  # two rows fit in, the best comes first
    assert asked[1].note["learnability"] == 0.125  # p (1 - p) is 1/4 and 0
    assert asked[0].note == {"replayed": 0.0, "learnability": 0.0}


def test_staleness_brings_rows_back_that_rank_does_not():
    pool = make([1] * 20)
    rewards = [[[1, 0], [1, 1], [0, 0], [1, 1]]] * 40
    by_rank = talk(methods.learnability, pool, rewards, batch=4, rho=0.0)
    by_age = talk(methods.learnability, pool, rewards, batch=4, rho=1.0)
    seen = [pd.concat([r.rows for r in asked]).index.value_counts() for asked in (by_rank, by_age)]
    assert seen[1].max() < seen[0].max() and seen[1].min() >= seen[0].min()


def test_reweighting_of_pass_rates():
    p = np.array([0.0, 0.1, 0.5, 1.0])
    assert reweighted(p, 0.1).tolist() == pytest.approx([0.0, 0.5, 0.9, 1.0])  # .09/.18, .45/.5
    assert reweighted(p, 0.5).tolist() == pytest.approx(p.tolist())


def test_chances_of_arms():
    progress = np.array([0.3, 0.1, 0.0])
    assert chances(progress, "proportional", 0.05, 0.2) == pytest.approx([0.6 + 1 / 15, 0.2 + 1 / 15, 1 / 15])
    e = np.exp([3.0, 1.0, 0.0])
    assert chances(progress, "boltzmann", 0.1, 0.0) == pytest.approx(e / e.sum())
    assert chances(np.array([np.nan, 0.2, 0.0]), "proportional", 1, 0.0) == pytest.approx([0.5, 0.5, 0.0])
    assert chances(np.zeros(4), "proportional", 1, 0.0) == pytest.approx([0.25] * 4)
    assert chances(np.full(4, np.nan), "proportional", 1, 0.5) == pytest.approx([0.25] * 4)


def test_learning_progress_follows_two_averages():
    pool = make([1, 1], topic=["u", "v"])
    rewards = [[[0, 0], [0, 0]], [[1, 1], [1, 1]], [[1, 0], [1, 0]]]
    for seed in range(5):
        asked = talk(methods.learning_progress, pool, rewards, seed=seed, alpha=0.5, epsilon=0.25, theta=0.5)
        fast, slow = dict.fromkeys("uv"), dict.fromkeys("uv")
        for request, rate, after in zip(asked, (0, 1, 0.5), asked[1:], strict=False):
            for arm in sorted(set(request.rows.topic)):
                if fast[arm] is None:
                    fast[arm] = slow[arm] = rate
                fast[arm] += 0.5 * (rate - fast[arm])
                slow[arm] += 0.5 * (fast[arm] - slow[arm])
            progress = {a: None if fast[a] is None else abs(fast[a] - slow[a]) for a in "uv"}
            most = max([x for x in progress.values() if x is not None]) or 1.0
            u, v = (most if x is None else x for x in progress.values())
            share = u / (u + v) if u + v else 0.5
            assert after.note["p/u"] == pytest.approx(0.75 * share + 0.125)


# -- ADCL -------------------------------------------------------------------------------------------------------------
def test_inversion_rate_counts_pairs_turned_round():
    old = np.array([1, 2, 3, 4])
    assert inversion_rate(old, np.array([1, 2, 3, 4])) == 0.0
    assert inversion_rate(old, np.array([4, 3, 2, 1])) == 1.0
    assert inversion_rate(old, np.array([2, 1, 3, 4])) == pytest.approx(1 / 6)
    assert inversion_rate(old, np.array([1, 1, 1, 1])) == 0.0  # ties are no order
    assert inversion_rate(np.array([1, 1, 2]), np.array([9, 1, 5])) == pytest.approx(1 / 3)  # only 9 before 5
    assert inversion_rate(np.array([1]), np.array([1])) == 0.0


def test_inversion_rate_equals_counting_all_pairs():
    rng = np.random.default_rng(0)
    old, new = rng.integers(0, 5, 40), rng.integers(0, 5, 40)
    turned = sum((old[i] < old[j]) & (new[i] > new[j]) for i in range(40) for j in range(40))
    assert inversion_rate(old, new) == pytest.approx(turned / (40 * 39 / 2))


def test_failures_of_rows_that_share_an_id():
    rows = make([1, 1]).iloc[[0, 1, 0]]
    assert failures(answered(rows, [[1, 1], [1, 0], [0, 0]]), 3).tolist() == [0.0, 0.5, 1.0]


def asked_by(method, pool, steps, *, student=None, batch_size=2, **knobs):
    """Everything a method asked for under reinforcement, and its runs."""
    seen: list = []
    runs = simulate(
        partial(watched(method, seen), **knobs),
        pool,
        steps=steps,
        batch_size=batch_size,
        learner=student,
        objective="grpo",
        rollouts=4,
        name="v",
    )
    return seen, runs


def test_adcl_measures_all_rows_once_and_then_only_the_next_chunk():
    pool, student = planted({"easy": 0.95, "middling": 0.5, "hard": 0.05}, rows=8)
    seen, runs = asked_by(methods.adcl, pool, 12, student=student, chunks=3, probe=4)
    probes = [set(r.rows.index) for r in seen if isinstance(r, Sample)]
    assert [len(p) for p in probes] == [24, 8, 8] and not probes[1] & probes[2]
    trained = [set(r.rows.index) for r in seen if isinstance(r, Train)]
    assert set.union(*trained[4:8]) == probes[1] and set.union(*trained[8:]) == probes[2]
    found = runs.findings["v", 0]
    assert found.chunk.tolist() == [2, 3] and found.step.tolist() == [4, 8] and found.floor.isna().all()
    assert runs.metrics.chunk.tolist() == [1] * 4 + [2] * 4 + [3] * 4
    assert runs.metrics.nir.iloc[4] == found.nir.iloc[0]
    assert not any(isinstance(r, Copy) for r in seen)


def test_adcl_by_a_column_and_with_its_floor():
    pool = make([3, 1, 2, 4])
    seen, runs = asked_by(methods.adcl, pool, 4, batch_size=1, chunks=2, by="level", floor=True, probe=2)
    assert [r.rows.index.tolist() for r in seen if isinstance(r, Train)][:2] == [["b"], ["c"]]
    assert [(sorted(r.rows.index), r.role) for r in seen if isinstance(r, Sample)] == [
        (["a", "d"], "learner"),
        (["a", "d"], "start"),
    ]
    assert runs.findings["v", 0].floor.notna().all()


# -- EGSR -------------------------------------------------------------------------------------------------------------
def test_put_replaces_failures_one_for_one_and_never_the_last():
    out = answered(make([1, 1]), [[0, 0, 0], [1, 0, 0]], first=7)
    right = answered(make([1]), [[1, 1, 1]]).assign(failed=7, text=["x", "y", "z"])
    one, three = put(out, right.iloc[:1]), put(out, right)
    assert one.text.tolist() == ["x", "1", "2", "3", "4", "5"] and one.reward.tolist() == [1, 0, 0, 1, 0, 0]
    assert three.text.tolist() == ["x", "y", "2", "3", "4", "5"] and three.group.tolist() == [7, 7, 7, 8, 8, 8]
    assert one.turns.iloc[0][0] is right.turns.iloc[0][0] and one.prompt.tolist() == ["q"] * 6
    fresh = Grpo().advantages(one.drop(columns="advantage"))
    assert fresh[:3].tolist() == pytest.approx([2 / 3**0.5, -1 / 3**0.5, -1 / 3**0.5], abs=1e-3)
    pd.testing.assert_frame_equal(put(out, right.iloc[:0]), out)


def test_hints_show_the_solution_where_there_is_one():
    rows = make([1, 1], solution=["1 = 1 {x}", None])
    solution, answer = hinted(rows, "solution")
    assert solution == HINTS["solution"].format(prompt="q", solution="1 = 1 {x}")
    assert answer == HINTS["answer"].format(prompt="q", answer="1") == hinted(rows, "answer")[0]
    assert hinted(rows, "solution", "{answer}<{prompt}") == ["1<q", "1<q"]


def test_egsr_asks_only_for_failed_groups_and_trains_bare_prompts():
    pool, student = planted({"easy": 0.999, "hard": 0.001}, rows=10)
    seen, runs = asked_by(methods.egsr, pool, 10, student=student, batch_size=10)
    helped = [r for r in seen if isinstance(r, Sample) and r.purpose == "guided"]
    assert all(set(r.rows.topic) == {"hard"} and r.n == 2 for r in helped)
    trained = pd.concat([r.rows for r in seen if isinstance(r, Train)])
    assert (trained.prompt == pool.prompt[trained.index]).all() and "failed" not in trained
    saved = trained[(trained.topic == "hard") & (trained.correct > 0)]
    assert len(saved) and set(saved.text) == {"yes"} and (saved.reward == 1).all()
    assert runs.metrics["all wrong"].mean() == pytest.approx(0.5, abs=0.1)
    assert 0 < runs.metrics.rescued.mean() < runs.metrics["all wrong"].mean()
    guided = runs.ledger[runs.ledger.purpose == "guided"]
    assert guided.rollouts.sum() == sum(2 * len(r.rows) for r in helped)  # a rescue is never free


# -- SARI -------------------------------------------------------------------------------------------------------------
def test_sari_warms_up_measures_once_and_walks_its_bins():
    pool, student = planted({"easy": 0.95, "middling": 0.5, "never": 1e-9}, rows=8)
    seen, runs = asked_by(methods.sari, pool, 16, student=student, warm=0.25, bins=2)
    probe = [r for r in seen if isinstance(r, Sample)]
    assert [(len(r.rows), r.n, r.role, r.purpose) for r in probe] == [(24, 8, "base", "probe")]
    kinds = [r.objective for r in seen if isinstance(r, Train)][:16]  # the last is asked when the budget is spent
    assert kinds == ["sft"] * 4 + [None] * 12
    assert runs.metrics.bin.tolist() == [-1] * 4 + [0] * 6 + [1] * 6
    late = runs.exposure[runs.exposure.step > 4].join(pool, on="id")
    assert "never" not in set(late.topic) and runs.metrics.dropped.iloc[-1] == pytest.approx(1 / 3)
    assert (late[late.step <= 10].topic == "easy").mean() > 0.8 > 0.2 > (late[late.step > 10].topic == "easy").mean()


def test_sari_by_a_column_drops_nothing_and_measures_nothing():
    seen, _ = asked_by(methods.sari, make([2, 1]), 4, batch_size=1, warm=0.0, bins=2, by="level")
    assert [r.rows.index[0] for r in seen[:4]] == ["b", "b", "a", "a"]


def test_sari_rewards_sections_in_their_order():
    seen, runs = asked_by(methods.sari, make([1, 1]), 2, warm=0.0, bins=1, by="level", tags=("plan", "summary"))
    trained = [r.rows for r in seen if isinstance(r, Train)]
    assert all({"reward/correct", "reward/tags"} <= set(rows) for rows in trained)
    assert (trained[0].reward == trained[0]["reward/correct"]).all()  # no simulated answer holds a tag


# -- knobs and objectives ---------------------------------------------------------------------------------------------
POOL = make([1, 2, 3, 4])


@pytest.mark.parametrize(
    ("name", "knobs", "why"),
    [
        (
            "adarft",
            {"beta": 1.0},
            "beta=1.0, alpha=2.0, eta=50.0, start=0.0; needs 0 < beta < 1, alpha and eta above "
            "0, and 0 <= start <= 100",
        ),
        ("thompson", {"target": 2}, "target=2, decay=0.5, prior=1.0; target and decay lie in [0, 1], prior above 0"),
        ("thompson", {"candidates": 0}, "candidates=0; give how many rows a step compares, at least 1, or None: all"),
        (
            "learnability",
            {"rho": 2},
            "replay=0.5, rho=2, beta=0.1, buffer=1000; replay and rho lie in [0, 1], beta is "
            "above 0, buffer at least 1",
        ),
        ("learning_progress", {"draw": "ucb"}, "draw='ucb' is unknown; give 'proportional' or 'boltzmann'"),
        (
            "learning_progress",
            {"alpha": 0},
            "alpha=0, theta=0.1, tau=0.05, epsilon=0.2; needs 0 < alpha <= 1, "
            "0 < theta < 1, tau > 0, 0 <= epsilon <= 1",
        ),
        ("adcl", {"chunks": 9}, "chunks=9, probe=8; give 1 to 4 chunks and at least 1 answer a row"),
        ("egsr", {"guide": "teacher"}, "guide='teacher' is unknown; give 'answer' or 'solution'"),
        ("egsr", {"guided": 0}, "guided=0; give how many guided answers a failed group gets, at least 1"),
        ("sari", {"warm": 1}, "warm=1, bins=4, probe=8; needs 0 <= warm < 1, bins and probe of at least 1"),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(name, knobs, why):
    runs = simulate(partial(getattr(methods, name), **knobs), POOL, steps=3, batch_size=2, name="v", objective="grpo")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}


def test_a_pool_that_is_never_answered_rightly_says_so():
    pool, student = planted({"never": 1e-9}, rows=4)
    _, runs = asked_by(methods.sari, pool, 4, student=student)
    why = "no row was answered rightly in 8 tries; train an easier pool, or order it by=..."
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}


@pytest.mark.parametrize("name", ["adarft", "thompson", "learnability", "learning_progress", "adcl", "egsr", "sari"])
def test_without_rewards_they_say_what_is_missing(name):
    runs = simulate(getattr(methods, name), make([1] * 8), budget=Budget(steps=3, work=10**6), batch_size=2, name="v")
    why = f"failed: ValueError: {name} listens to rewards; train it with objective='grpo'"
    assert runs.failed == {("v", 0): why}
