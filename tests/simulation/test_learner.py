"""The simulated student against numbers worked out by hand, and the two claims that make it worth having."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from curriculab.bench.budget import Budget, evaluation_shares
from curriculab.bench.simulate import simulate
from curriculab.environments.turns import ask, say, tell
from curriculab.methods import baby_steps, competence, easy_to_hard, hard_to_easy
from curriculab.methods.order.random_order import random_order
from curriculab.objectives.grpo import Grpo
from curriculab.objectives.registry import OBJECTIVES
from curriculab.protocol import Ask, Copy, Run, Sample, Score, Train
from curriculab.rewards import verify
from curriculab.simulation.learner import SimulatedLearner
from curriculab.simulation.permuted import with_permuted_feedback
from curriculab.simulation.pools import CHAIN_STUDENT, chain, chain_pool, planted
from curriculab.simulation.scoring import MEASURES
from curriculab.simulation.student import Student

PLAIN = Student(rate=0.1, start=0.0, varies=0.0, spread=1.0)


@pytest.fixture
def pool() -> pd.DataFrame:
    # levels 1 and 3: mean 2, standard deviation 1, so difficulties -1 and +1 logits
    table = {"prompt": "q", "answer": ["2", "4", "6", "8"], "topic": ["a", "a", "b", "b"], "level": [1, 3, 1, 3]}
    return pd.DataFrame(table, index=pd.Index(["a1", "a3", "b1", "b3"], name="id"))


class Room:
    """One student and one job, to be asked directly."""

    def __init__(self, student, *tables, objective="sft", seed=0, **more):
        resolve = OBJECTIVES[objective]() if isinstance(objective, str) else objective
        self.learner = SimulatedLearner(student, *tables, objective=lambda request: resolve, **more)
        self.owner, self.turn = ("v", seed), 0

    def ask(self, request, place=0):
        return Ask(self.owner, self.turn, place, (self.owner[1], self.turn, place), request)

    def __call__(self, request, place=0):
        (answer,) = self.learner.answer([self.ask(request, place)])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def ability(self, role="learner"):
        return self.learner.ability(self.owner, role)


def idle(pool, run):
    yield Train(pool)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# -- learning ---------------------------------------------------------------------------------------------------------
def test_loss_is_minus_log_p_before_the_step(pool):
    room = Room(PLAIN, pool)
    answer = room(Train(pool))
    assert np.allclose(answer.reply.loss, -np.log(sigmoid(np.array([1, -1, 1, -1]))))
    assert answer.learned.tolist() == [2, 2, 2, 2]  # one byte and the end
    assert answer.tokens == 4 * (2 + 2)


def test_a_row_raises_its_own_skill_by_rate_times_four_p_q(pool):
    room = Room(PLAIN, pool)
    room(Train(pool.loc[["a1", "a3"]]))
    p = sigmoid(1.0)  # p (1 - p) is the same at +1 and -1
    assert np.allclose(room.ability(), [2 * 0.1 * 4 * p * (1 - p), 0.0])


def test_weights_scale_what_is_learned(pool):
    room, heavy = Room(PLAIN, pool), Room(PLAIN, pool)
    room(Train(pool))
    heavy(Train(pool.assign(weight=3.0)))
    assert np.allclose(heavy.ability(), 3 * room.ability())


def test_learning_is_most_between_mastered_and_out_of_reach(pool):
    gains = []
    for start in (-4.0, -1.0, 2.0):  # the row's difficulty is -1
        room = Room(replace(PLAIN, start=start), pool)
        room(Train(pool.loc[["a1"]]))
        gains.append(room.ability()["a"] - start)
    assert gains[1] == pytest.approx(0.1)  # 4 p (1 - p) = 1 at p = 1/2
    assert gains[1] > 2 * gains[0] and gains[1] > 2 * gains[2]


def test_wrong_texts_unlearn_and_unknown_ones_do_nothing(pool):
    right, wrong, unknown = Room(PLAIN, pool), Room(PLAIN, pool), Room(PLAIN, pool)
    row = pool.loc[["a1"]]
    right(Train(say(row, "2")))
    wrong(Train(say(row, "3")))
    unknown(Train(say(ask(row, "Why?"), "because")))
    assert right.ability()["a"] > 0 and wrong.ability()["a"] == -right.ability()["a"]
    assert unknown.ability()["a"] == 0


def test_skills_left_alone_are_forgotten(pool):
    room = Room(replace(PLAIN, forget=0.25), pool)
    room(Train(pool.loc[["a1"]]))
    learned = room.ability()["a"]
    room(Train(pool.loc[["b1"]]))
    assert room.ability()["a"] == pytest.approx(0.75 * learned)


def test_a_row_is_learnable_as_far_as_its_prerequisite_is_mastered(pool):
    free, bound = Room(PLAIN, pool), Room(replace(PLAIN, prerequisites=chain("a", "b")), pool)
    for room in (free, bound):
        room(Train(pool.loc[["b1"]]))
    # mean difficulty of skill a is 0, as is its ability: half mastered
    assert bound.ability()["b"] == pytest.approx(0.5 * free.ability()["b"])


def test_students_start_apart_by_seed_and_alike_across_variants(pool):
    student = Student(varies=0.5)
    one, same, other = (Room(student, pool, seed=s).ability() for s in (1, 1, 2))
    assert one.tolist() == same.tolist() != other.tolist()


@pytest.mark.parametrize("scale", ["group", "none"])
def test_grpo_normalises_within_ragged_groups_and_moves_along_the_gradient(pool, scale):
    room = Room(PLAIN, pool, objective=Grpo(scale_rewards=scale))
    rows = say(pool.loc[["a1", "a1", "a1", "b3", "b3"]], ["2", "2", "x", "8", "x"])
    rows = rows.assign(group=[5, 5, 5, 9, 9], reward=[1.0, 1.0, 0.0, 1.0, 0.0])
    reply = room(Train(rows)).reply
    deviation = [1 / 3, 1 / 3, -2 / 3, 0.5, -0.5]
    spread = [np.sqrt(1 / 3)] * 3 + [np.sqrt(0.5)] * 2  # sample standard deviations, n - 1
    expected = np.array(deviation) / (np.array(spread) + 1e-4) if scale == "group" else np.array(deviation)
    assert np.allclose(reply.advantage, expected)
    p = np.array([sigmoid(1)] * 3 + [sigmoid(-1)] * 2)
    push = 0.1 * 2 * expected * (np.array([1, 1, 0, 1, 0]) - p) / np.array([3, 3, 3, 2, 2])
    assert np.allclose(room.ability(), [push[:3].sum(), push[3:].sum()])


def test_mean_advantage_follows_the_pass_rate():
    # E|A| for groups of 8 at p = .5 is .87, at p = .1 it is .39 (exact binomial sums with the sample deviation)
    for p, expected in ((0.5, 0.87), (0.1, 0.39)):
        rows = pd.DataFrame({"prompt": "q", "answer": "1"}, index=[f"r{i}" for i in range(2000)])
        student = replace(PLAIN, start=np.log(p / (1 - p)))
        room = Room(student, rows, objective="grpo")
        answers = room(Sample(rows, n=8)).reply
        advantage = room(Train(answers)).reply.advantage
        assert advantage.abs().mean() == pytest.approx(expected, abs=0.02)


# -- answers ----------------------------------------------------------------------------------------------------------
def test_sampled_answers_are_right_with_probability_p_and_say_what_they_are(pool):
    room = Room(PLAIN, pool)
    out = room(Sample(pool, n=2000)).reply
    assert out.groupby(level=0).correct.mean().to_numpy() == pytest.approx(sigmoid(np.array([1, -1, 1, -1])), abs=0.04)
    assert all(verify(t, a) == c for t, a, c in zip(out.text, out.answer, out.correct, strict=True))
    assert out.group.nunique() == 4 and out.ended.eq("eos").all()
    assert out.length.tolist() == [len(t) + 1 for t in out.text]
    right = out[out.correct == 1].groupby(level=0).logprob.first()
    assert np.allclose(np.exp(right), sigmoid(np.array([1, -1, 1, -1])))
    assert out.turns.iloc[0][-1].text == out.text.iloc[0] and out.turns.iloc[0][-1].learn


def test_wrong_texts_never_verify_whatever_the_truth():
    answers = ["wrong answer 3", "no answer", "1,000", "x y", ""]
    rows = pd.DataFrame({"prompt": "q", "answer": answers}, index=[f"r{i}" for i in range(5)])
    out = Room(replace(PLAIN, start=-20.0), rows)(Sample(rows, n=50)).reply
    assert out.correct.eq(0).all()
    assert not any(verify(t, a) for t, a in zip(out.text, out.answer, strict=True))
    assert out.loc["r2"].text.nunique() > 3


def test_noise_is_keyed_by_stream_and_row_not_by_neighbours(pool):
    room = Room(PLAIN, pool)
    whole = room(Sample(pool, n=6)).reply.text
    part = room(Sample(pool.loc[["b3", "a1"]], n=[6, 2])).reply.text
    assert part["b3"].tolist() == whole["b3"].tolist()
    assert part["a1"].tolist() == whole["a1"].tolist()[:2]
    assert room(Sample(pool, n=6), place=1).reply.text.tolist() != whole.tolist()


def test_a_row_asked_twice_is_answered_twice(pool):
    out = Room(PLAIN, pool)(Sample(pool.loc[["a1", "a1"]], n=40)).reply
    first, second = out.text[:40].tolist(), out.text[40:].tolist()
    assert first != second and out.group.nunique() == 2


def test_greedy_answers_stay_until_the_ability_moves(pool):
    room = Room(PLAIN, pool)
    first = room(Sample(pool, temperature=0.0)).reply.text.tolist()
    assert room(Sample(pool, temperature=0.0), place=3).reply.text.tolist() == first
    for _ in range(200):
        room(Train(pool))
    assert room(Sample(pool, temperature=0.0)).reply.correct.eq(1).all()


def test_exam_rows_come_without_answers_and_are_answered_by_id(pool):
    out = Room(replace(PLAIN, start=20.0), pool)(Sample(pool.drop(columns="answer"), purpose="test")).reply
    assert out.text.tolist() == ["2", "4", "6", "8"] and out.correct.isna().all() and "answer" not in out


def test_a_conversation_keeps_its_group_and_its_turns(pool):
    room = Room(PLAIN, pool)
    first = room(Sample(pool, n=2)).reply
    second = room(Sample(tell(first, "Sure?")), place=1).reply
    assert second.group.tolist() == first.group.tolist()
    assert [len(t) for t in second.turns] == [3] * 8


def test_options_are_chosen_right_with_probability_p_of_the_guessing_model():
    n = 4000
    rows = pd.DataFrame({"prompt": "q", "answer": "w"}, index=[f"r{i}" for i in range(n)])
    rows["options"] = [["u", "v", "w", "x"]] * n
    room = Room(replace(PLAIN, start=0.0), rows)
    reply = room(Score(rows.drop(columns="answer"), "options")).reply
    assert (reply.text == "w").mean() == pytest.approx(0.25 + 0.75 * 0.5, abs=0.03)
    values = np.stack(reply.options.to_list())
    assert np.allclose(np.exp(values).sum(1), 1)
    assert (np.array(["u", "v", "w", "x"])[values.argmax(1)] == reply.text).all()


def test_scores_by_hand(pool):
    room = Room(PLAIN, pool)
    p = sigmoid(np.array([1, -1, 1, -1]))
    assert np.allclose(room(Score(pool, "nll")).reply.nll, -np.log(p))
    wrong = room(Score(say(pool, "no"), "nll")).reply.nll
    assert np.allclose(wrong, -np.log((1 - p) / 9))
    entropy = -p * np.log(p) - (1 - p) * np.log((1 - p) / 9)
    assert np.allclose(room(Score(pool, "entropy")).reply.entropy, entropy)
    tokens = room(Score(pool, "nll", per="token")).reply.nll
    assert [len(t) for t in tokens] == [2, 2, 2, 2] and np.allclose([t.mean() for t in tokens], -np.log(p))
    assert np.allclose(room(Score(pool, "angle")).reply.angle, p)
    inside = np.stack(room(Score(pool, "embedding")).reply.embedding)  # one-hot of the skill, and the difficulty
    assert np.allclose(inside[:, :2], [[1, 0], [1, 0], [0, 1], [0, 1]]) and np.allclose(inside[:, 2], [-1, 1, -1, 1])
    assert MEASURES == ("nll", "options", "entropy", "angle", "angle_across", "embedding")


def write_hints(rows, rng):
    return [f"hint {rng.integers(10)} for {p}" for p in rows.prompt]


def test_other_purposes_are_written_by_the_methods_writers(pool):
    room = Room(PLAIN, pool, writers={"v": {"hint": write_hints}})
    out = room(Sample(ask(pool, "Give a hint."), purpose="hint")).reply
    assert out.text.str.match(r"hint \d for Give a hint\.").all() and out.correct.isna().all()
    assert room(Sample(ask(pool, "Give a hint."), purpose="hint")).reply.text.tolist() == out.text.tolist()


@pytest.mark.parametrize(
    ("request_of", "message"),
    [
        (
            lambda p: Sample(p, purpose="poem"),
            "the simulated learner cannot write for purpose='poem'; it knows answer, test, probe; "
            "add it to WRITERS in the method's file",
        ),
        (
            lambda p: Score(p, "beauty"),
            "the simulated learner has no measure 'beauty'; it knows nll, options, entropy, angle, angle_across, "
            "embedding",
        ),
        (
            lambda p: Score(p, "options", per="token"),
            "Score('options', per='token'); 'nll' and 'entropy' go per 'row' or 'token'",
        ),
        (
            lambda p: Score(p.assign(options=[["1", "3"]] * 4), "options"),
            "Score('options') of row 'a1', whose options do not hold its answer; drop such rows",
        ),
        (
            lambda p: Sample(p, role="techer"),
            "no adapter 'techer' yet; there are base, init, learner; make it first with Copy('init', to='techer')",
        ),
        (lambda p: Sample(p, n=[1, 1, 0, 1]), "Sample with n=0 for row 'b1'; ask for at least 1 answer"),
        (lambda p: Copy("learner", to="init"), "Copy to 'init'; 'init' and 'base' never change: copy to another name"),
        (
            lambda p: Train(p, role="base"),
            "Train of 'base', which never changes; copy it to another name and train that",
        ),
        (
            lambda p: Train(p.rename(index={"a1": "new"}).drop(columns="level")),
            "row 'new' is new to the simulated learner; give it 'topic' and 'level', or `parents` that it knows",
        ),
        (
            lambda p: Sample(ask(p.rename(index={"a1": "new"}), "Why?")),
            "nobody told the simulated learner the answer to row 'new'; give it `answer`",
        ),
    ],
)
def test_what_the_student_cannot_do_is_said_in_one_line(pool, request_of, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Room(PLAIN, pool)(request_of(pool))


def test_unknown_prerequisites_are_named(pool):
    with pytest.raises(ValueError, match="^prerequisites name the skill 'c'; column 'topic' holds a, b$"):
        SimulatedLearner(Student(prerequisites=chain("a", "c")), pool)


def test_new_rows_are_known_by_their_columns_or_their_parents(pool):
    room = Room(PLAIN, pool)
    own = pd.DataFrame({"prompt": ["q"], "answer": ["1"], "topic": ["a"], "level": [3]}, index=["n1"])
    child = pd.DataFrame({"prompt": ["q"], "answer": ["1"], "parents": [["a1", "a3"]]}, index=["n2"])
    assert room(Train(own)).reply.loss.item() == pytest.approx(-np.log(sigmoid(-1)))
    room = Room(PLAIN, pool)
    assert room(Train(child)).reply.loss.item() == pytest.approx(-np.log(0.5))  # between -1 and 1


# -- adapters ---------------------------------------------------------------------------------------------------------
def test_copies_snapshot_rewind_and_average(pool):
    room = Room(PLAIN, pool)
    room(Train(pool))
    room(Copy("learner", to="best"))
    best = room.ability("best")
    room(Train(pool))
    later = room.ability()
    assert (later > best).all()
    room(Copy({"best": 0.25, "learner": 0.75}, to="mean"))
    assert np.allclose(room.ability("mean"), 0.25 * best + 0.75 * later)
    room(Copy("best", to="learner"))
    assert room.ability().tolist() == best.tolist()
    room(Copy("init", to="learner"))
    assert room.ability().tolist() == [0.0, 0.0] == room.ability("base").tolist()
    room(Copy(None, to="best"))
    with pytest.raises(ValueError, match="^no adapter 'best' yet"):
        room.ability("best")


def test_roles_learn_apart(pool):
    room = Room(PLAIN, pool)
    room(Copy("init", to="teacher"))
    room(Train(pool, role="teacher"))
    assert (room.ability("teacher") > 0).all() and (room.ability() == 0).all()


# -- the two claims ---------------------------------------------------------------------------------------------------
T_7 = 2.364624  # 97.5% point of Student's t with 7 degrees of freedom
SEEDS = tuple(range(8))


def intervals(pool, student, steps, *variants):
    """95% interval of each variant's paired difference to random order at the end, over eight seeds."""
    tried = {"random": random_order, **{str(i): method for i, method in enumerate(variants)}}
    runs = simulate(tried, pool, steps=steps, batch_size=8, seed=SEEDS, learner=student, tests=pool)
    end = runs.accuracy().query("step > 0").pivot(index="seed", columns="variant", values="accuracy")
    for name in list(tried)[1:]:
        off = end[name] - end.random
        half = T_7 * off.std() / np.sqrt(len(SEEDS))
        yield off.mean() - half, off.mean() + half


