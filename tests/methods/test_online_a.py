"""Bandits, posteriors, filters, value model and walk: their arithmetic worked out by hand, one reply at a time."""

from __future__ import annotations

import re
from functools import partial
from math import comb, sqrt, tanh

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.bench.budget import Budget
from curriculab.bench.check_bench import SimulatedCheckBench
from curriculab.bench.simulate import simulate
from curriculab.methods.online import cures, difficulty_filter, dump, pcl, sec
from curriculab.methods.samplers import BetaPosterior, softmax
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Run, Sample, Score, Train
from curriculab.simulation.pools import planted
from curriculab.simulation.student import Student


def make(level, **columns) -> pd.DataFrame:
    ids = pd.Index([f"r{i}" for i in range(len(level))], name="id")
    return pd.DataFrame({"prompt": "q", "answer": "1", "topic": "x", "level": level, **columns}, index=ids)


def answered(rows: pd.DataFrame, n, right) -> pd.DataFrame:
    """Answers as a Sample brings them, `right` of each row's n: one number, one a row, or a function of the rows."""
    n = np.broadcast_to(n, len(rows))
    of = np.repeat(np.arange(len(rows)), n)
    right = right(rows) if callable(right) else np.broadcast_to(right, len(rows))
    place = np.arange(len(of)) - np.searchsorted(of, of)
    reward = (place < np.asarray(right)[of]).astype(float)
    answered.groups += len(rows)
    return rows.take(of).assign(turns=[()] * len(of), group=answered.groups + of, reward=reward, correct=reward)


answered.groups = 0


def trained(rows: pd.DataFrame, n=8, right=0, advantage=None) -> pd.DataFrame:
    """The reply to a Train; rows that nobody answered are answered first."""
    out = rows if "reward" in rows else answered(rows, n, right)
    return out.assign(loss=0.0, advantage=Grpo().advantages(out) if advantage is None else advantage(out))


# -- SEC --------------------------------------------------------------------------------------------------------------
TWO = make([1, 1, 1, 2, 2, 2])


def shares(request: Train) -> list[float]:
    return [value for name, value in request.note.items() if name.startswith("p/")]


@pytest.mark.parametrize(
    ("absent", "expected"),
    # Q = .4, .2 after |A| = .8, .4 and alpha = 1/2; then arm 1 alone brings .8: Q = .6 and .2 kept, or .1
    [("keep", [0.6, 0.2]), ("decay", [0.6, 0.1])],
)
def test_sec_moves_the_value_of_each_arm_seen(absent, expected):
    made = methods.sec(TWO, Run(0, batch=4), absent=absent)
    request = next(made)
    assert shares(request) == [0.5, 0.5]
    gains = {1: 0.8, 2: 0.4}
    both = trained(TWO, advantage=lambda out: out.level.map(gains) * np.resize([1, -1], len(out)))
    request = made.send(both)
    assert shares(request) == pytest.approx(softmax(np.array([0.4, 0.2]) / 0.4))
    request = made.send(trained(TWO.iloc[:3], advantage=lambda out: np.full(len(out), 0.8)))
    assert shares(request) == pytest.approx(softmax(np.array(expected) / 0.4))


def settle(steps=400, batch=8, **knobs) -> np.ndarray:
    """Mean P of arms with pass rates .02, .2, .5, .8, .98 that never get better."""
    rates, rng = {1: 0.02, 2: 0.2, 3: 0.5, 4: 0.8, 5: 0.98}, np.random.default_rng(0)
    pool = make(np.repeat([1, 2, 3, 4, 5], 20))
    made = methods.sec(pool, Run(0, batch=batch), **knobs)
    request, seen = next(made), []
    for _ in range(steps):
        out = answered(request.rows, 8, lambda rows: rng.binomial(8, rows.level.map(rates)))
        request = made.send(out.assign(advantage=Grpo().advantages(out)))
        seen.append(shares(request))
    return np.mean(seen[50:], axis=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tau", "expected"),
    [
        (0.4, [0.06, 0.23, 0.42, 0.23, 0.06]),
        (0.2, [0.01, 0.18, 0.61, 0.18, 0.01]),
        (1.0, [0.13, 0.23, 0.29, 0.23, 0.13]),
    ],
)
def test_sec_settles_where_the_expected_advantage_says(tau, expected):
    # softmax(E|A| / tau), up to .03 from Q that wanders: E|A| = .094, .630, .868, .630, .094
    assert settle(batch=24, tau=tau) == pytest.approx(expected, abs=0.03)


