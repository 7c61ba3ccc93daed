"""Enriched tuning: what the teacher is shown, what is kept, what is learned, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from curriculab import methods
from curriculab.methods.generated.enriched_tuning import chosen, questions
from curriculab.protocol import Run, Sample, Train, Use
from tests.methods.made import make

POOL = make([1, 1]).assign(prompt=["p1", "p2"], answer=["5", "8"], solution=["2+3\n#### 5", "#### 8"])


def begun(**knobs):
    made = methods.enriched_tuning(POOL, Run(0, batch=2), **knobs)
    assert isinstance(next(made), Use)
    return made, made.send(None)


def texts(request):
    assert isinstance(request, Train) and request.objective == "sft"
    assert all(piece.learn for turns in request.rows["turns"] for piece in turns)
    said = ["".join(piece.text for piece in turns) for turns in request.rows["turns"]]
    return dict(zip(request.rows["prompt"], said, strict=True))


def replied(request, by_answer):
    ids = request.rows.index.map({"a": "5", "b": "8"})
    return request.rows.assign(text=[by_answer[one] for one in ids])


def test_human_solutions_are_learned_as_they_are():
    made, request = begun(kind="human")
    assert texts(request) == {"p1": "2+3\n#### 5", "p2": "#### 8"} and request.note == {"wrong": 0.0}


def test_the_teacher_sees_solution_and_answer_and_what_misses_the_answer_is_not_learned():
    made, request = begun(kind="both", teacher="tutor")
    assert isinstance(request, Sample) and (request.role, request.purpose) == ("tutor", "enrich")
    for prompt in request.rows["prompt"]:
        assert ("p1" in prompt and "2+3" in prompt and "answer is 5" in prompt) or "answer is 8" in prompt
    plan = made.send(replied(request, {"5": "2 and 3\n2+3=5\n#### 5", "8": "4+5=9\n#### 9"}))
    assert (plan.role, plan.purpose) == ("tutor", "plan")
    assert any("2+3\n#### 5" in prompt for prompt in plan.rows["prompt"])  # of the human solution
    trained = made.send(replied(plan, {"5": "first a,\nthen b", "8": "c"}))
    assert texts(trained) == {"p1": "first a, then b\n2 and 3\n2+3=5\n#### 5", "p2": "c\n#### 8"}
    assert trained.note == {"wrong": 0.5}
    again = made.send(trained.rows.assign(loss=0.0))  # both rows are known: nothing is written anew
    assert texts(again) == texts(trained)


def test_without_verification_the_teachers_word_is_learned():
    made, request = begun(kind="steps", verified=False)
    trained = made.send(replied(request, {"5": "6", "8": "9"}))
    assert texts(trained) == {"p1": "6", "p2": "9"} and trained.note == {"wrong": 1.0}


def test_a_blind_teacher_sees_the_question_alone():
    _, request = begun(kind="steps", blind=True)
    assert sorted(prompt.split("\n")[0] for prompt in request.rows["prompt"]) == ["Problem: p1", "Problem: p2"]
    assert not any("2+3" in prompt or "answer is" in prompt for prompt in request.rows["prompt"])


def test_a_blind_teacher_plans_without_the_solution_too():
    made, request = begun(kind="both", blind=True)
    plan = made.send(replied(request, {"5": "#### 5", "8": "#### 8"}))
    assert plan.purpose == "plan" and all("sub-goals" in prompt for prompt in plan.rows["prompt"])
    assert not any("2+3" in prompt or "answer is" in prompt for prompt in plan.rows["prompt"])


def test_a_text_of_the_teacher_is_judged_by_the_options_of_its_row():
    pool = POOL.assign(answer=["x", "y"], task="choice", options=[["z", "x"], ["z", "y"]])
    made = methods.enriched_tuning(pool, Run(0, batch=2), kind="steps")
    next(made)
    request = made.send(None)
    assert made.send(request.rows.assign(text="So.\n#### B")).note == {"wrong": 0.0}


def test_plans_alone_stand_before_the_human_solution():
    made, request = begun(kind="plan")
    assert request.purpose == "plan"
    assert texts(made.send(replied(request, {"5": "x", "8": "y"}))) == {"p1": "x\n2+3\n#### 5", "p2": "y\n#### 8"}


def test_questions_ask_nothing_that_could_be_verified():
    asked = questions(POOL, ["s", "t"], "{prompt}/{solution}/{answer}")
    assert asked["prompt"].tolist() == ["p1/s/5", "p2/t/8"] and asked["answer"].isna().all()
    assert chosen(["h", "i"], [" n ", "m"], np.array([False, True])) == ["n", "i"]


def test_a_kind_that_is_none_is_refused():
    with pytest.raises(ValueError, match="^kind='all' is unknown; give one of 'human', 'plan', 'steps', 'both'$"):
        next(methods.enriched_tuning(POOL, Run(0, batch=1), kind="all"))