@pytest.mark.slow
def test_on_a_chain_of_prerequisites_easy_to_hard_beats_random_and_hard_to_easy_loses():
    pool = chain_pool()
    student = replace(CHAIN_STUDENT, prerequisites=chain(*[f"skill {i}" for i in range(1, 7)]))
    easy, hard = intervals(pool, student, len(pool) // 8, easy_to_hard, hard_to_easy)
    assert easy[0] > 0.2
    assert hard[1] < -0.05


@pytest.mark.slow
def test_on_exchangeable_rows_no_order_is_better_than_random():
    rng = np.random.default_rng(1)
    pool = chain_pool().assign(level=1)  # six skills, none needing another, all equally hard
    pool["score"] = rng.normal(size=len(pool))  # something to sort by that means nothing
    orders = [partial(method, by="score") for method in (easy_to_hard, hard_to_easy, baby_steps, competence)]
    # one pass: over half of it a sorted order would train the same half in every seed, whatever its mixture of skills
    easy, hard, baby, comp = intervals(pool, CHAIN_STUDENT, 60, *orders)
    for low, high in (easy, hard, baby, comp):
        assert low <= 0
        assert 0 < high - low < 0.1  # the chain's effects of -0.16 and 0.44 would have been seen
    assert easy[1] >= 0 and hard[1] >= 0  # the other two repeat few rows at first, and may lose by that


# -- simulate ---------------------------------------------------------------------------------------------------------
def test_simulate_gives_the_tables_of_a_bench(pool):
    runs = simulate(random_order, pool, steps=4, batch_size=2, seed=[0, 1], tests=pool, evaluate_every=2)
    assert runs.variants == ["random_order"] and runs.seeds == [0, 1]
    assert len(runs.metrics) == 8 and len(runs.exposure) == 16 and len(runs.items) == 2 * 3 * 4
    assert list(runs.metrics)[:3] == ["variant", "seed", "step"]
    again = simulate(random_order, pool, steps=4, batch_size=2, seed=[0, 1], tests=pool, evaluate_every=2)
    kept = [c for c in runs.metrics if c != "seconds"]
    pd.testing.assert_frame_equal(runs.metrics[kept], again.metrics[kept])


def test_evaluations_are_at_whole_units_of_the_first_axis():
    assert evaluation_shares(Budget(steps=100), 25) == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert evaluation_shares(Budget(steps=10), 4) == (0.0, 0.4, 0.8, 1.0)
    assert evaluation_shares(Budget(tokens=50), None) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({}, "give simulate steps=, or budget=Budget(...), and not both"),
        ({"steps": 1, "budget": Budget(steps=1)}, "give simulate steps=, or budget=Budget(...), and not both"),
        (
            {"steps": 4, "evaluate_every": 0},
            "evaluate_every=0; give a number of at least 1, or None for start and end",
        ),
        (
            {"steps": 4, "objective": "ppo"},
            "objective='ppo'; choose among grpo, sft, or give a setting such as Sft(lr=1e-3)",
        ),
    ],
)
def test_simulate_refuses_in_one_line(pool, knobs, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        simulate(random_order, pool, batch_size=2, **knobs)


@pytest.mark.slow
def test_ten_thousand_rows_and_a_thousand_steps_are_quick(slowness):
    n = 10_000
    ids = [f"r{i:05d}" for i in range(n)]
    table = {"prompt": ids, "answer": "yes", "topic": "x", "level": np.arange(n) % 6, "task": "ladder"}
    pool = pd.DataFrame(table, ids)
    began = time.process_time()
    runs = simulate(easy_to_hard, pool, steps=1000, batch_size=32)
    assert time.process_time() - began < 3 * slowness()
    assert len(runs.exposure) == 32_000


def test_a_run_from_outside_cannot_be_changed():
    with pytest.raises(AttributeError):
        Run(0, batch=1).progress = 1.0


# -- reinforcement: planted rates, wordy students, and lies ------------------------------------------------------------
def test_planted_rates_are_the_students_own():
    rates = {"hard": 0.02, "middle": 0.5, "easy": 0.9}
    pool, student = planted(rates, rows=2000)
    reply = Room(student, pool)(Sample(pool)).reply
    found = reply.groupby("topic").correct.mean()
    assert all(found[t] == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 2000)) for t, p in rates.items())
    assert pool.groupby("topic")["level"].first().to_dict() == {"easy": 1, "middle": 2, "hard": 3}


