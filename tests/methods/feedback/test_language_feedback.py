"""Language feedback: whose hint reaches which talk, what it is rewarded by, what is learned of it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.environments import Hint, Hinted
from curriculab.methods.feedback.language_feedback import AGAIN, leaks, of_other_rows, questions
from curriculab.protocol import Piece, Run, Sample, Script, Train, Use
from curriculab.simulation.pools import planted
from tests.methods.made import make


def answers(request, right, first=0):
    """A reply to a Sample: the k-th answer is right where right[k]; talks that go on keep their group."""
    of = np.repeat(np.arange(len(request.rows)), request.n)
    rows = request.rows.take(of)
    before = rows["turns"] if "turns" in rows else [()] * len(of)
    text = ["1" if one else "no" for one in right]
    turns = [(*said, Piece(t, learn=True)) for said, t in zip(before, text, strict=True)]
    group = rows["group"] if "turns" in rows else first + of
    right = np.array(right, float)
    return rows.assign(turns=pd.Series(turns, index=rows.index), text=text, group=group, correct=right, reward=right)


def hints(request, said):
    return request.rows.assign(text=said)


def opened(rollouts=2, batch=2, **knobs):
    """A talk about the rows a and b, as far as its first Sample."""
    made = methods.language_feedback(make([1, 2]), Run(0, batch=batch, rollouts=rollouts), **knobs)
    use = next(made)
    return made, use, made.send(None)


def test_a_talk_goes_on_until_it_is_right_and_is_paid_by_its_turns():
    made, use, first = opened(turns=3)
    assert isinstance(use, Use) and sorted(use.solvers) == ["alone", "taught"] and use.roles == ("base",)
    assert isinstance(first, Sample) and first.n == 2 and first.role == "learner"
    asked = made.send(answers(first, [1, 0, 0, 0]))  # of the first row one attempt is right
    assert (asked.role, asked.purpose, len(asked.rows)) == ("base", "hint", 3)
    rows = first.rows.index.tolist()
    second = made.send(hints(asked, ["look at x", "it is 1.", "look at z"]))
    assert second.n == 1 and second.rows.index.tolist() == [rows[0], rows[1], rows[1]]
    told = [[(piece.text, piece.turn, piece.learn) for piece in said] for said in second.rows["turns"]]
    wrong = ("no", False, True)
    assert told == [[wrong, (hint, True, False)] for hint in ("look at x", AGAIN, "look at z")]
    asked = made.send(answers(second, [1, 0, 0]))
    third = made.send(hints(asked, ["u", "v"]))
    train = made.send(answers(third, [1, 0]))
    assert isinstance(train, Train) and train.objective == "grpo"
    found = sorted(zip(train.rows["turn"], train.rows["correct"], train.rows["reward"].round(3), strict=True))
    assert found == [(1, 1.0, 1.0), (2, 1.0, 0.7), (3, 0.0, 0.0), (3, 1.0, 0.49)]  # .7^0, .7^1, 0, .7^2
    assert train.rows.groupby("group").size().tolist() == [2, 2]  # advantages are among the talks about a row
    assert train.note == pytest.approx({"turns": 9 / 4, "solved": 3 / 4, "leaks": 1 / 4})
    learned = {piece.text for said in train.rows["turns"] for piece in said if piece.learn}
    assert learned == {"1", "no"}


def test_the_teacher_alone_sees_the_answer_and_the_attempt():
    live = make([1]).assign(text="no", turns=[(Piece("no", learn=True),)])
    asked = questions(live)
    assert asked["prompt"].iloc[0].startswith("q\nThe right answer is 1. Do not say it. A student wrote 'no'.")
    assert asked["answer"].tolist() == ["1"] and "turns" not in asked


def test_leaks_are_whole_words():
    assert leaks(["it is 7.", "use 17", "7", "see (7)", "x7"], ["7"] * 5).tolist() == [True, False, True, True, False]
    assert leaks(["a.c", "abc"], ["a.c"] * 2).tolist() == [True, False]  # no pattern


def test_others_get_the_first_hint_of_the_next_row():
    ids = pd.Index(["a", "a", "b", "c"])
    assert of_other_rows(ids, ["1", "2", "3", "4"]) == ["3", "3", "4", "1"]
    assert of_other_rows(pd.Index(["a", "a"]), ["1", "2"]) == [AGAIN, AGAIN]


def test_others_is_a_knob_and_another_word_is_refused():
    made, _, first = opened(rollouts=1, turns=2, hints="others")
    asked = made.send(answers(first, [0, 0]))
    second = made.send(hints(asked, ["for the first", "for the second"]))
    assert [said[-1].text for said in second.rows["turns"]] == ["for the second", "for the first"]
    with pytest.raises(ValueError, match="^hints='mine' is unknown; give one of 'own', 'others'$"):
        next(methods.language_feedback(make([1]), Run(0, batch=1, rollouts=1), hints="mine"))


def test_a_hint_helps_in_the_test_that_has_a_teacher_only():
    pool, student = planted({"hard": 0.02}, rows=60, context=Hinted(gain=12.0))  # with a hint .9997
    teacher = Script(Hint(right=1.0))
    runs = simulate(
        partial(methods.language_feedback, teacher="teacher"),
        pool,
        steps=2,
        batch_size=4,
        rollouts=2,
        learner=student,
        tests=pool,
        objective="grpo",
        reference_models={"teacher": teacher},
    )
    assert runs.failed == {}
    items = runs.items
    at = items[items.share == 1.0].groupby("solver").correct.mean()
    assert at["alone"] < 0.15 and at["taught"] > 0.95
    assert set(runs.ledger[runs.ledger.role == "teacher"].purpose) == {"hint"}


def test_without_a_teacher_the_base_is_asked():
    budget = cl.Budget(steps=2, max_total_tokens=10**6)
    runs = cl.simulate(methods.language_feedback, make([1, 2, 3, 4]), budget=budget, batch_size=2, num_generations=2)
    assert runs.failed == {} and set(runs.ledger[runs.ledger.purpose == "hint"].role) == {"base"}
