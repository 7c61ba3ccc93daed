"""Rows made of parts, context, transfers, habits and stops, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab.bench.simulate import simulate
from curriculab.environments.turns import ask, say, splice, tell
from curriculab.methods.order.random_order import random_order
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Ask, Piece, Sample, Score, Train
from curriculab.simulation.learner import SimulatedLearner
from curriculab.simulation.student import Student

PLAIN = dict(rate=0.1, start=0.0, varies=0.0, spread=1.0)


@pytest.fixture
def pool() -> pd.DataFrame:
    # levels 1 and 3: mean 2, standard deviation 1, so difficulties -1 and +1 logits: p = .731 and .269
    table = {"prompt": "q", "answer": ["12", "4", "7", "8"], "topic": ["a", "a", "b", "b"], "level": [1, 3, 1, 3]}
    return pd.DataFrame(table, index=pd.Index(["a1", "a3", "b1", "b3"], name="id"))


@pytest.fixture
def chains() -> pd.DataFrame:
    """Two chains of two parts each."""
    table = {"prompt": ["q q", "q q q"], "answer": ["12 7", "4 8"], "parts": [("a1", "b1"), ("a3", "b3")]}
    return pd.DataFrame(table, index=pd.Index(["two", "hard"], name="id"))


EASY, HARD = 1 / (1 + np.exp(-1.0)), 1 / (1 + np.exp(1.0))


def learner_of(student: Student, *tables: pd.DataFrame, objective: object = None, writers: dict | None = None):
    how = {} if objective is None else {"objective": lambda request: objective}
    return SimulatedLearner(student, *tables, writers=writers, **how)


def reply(learner: SimulatedLearner, request: object, turn: int = 1) -> object:
    (answer,) = learner.answer([Ask(("v", 0), turn, 0, (0, turn, 0), request)])
    if isinstance(answer, Exception):
        raise answer
    return answer.reply


# -- parts ------------------------------------------------------------------------------------------------------------
def test_a_row_is_right_with_the_product_of_its_parts(pool, chains) -> None:
    learner = learner_of(Student(**PLAIN), pool)
    np.testing.assert_allclose(reply(learner, Score(chains, "angle"))["angle"], [EASY**2, HARD**2])
    mixed = pd.concat([pool.iloc[:1], chains])  # rows without parts beside them
    np.testing.assert_allclose(reply(learner, Score(mixed, "angle"))["angle"], [EASY, EASY**2, HARD**2])
    out = reply(learner, Sample(chains, 4000))
    by_row = out.groupby(level=0).correct.mean()
    for row, p in (("two", EASY**2), ("hard", HARD**2)):
        assert abs(by_row[row] - p) < 4 * np.sqrt(p * (1 - p) / 4000)
    assert set(out.loc["two", "text"]) == {"12 7", "12 no", "no 7", "no no"}
    assert out.loc["two"].eval("correct == (text == '12 7')").all()
    first = out.loc["two"].text.str.startswith("12").mean()
    both = out.loc["two"].text.isin(["12 7"]).mean()
    assert abs(both - first * out.loc["two"].text.str.endswith("7").mean()) < 0.03  # parts are drawn apart


def test_the_text_of_a_row_of_parts_costs_what_its_parts_cost(pool, chains) -> None:
    learner = learner_of(Student(**PLAIN), pool)
    rows = say(pd.concat([chains.iloc[:1]] * 3), ["12 7", "12 no", "no no"])
    expected = [-2 * np.log(EASY), -np.log(EASY) - np.log(1 - EASY), -2 * np.log(1 - EASY)]
    np.testing.assert_allclose(reply(learner, Score(rows, "nll"))["nll"], expected)
    h = -EASY * np.log(EASY) - (1 - EASY) * np.log(1 - EASY)
    np.testing.assert_allclose(reply(learner, Score(rows, "entropy"))["entropy"], 2 * h)
    sampled = reply(learner, Sample(chains.iloc[:1], 50))
    known = dict(zip(["12 7", "12 no", "no no"], expected, strict=True))
    seen = sampled[sampled.text.isin(known)]
    np.testing.assert_allclose(seen.logprob, [-known[text] for text in seen.text])


def test_an_answer_that_is_partly_right_teaches_the_part_that_is_right(pool, chains) -> None:
    learner = learner_of(Student(**PLAIN), pool, objective=Grpo())
    rows = say(pd.concat([chains.iloc[:1]] * 2), ["12 no", "no no"]).assign(group=1, reward=[0.5, 0.0])
    trained = reply(learner, Train(rows))
    a = trained["advantage"].to_numpy()
    # each answer moves each part by rate * 2 A (right - p) / n, n = 2 answers
    first = 0.1 * 2 * (a[0] * (1 - EASY) + a[1] * (0 - EASY)) / 2
    second = 0.1 * 2 * (a[0] * (0 - EASY) + a[1] * (0 - EASY)) / 2
    assert a[0] > 0 > a[1]
    np.testing.assert_allclose(learner.ability(("v", 0))[["a", "b"]], [first, second], atol=1e-12)


def test_demonstrations_teach_each_part(pool, chains) -> None:
    learner = learner_of(Student(**PLAIN), pool)
    reply(learner, Train(chains.iloc[:1]))
    np.testing.assert_allclose(learner.ability(("v", 0)), 0.1 * 4 * EASY * (1 - EASY))
    learner = learner_of(Student(**PLAIN), pool)
    reply(learner, Train(say(chains.iloc[:1], ["12 no"])))
    gain = 0.1 * 4 * EASY * (1 - EASY)
    np.testing.assert_allclose(learner.ability(("v", 0)), [gain, -gain])


def test_a_part_that_nobody_knows_is_refused(pool, chains) -> None:
    chains.at["two", "parts"] = ("a1", "c9")
    with pytest.raises(ValueError, match=r"^row 'two' has the part 'c9', which the simulated learner does not know"):
        reply(learner_of(Student(**PLAIN), pool), Sample(chains, 1))


def test_a_row_of_parts_needs_no_answer_of_its_own(pool, chains) -> None:
    hidden = chains.drop(columns="answer")
    out = reply(learner_of(Student(**PLAIN), pool), Sample(hidden, 30))
    assert {"12 7", "4 8"} & set(out.text) and out.correct.isna().all()


def test_parts_are_simulated_and_tested(pool, chains) -> None:
    whole = pd.concat([pool, chains])
    student = Student(**{**PLAIN, "rate": 1.0})
    runs = simulate(random_order, whole, steps=40, batch_size=4, learner=student, tests=whole, evaluate_every=20)
    assert not runs.failed
    end = runs.items[runs.items.share == 1.0].groupby("id").correct.mean()
    assert end["two"] == 1.0  # both skills were learned far beyond the easy rows


# -- context ----------------------------------------------------------------------------------------------------------
def hinted(rows: pd.DataFrame, ability: np.ndarray) -> np.ndarray:
    """A hint in the prompt or in what was said before the answer is worth two logits."""
    turns = rows["turns"] if "turns" in rows else [()] * len(rows)
    texts = [p + "".join(piece.text for piece in said) for p, said in zip(rows["prompt"], turns, strict=True)]
    return np.where(["hint" in text for text in texts], 2.0, 0.0)


def test_what_stands_before_the_answer_moves_answers_and_scores(pool) -> None:
    learner = learner_of(Student(**PLAIN, context=hinted), pool)
    plain, told = pool.iloc[[0]], tell(pool.iloc[[0]], "a hint")
    p = 1 / (1 + np.exp(-3.0))
    np.testing.assert_allclose(reply(learner, Score(told, "angle"))["angle"], p)
    np.testing.assert_allclose(reply(learner, Score(plain, "angle"))["angle"], EASY)
    np.testing.assert_allclose(reply(learner, Score(say(told, "12"), "nll"))["nll"], -np.log(p))
    # the answer itself is no context, a thought that stands before it is
    np.testing.assert_allclose(reply(learner, Score(say(plain, "hint"), "angle"))["angle"], EASY)
    thought = say(splice(say(plain, "hint", end=False), ": "), "12")
    np.testing.assert_allclose(reply(learner, Score(thought, "nll"))["nll"], -np.log(p))
    right = reply(learner, Sample(told, 4000)).correct.mean()
    assert abs(right - p) < 4 * np.sqrt(p * (1 - p) / 4000)


def test_context_is_never_learned_and_reinforcement_counts_with_it(pool) -> None:
    learner = learner_of(Student(**PLAIN, context=hinted), pool, objective=Grpo())
    told = say(tell(pd.concat([pool.iloc[[0]]] * 2), "a hint"), ["12", "no"]).assign(group=1, reward=[1.0, 0.0])
    a = reply(learner, Train(told))["advantage"].to_numpy()
    p = 1 / (1 + np.exp(-3.0))
    np.testing.assert_allclose(learner.ability(("v", 0))["a"], 0.1 * (a[0] * (1 - p) - a[1] * p))
    np.testing.assert_allclose(  # without the hint it is the skill alone that has moved
        reply(learner, Score(pool.iloc[[0]], "angle"))["angle"], 1 / (1 + np.exp(-1 - learner.ability(("v", 0))["a"]))
    )


def test_a_context_of_another_shape_is_refused(pool) -> None:
    learner = learner_of(Student(**PLAIN, context=lambda rows, ability: np.zeros(2)), pool)
    with pytest.raises(ValueError, match=r"gave \(2,\) for 4 rows"):
        reply(learner, Sample(pool, 1))


# -- transfers --------------------------------------------------------------------------------------------------------
def test_what_one_skill_gains_goes_to_another_by_its_share(pool) -> None:
    learner = learner_of(Student(**PLAIN, transfers=(("a", "b", 1.5),)), pool)
    reply(learner, Train(pool.loc[["a1"]]))
    gain = 0.1 * 4 * EASY * (1 - EASY)
    np.testing.assert_allclose(learner.ability(("v", 0)), [gain, 1.5 * gain])
    reply(learner, Train(pool.loc[["b1"]]), turn=2)
    assert learner.ability(("v", 0))["a"] == pytest.approx(gain)  # one way only
    with pytest.raises(ValueError, match=r"^transfers name the skill 'c'; column 'topic' holds a, b$"):
        learner_of(Student(transfers=(("a", "c", 1.0),)), pool)


# -- habits -----------------------------------------------------------------------------------------------------------
def test_answers_hold_a_habit_as_often_as_planted_and_reinforcement_moves_it(pool) -> None:
    learner = learner_of(Student(**PLAIN, habits={"<check>": 0.4}), pool, objective=Grpo())
    out = reply(learner, Sample(pool.iloc[[0]], 4000))
    held = out.text.str.contains("<check>")
    assert abs(held.mean() - 0.4) < 4 * np.sqrt(0.24 / 4000) and out.text.str.contains("#### ").all()
    rows = say(pd.concat([pool.iloc[[0]]] * 2), ["<check> #### 12", "#### 12"]).assign(group=1, reward=[1.0, 0.0])
    a = reply(learner, Train(rows))["advantage"].to_numpy()
    logit = learner.ability(("v", 0))["habit <check> of a"]
    assert logit == pytest.approx(np.log(0.4 / 0.6) + 0.1 * (a[0] * (1 - 0.4) + a[1] * (0 - 0.4)))
    assert learner.ability(("v", 0))["a"] == pytest.approx(0.1 * (a[0] + a[1]) * (1 - EASY))


def test_demonstrations_teach_a_habit(pool) -> None:
    learner = learner_of(Student(**PLAIN, habits={"<check>": 0.4}), pool)
    reply(learner, Train(say(pool.iloc[[0]], ["<check> #### 12"])))
    assert learner.ability(("v", 0))["habit <check> of a"] == pytest.approx(np.log(0.4 / 0.6) + 0.1 * 0.6)


@pytest.mark.parametrize("habits", [{"x": 0.0}, {"x": 1.0}, {" ": 0.5}])
def test_a_habit_is_a_word_and_a_share(habits) -> None:
    with pytest.raises(ValueError, match=r"give a word and a share between 0 and 1"):
        Student(habits=habits)


# -- writers and stops ------------------------------------------------------------------------------------------------
def test_a_writer_knows_the_truth_and_the_chance_also_where_tests_hide_it(pool) -> None:
    seen = []

    def write(rows, rng):
        seen.append(rows[["answer", "p", "habit <check>"]])
        return ["x"] * len(rows)

    student = Student(**PLAIN, habits={"<check>": 0.4})
    learner = learner_of(student, pool, writers={"v": {"hint": write}})
    reply(learner, Sample(pool.drop(columns="answer"), 1, purpose="hint"))
    reply(learner, Sample(ask(pool, "hint?"), 1, purpose="hint"), turn=2)
    for rows in seen:
        assert rows["answer"].tolist() == ["12", "4", "7", "8"]
        np.testing.assert_allclose(rows["p"], [EASY, HARD, EASY, HARD])
        assert rows["habit <check>"].dtype == bool


def test_a_text_ends_behind_its_first_stop(pool) -> None:
    texts = ["so <search>who</search> and <end> more", "nothing", "<end><search>", "12 </search>"]
    learner = learner_of(Student(**PLAIN), pool, writers={"v": {"act": lambda rows, rng: texts}})
    out = reply(learner, Sample(pool, 1, stop=("</search>", "<end>"), purpose="act"))
    assert out.text.tolist() == ["so <search>who</search>", "nothing", "<end>", "12 </search>"]
    assert out.ended.tolist() == ["</search>", "eos", "<end>", "</search>"]
    assert [said[-1].end for said in out.turns] == [False, True, False, False]
    assert out.length.tolist() == [23, 8, 5, 12]  # bytes, and one for the end where the text ended by itself
    assert isinstance(out.turns.iloc[0][-1], Piece)
    plain = reply(learner, Sample(pool, 1, purpose="act"))
    assert plain.text.tolist() == texts and set(plain.ended) == {"eos"}