@pytest.mark.slow
def test_sec_prefers_the_best_arm_more_where_absent_arms_decay():
    kept, decayed = settle(), settle(absent="decay")
    assert decayed[2] - kept[2] == pytest.approx(0.05, abs=0.03)


def test_the_expected_advantage_of_secs_check_is_the_binomials():
    expected = []
    for p in (0.02, 0.2, 0.5):
        means = [np.abs(Grpo().advantages(answered(make([1]), 8, k))).mean() for k in range(9)]
        expected.append(sum(comb(8, k) * p**k * (1 - p) ** (8 - k) * means[k] for k in range(9)))
    assert np.allclose(sec.MEAN_ADVANTAGE[:3], expected, atol=1e-4)


def test_sec_may_be_greedy():
    assert sec.greedy(np.array([0.0, 2.0, 2.0, 1.0]), 0.2).tolist() == pytest.approx([0.05, 0.45, 0.45, 0.05])
    made = methods.sec(TWO, Run(0, batch=4), epsilon=0.1)
    next(made)
    request = made.send(trained(TWO, advantage=lambda out: out.level.map({1: 0.1, 2: 0.5})))
    assert shares(request) == pytest.approx([0.05, 0.95])


# -- DUMP -------------------------------------------------------------------------------------------------------------
def test_dump_upper_bounds_and_shares_by_hand():
    # N = 32, ln 33 = 3.4965: sqrt(6.9930 / 25) = .5289, sqrt(6.9930 / 9) = .8815
    bound = dump.upper_bound(np.array([0.9, 0.1]), np.array([24.0, 8.0]))
    assert bound == pytest.approx([1.4289, 0.9815], abs=1e-4)
    assert softmax(bound / 0.1)[1] == pytest.approx(0.0113, abs=1e-4)  # 1 / (1 + exp(4.474))
    assert dump.upper_bound(np.zeros(3), np.zeros(3)).tolist() == [0, 0, 0]


def test_dump_asks_by_its_bounds_and_counts_answers():
    pool = make([1] * 4, topic=["a", "a", "b", "b"])
    made = methods.dump(pool, Run(0, batch=4))
    assert shares(next(made)) == [0.5, 0.5]
    # 3 rows of a and 1 of b, 8 answers each: n = 24 and 8
    rows = pool.iloc[[0, 0, 1, 2]]
    request = made.send(trained(rows, advantage=lambda out: out.topic.map({"a": 0.9, "b": 0.1})))
    assert shares(request) == pytest.approx([1 - 0.0113, 0.0113], abs=1e-4)


def test_dump_leaves_an_arm_that_is_mastered():
    rates, rng = {"medium": 0.5, "next": 0.3, "far": 0.0}, np.random.default_rng(0)
    pool = make([1] * 30, topic=np.repeat(list(rates), 10))
    made = methods.dump(pool, Run(0, batch=8))
    request, seen = next(made), []
    for step in range(60):
        rates["medium"] = 0.5 if step < 30 else 1.0
        out = answered(request.rows, 16, lambda rows: rng.binomial(16, rows.topic.map(rates)))
        request = made.send(out.assign(advantage=Grpo().advantages(out)))
        seen.append(request.note)
    before, after = pd.DataFrame(seen[20:30]).mean(), pd.DataFrame(seen[-10:]).mean()
    assert before["p/medium"] > 0.5 and before["p/medium"] > before["p/next"]
    # a window of 300 answers is 19 groups, so it is emptied in three steps
    assert after["p/next"] > 0.9 and after["p/medium"] < 0.05 and after["p/far"] < 0.05