def test_a_wordy_student_learns_how_long_to_speak():
    pool, student = planted({"a": 0.5}, rows=64)
    room = Room(replace(student, words=20.0, rate=0.1), pool, objective="grpo")
    before = room(Sample(pool, n=8)).reply
    words = before.text.str.count("so ")
    assert np.median(words) == pytest.approx(20, abs=2) and before.correct.mean() == pytest.approx(0.5, abs=0.1)
    for _ in range(40):
        answers = room(Sample(pool, n=8)).reply
        room(Train(answers.assign(reward=-answers.text.str.count("so ").astype(float))))
    after = room(Sample(pool, n=8)).reply
    assert np.median(after.text.str.count("so ")) < 10
    assert after.correct.mean() == pytest.approx(0.5, abs=0.25)  # only a random walk: being shorter is not being right


def test_a_deceived_method_hears_lies_and_trains_on_the_truth():
    heard, trained = [], []

    def method(pool, run):
        answers = yield Sample(pool, 4)
        heard.append(answers)
        trained.append((yield Train(answers, objective="grpo")))
        mine = answers.assign(reward=0.25 + answers.reward)
        trained.append((yield Train(mine, objective="grpo")))

    pool, student = planted({"easy": 0.95, "hard": 0.05}, rows=16)
    learner = SimulatedLearner(student, pool, objective=lambda r: OBJECTIVES["grpo"]())
    how = dict(steps=5, batch_size=4, learner=learner, objective="grpo", rollouts=40)
    simulate(with_permuted_feedback(method, ("reward", "correct")), pool, **how)
    answers = heard[0]
    truth = (answers.text == "yes").astype(float)
    assert answers.reward.tolist() == answers.correct.tolist() != truth.tolist()  # one permutation for all columns
    assert sorted(answers.reward) == sorted(truth)
    advantage = OBJECTIVES["grpo"]().advantages(answers.assign(reward=truth))
    told = trained[0]["true reward"] if "true reward" in trained[0] else trained[0].reward
    assert told.tolist() == truth.tolist() and np.allclose(trained[0].advantage, advantage)
    assert trained[1]["true reward"].tolist() == (0.25 + answers.reward).tolist()  # what it made of the lies stays