def test_dump_listens_to_the_last_answers_of_its_window():
    pool = make([1, 1], topic=["a", "b"])
    made = methods.dump(pool, Run(0, batch=2), window=8, bonus=0.0)
    next(made)
    made.send(trained(pool, advantage=lambda out: np.full(len(out), 0.5)))
    request = made.send(trained(pool.iloc[:1], advantage=lambda out: np.full(len(out), 0.3)))
    assert shares(request) == pytest.approx(softmax(np.array([3.0, 5.0])))  # .3 / .1 and .5 / .1


def test_dump_may_listen_to_what_is_not_normalised():
    # one right of four: the mean of |r - 1/4| is (3/4 + 3/4) / 4 = 2 1/4 3/4 = .375; two of four: .5
    pool = make([1, 1], topic=["a", "b"])
    made = methods.dump(pool, Run(0, batch=2), value="spread", bonus=0.0, tau=1.0)
    next(made)
    request = made.send(trained(pool, n=4, right=[1, 2]))
    assert shares(request) == pytest.approx(softmax(np.array([0.375, 0.5])))


# -- CurES ------------------------------------------------------------------------------------------------------------
def counted(right, asked) -> BetaPosterior:
    posterior = BetaPosterior(len(right))
    posterior.update(np.arange(len(right)), np.array(right), np.array(asked))
    return posterior


@pytest.mark.parametrize(
    ("tau", "expected"), [(0.1, [0.09, 0.25, 0.33, 0.25, 0.09]), (0.5, [0.18, 0.21, 0.22, 0.21, 0.18])]
)
def test_cures_draws_by_the_posterior(tau, expected):
    after_four = counted([0, 1, 2, 3, 4], [4] * 5)  # p = 1/6, 2/6, 3/6, 4/6, 5/6
    assert cures.chances(after_four, tau) == pytest.approx(expected, abs=0.006)


def test_cures_released_sampler_is_nearly_even():
    p = cures.chances(counted([0, 1, 2, 3, 4], [4] * 5), 0.1, "code")
    assert p.max() / p.min() == pytest.approx(1.003, abs=0.0005)


def test_cures_quota_is_a_bell_that_is_zero_where_answers_agree():
    sigma = cures.spread(counted([0, 1, 2, 3, 4, 0], [4] * 5 + [0]))
    assert sigma == pytest.approx([0, sqrt(3) / 4, 1 / 2, sqrt(3) / 4, 0, 0])
    # 32 (.433, .5, .433) / 1.366 = 10.14, 11.71, 10.14
    assert cures.quota(sigma, 32).tolist() == [0, 10, 12, 10, 0, 0]
    assert cures.quota(np.array([0.5, 0.43, 0.0]), 16).tolist() == [9, 7, 0]
    assert cures.quota(np.zeros(3), 16).tolist() == [0, 0, 0]


def test_cures_quota_keeps_its_bounds_and_its_total():
    assert cures.quota(np.array([0.5, 0.01, 0.5]), 16, n_min=2).tolist() == [7, 2, 7]
    assert cures.quota(np.array([0.5, 0.1, 0.1]), 16, n_max=8).tolist() == [8, 4, 4]
    assert cures.quota(np.array([0.5, 0.1, 0.0]), 16, n_max=6).tolist() == [6, 6, 0]  # no room for the other 4
    rng = np.random.default_rng(0)
    for _ in range(200):
        sigma = rng.random(rng.integers(1, 12)) * (rng.random() < 0.9)
        n = cures.quota(sigma, 96, 2, 32)
        some = sigma > 0
        assert (n[~some] == 0).all() and (n[some] >= 2).all() and (n <= 32).all()
        assert n.sum() == min(96, 32 * some.sum())


def test_cures_opens_each_subset_with_a_probe_and_forgets_the_last():
    pool = make(range(12))
    made = methods.cures(pool, Run(0, batch=4, rollouts=8), subset=6, subset_steps=2)
    probe, seen = next(made), []
    for _ in range(4):
        assert isinstance(probe, Sample) and (probe.n, probe.purpose, len(probe.rows)) == (4, "probe", 6)
        seen += probe.rows.index.tolist()
        request = made.send(answered(probe.rows, 4, lambda rows: rows.level % 3))  # 0, 1 or 2 of 4
        for _ in range(2):
            assert isinstance(request, Sample) and request.purpose == "answer"
            assert not (request.rows.level % 3 == 0).any()  # sigma 0: no answers
            assert sum(request.n) == 32 and min(request.n) >= 2 and request.rows.index.is_unique
            out = answered(request.rows, request.n, np.array(request.n) // 2)
            train = made.send(out)
            assert isinstance(train, Train) and train.rows.index.equals(out.index)
            request = made.send(trained(train.rows))
        probe = request
    assert sorted(seen[:12]) == sorted(seen[12:]) == sorted(pool.index)  # disjoint, then the next pass


def test_cures_counts_the_answers_of_training():
    pool = make([0, 1])
    made = methods.cures(pool, Run(0, batch=2, rollouts=8), subset_steps=3)
    request = made.send(answered(next(made).rows, 4, [2, 2]))
    first = dict(zip(request.rows.index, request.n, strict=True))  # 16 answers on one row or on both, all right
    train = made.send(answered(request.rows, request.n, request.n))
    assert train.note["p"] == pytest.approx(0.5) and sum(first.values()) == 16
    request = made.send(trained(train.rows))
    train = made.send(answered(request.rows, request.n, request.n))
    n = [first.get(row, 0) for row in pool.index]
    assert train.note["p"] == pytest.approx(np.mean([(2 + k + 1) / (4 + k + 2) for k in n]))


def test_cures_goes_on_where_all_answers_agree():
    pool = make(range(6))
    runs = simulate(
        partial(methods.cures, subset_steps=3),
        pool,
        steps=6,
        batch_size=4,
        rollouts=4,
        objective=Grpo(),
        learner=Student(start=-50.0),
    )
    assert runs.failed == {} and (runs.metrics.rows == 16).all()


# -- PCL --------------------------------------------------------------------------------------------------------------
def embedding(rows: pd.DataFrame) -> pd.DataFrame:
    x = [np.array([level, level**2, 1.0]) for level in rows.level]
    return rows[[]].assign(embedding=pd.Series(x, index=rows.index, dtype=object))


def test_pcl_value_is_the_discounted_ridge_regression():
    rng = np.random.default_rng(0)
    value, batches = pcl.Value(ridge=0.3, memory=0.9), []
    assert value(rng.normal(size=(4, 3))).tolist() == [0.5] * 4
    for _ in range(3):
        z, rate = rng.normal(size=(5, 3)), rng.random(5)
        batches.append((z, rate))
        value.update(z, rate)
    age = np.repeat([2, 1, 0], 5)
    z, rate = np.concatenate([b[0] for b in batches]), np.concatenate([b[1] for b in batches])
    # ordinary least squares of rows scaled by sqrt(memory^age), with sqrt(ridge) rows added for the penalty
    scale = np.sqrt(0.9**age)
    rows = np.concatenate([z * scale[:, None], np.sqrt(0.3) * np.eye(3)])
    w = np.linalg.lstsq(rows, np.concatenate([(rate - 0.5) * scale, np.zeros(3)]), rcond=None)[0]
    assert np.allclose(value(z), 0.5 + z @ w)


def test_pcl_reads_each_candidate_once_and_trains_the_nearest():
    pool = make(np.arange(40))
    made = methods.pcl(pool, Run(0, batch=4), k=4)
    request, read, last = next(made), set(), None
    for step in range(12):
        if isinstance(request, Score):
            assert (request.measure, request.role) == ("embedding", "base")
            assert len(request.rows) <= 16 and not read & set(request.rows.index)
            read |= set(request.rows.index)
            request = made.send(embedding(request.rows))
        assert isinstance(request, Train) and len(request.rows) == 4 and set(request.rows.index) <= read
        if step == 0:
            assert request.note["value"] == 0.5
        last = request
        request = made.send(trained(request.rows, n=8, right=lambda rows: (8 - rows.level // 5).to_numpy()))
    assert abs(last.rows.level.mean() - 20) < 6  # 4 of 8 right at levels 20 to 24
    assert len(read) == 40


def test_pcl_projects_long_embeddings_and_fills_batches_of_small_pools():
    embedded = pcl.Embedded(1000, 4, np.random.default_rng(0))
    embedded.add(np.array([3, 5]), np.random.default_rng(1).normal(size=(2, 50)))
    assert embedded[np.array([5, 3, 5])].shape == (3, 5) and embedded.missing(np.array([5, 9])).tolist() == [9]
    made = methods.pcl(make([1, 2, 3]), Run(0, batch=8))
    request = made.send(embedding(next(made).rows))
    assert len(request.rows) == 8 and set(request.rows.index) == {"r0", "r1", "r2"}


def test_pcl_values_foretell_the_next_batch():
    pool, student = planted({"a": 0.9, "b": 0.6, "c": 0.3})
    runs = simulate(partial(methods.pcl, k=1), pool, steps=40, batch_size=16, objective=Grpo(), learner=student)
    late = runs.metrics[runs.metrics.step > 20]  # random batches (k = 1): explained variance above 0
    assert 1 - late["last error"].mean() / late["last spread"].mean() > 0.3


# -- GAIN-RL ----------------------------------------------------------------------------------------------------------
def test_gain_rl_walks_by_accuracy_and_angle():
    pool = make(np.arange(160), difficulty=np.arange(160) % 7)
    made = methods.gain_rl(pool, Run(0, batch=4))
    request = next(made)
    assert isinstance(request, Score) and request.measure == "angle" and len(request.rows) == 160
    request = made.send(request.rows[[]].assign(angle=-np.arange(160.0)))  # row 0 is the most concentrated
    mu = 0.0
    for right, ang in ((8, 0.4), (4, 0.2), (0, 0.1), (8, 0.9)):
        assert isinstance(request, Sample) and len(request.rows) == 4 and request.n == 8
        assert abs(request.rows.level - mu).max() < 6 * 20 + 4
        out = answered(request.rows, 8, right)
        request = made.send(out)
        assert isinstance(request, Score) and request.measure == "angle" and len(request.rows) == 32
        request = made.send(out[[]].assign(angle=ang))
        assert isinstance(request, Train) and request.note == {
            "mu": pytest.approx(mu),
            "accuracy": right / 8,
            "angle": pytest.approx(ang),
        }
        request = made.send(trained(request.rows))
        # n = 160 / 16 = 10 ranks, at most 20: 10 tanh(2 (acc - .5)) + 10 tanh(2 ang)
        mu += min(max(10 * tanh(2 * (right / 8 - 0.5)) + 10 * tanh(2 * ang), 0), 20)
    # 10 tanh(1) + 10 tanh(.8) = 14.26; 0 + 3.80; -7.62 + 1.97 < 0; 7.62 + 9.47
    assert mu == pytest.approx(14.26 + 3.80 + 0 + 17.08, abs=0.02)


def test_gain_rl_stays_at_the_last_rank():
    pool = make([1] * 30)
    runs = simulate(
        methods.gain_rl, pool, steps=60, batch_size=4, rollouts=4, objective=Grpo(), learner=Student(start=3.0)
    )
    assert runs.failed == {} and runs.metrics["mu"].iloc[-1] == 29.0
    assert runs.metrics["mu"].is_monotonic_increasing and runs.metrics["mu"].diff().max() <= 30 / 8 + 1e-9


def test_gain_rl_walks_over_any_column_and_may_leave_the_answers_unread():
    pool = make([5, 3, 1, 4, 2])
    made = methods.gain_rl(pool, Run(0, batch=2), by="level", sigma=0.01, angle=False)
    request = next(made)
    assert isinstance(request, Sample) and request.rows.level.tolist() == [1, 2]  # lowest first
    request = made.send(answered(request.rows, 8, 8))
    assert isinstance(request, Train) and request.note["angle"] == 0.0
    small = methods.gain_rl(make([1, 2]), Run(0, batch=5), by="level")
    assert sorted(set(next(small).rows.index)) == ["r0", "r1"]


# -- filters ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("inclusive", "kept"), [("both", [1, 2, 3, 4]), ("neither", [2, 3])]
)  # of 5 answers, the band [.2, .8]: 1/5 and 4/5 are its ends
def test_the_band_holds_its_ends_or_not(inclusive, kept):
    out = answered(make(range(6)), 5, range(6))
    group, inside = difficulty_filter.in_band(out, 0.2, 0.8, inclusive)
    assert out[np.isin(group, inside)].level.unique().tolist() == kept


def test_the_filter_asks_until_the_batch_is_full_and_drops_the_surplus():
    pool = make(range(20))
    made = methods.difficulty_filter(pool, Run(0, batch=4, rollouts=8))
    request, asked = next(made), []
    for right in ([0, 8, 4, 8], [8, 3, 0, 0], [4, 5, 6, 0]):  # 1, then 1, then 3 in the band: one too many
        assert isinstance(request, Sample) and request.n == 8 and request.purpose == "answer"
        asked.append(request.rows.index)
        request = made.send(answered(request.rows, 8, right))
    assert isinstance(request, Train) and request.note == {"accepted": 5 / 12, "asked": 12}
    ids = list(dict.fromkeys(request.rows.index))
    assert ids == [asked[0][2], asked[1][1], asked[2][0], asked[2][1]] and len(request.rows) == 32
    assert len(set(np.concatenate(asked))) == 12  # refilled from the queue
    following = made.send(trained(request.rows))
    assert isinstance(following, Sample) and asked[2][2] not in following.rows.index


def test_the_filter_trains_what_there_is_after_its_last_round():
    made = methods.difficulty_filter(make(range(20)), Run(0, batch=4, rollouts=8), rounds=2, oversample=1.5)
    request = next(made)
    assert len(request.rows) == 6
    made.send(answered(request.rows, 8, 0))
    request = made.send(answered(request.rows, 8, [4, 0, 0, 0, 0, 8]))
    assert isinstance(request, Train) and len(request.rows) == 8 and request.note["accepted"] == 1 / 12


def test_the_filter_trains_nothing_where_nothing_passes_and_still_ends():
    pool = make(range(20))
    runs = simulate(
        methods.difficulty_filter, pool, steps=5, batch_size=4, objective=Grpo(), learner=Student(start=-50.0)
    )
    assert runs.failed == {} and len(runs.metrics) == 0
    assert runs.records[0].spec["ended"] == "ceiling on work"


def test_rejected_answers_are_charged():
    pool, student = planted({"medium": 0.5, "mastered": 1 - 1e-9})
    runs = simulate(
        methods.difficulty_filter, pool, budget=Budget(rollouts=800), batch_size=4, objective=Grpo(), learner=student
    )
    assert runs.ledger.rollouts.sum() >= 800 and (runs.metrics["rows"] == 32).all()
    assert runs.ledger.rollouts.sum() > 1.5 * runs.metrics["rows"].sum()
    groups = runs.groups.set_index("id")
    assert (groups.loc[groups.index.str.contains("mastered"), "trained"] == 0).all()
    assert (runs.metrics.signal == 1.0).all()


def test_dynamic_sampling_keeps_groups_that_disagree():
    made = methods.dynamic_sampling(make(range(30)), Run(0, batch=4, rollouts=8))
    request = next(made)
    assert len(request.rows) == 12  # three batches
    request = made.send(answered(request.rows, 8, [0, 8, 1, 7, 8, 4, 0, 0, 0, 0, 2, 3]))
    assert isinstance(request, Train)
    assert request.rows.groupby("group", sort=False).reward.sum().tolist() == [1, 7, 4, 2]


# -- what is refused --------------------------------------------------------------------------------------------------
LISTENING = ("sec", "dump", "cures", "pcl", "gain_rl")


@pytest.mark.parametrize("name", [*LISTENING, "difficulty_filter", "dynamic_sampling"])
def test_supervised_training_is_refused_in_one_line(name):
    runs = simulate(getattr(methods, name), make([1, 2] * 12), steps=60, batch_size=4, objective="sft", name="it")
    who = name if name in LISTENING else "the filter"
    assert runs.failed == {("it", 0): f"failed: ValueError: {who} listens to rewards; train it with objective='grpo'"}


@pytest.mark.parametrize(
    ("name", "knobs", "message"),
    [
        ("sec", {"alpha": 0}, "alpha=0 is no step of an average; give one above 0, at most 1"),
        ("sec", {"tau": 0}, "tau=0 is no temperature; give one above 0 (0.2 to 1 in the paper)"),
        ("sec", {"absent": "drop"}, "absent='drop' is unknown; give 'keep' (the paper) or 'decay' (its released code)"),
        ("sec", {"epsilon": 2}, "epsilon=2 is no share of draws; give one in [0, 1], or None for softmax(Q / tau)"),
        ("sec", {"arms": "source"}, "arms='source' is no column of the pool; it has prompt, answer, topic, level"),
        ("dump", {"tau": -1}, "tau=-1 is no temperature; give one above 0 (0.1 in the paper)"),
        ("dump", {"window": 0}, "window=0 answers have no mean; give at least 1 (300 in the released code)"),
        ("dump", {"bonus": -1}, "bonus=-1 would shun what is unknown; give at least 0 (1 in the paper)"),
        ("dump", {"value": "x"}, "value='x' is unknown; give 'advantage' (the paper) or 'spread' (not normalised)"),
        ("cures", {"tau": 0}, "tau=0 is no temperature; give one above 0"),
        ("cures", {"sampler": "x"}, "sampler='x' is unknown; give 'paper' or 'code' (the released one, nearly even)"),
        ("cures", {"cold": 0}, "cold=0 leaves nothing to learn from; give at least 1"),
        ("cures", {"n_max": 4}, "n_min=2, n_max=4 must lie around the 8 answers a row of this bench"),
        ("pcl", {"k": 0}, "k=0, features=128: give at least 1 candidate a place and 1 feature"),
        ("pcl", {"tau": 2}, "tau=2 is no pass rate; give one in [0, 1]"),
        ("pcl", {"ridge": 0}, "ridge=0 leaves V open before it has seen enough; give one above 0"),
        ("pcl", {"memory": 2}, "memory=2 is no share; give one in [0, 1] (1 forgets nothing)"),
        ("gain_rl", {"sigma": 0}, "sigma=0 is no share of the pool; give one above 0"),
        ("difficulty_filter", {"low": 0.9}, "low=0.9, high=0.8: no pass rate lies between; give low <= high"),
        ("difficulty_filter", {"inclusive": "left"}, "inclusive='left' is unknown; give 'both' or 'neither'"),
        (
            "dynamic_sampling",
            {"rounds": 0},
            "rounds=0, oversample=3.0 ask nothing; give at least 1 round and more than 0",
        ),
    ],
)
def test_knobs_that_mean_nothing(name, knobs, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        next(getattr(methods, name)(TWO, Run(0, batch=4), **knobs))


# -- checks on other seeds --------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize("name", [*LISTENING, "difficulty_filter", "dynamic_sampling"])
def test_a_claim_holds_for_other_seeds(name):
    entry = next(e for e in methods.CATALOG if e.function == name)
    found = entry.check(SimulatedCheckBench(seeds=(7, 8, 9)))
    assert found.held, found
