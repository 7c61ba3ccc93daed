"""EduFlow: steps and their labels, scores, what is solved again and what is kept, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.methods.generated.eduflow import (
    agreement,
    auc_within,
    chosen,
    faults,
    first_errors,
    injected,
    judged,
    lesson,
    pieces,
    searched,
    spoilt,
    steps_asked,
    worst,
)
from curriculab.protocol import Copy, Run, Train, Use
from tests.methods.made import answered, make


def said(texts, right):
    """Two solutions to each of two rows."""
    rows = make([1, 1]).assign(prompt=["p1", "p2"])
    return answered(rows, [right[:2], right[2:]]).assign(text=texts).drop(columns=["advantage", "loss"])


def test_steps_are_lines_or_else_words():
    assert pieces("a = 1\nb = 2\n#### 2") == ["a = 1", "b = 2"]
    assert pieces("12 7") == ["12", "7"] and pieces("") == [""]


def test_the_critic_is_asked_about_every_step_with_those_before_it():
    out = said(["1 2", "3", "4", "5"], [0, 0, 0, 0])
    asked = steps_asked(out, [pieces(text) for text in out["text"]])
    assert asked["of"].tolist() == [0, 0, 1, 2, 3] and asked["place"].tolist() == [0, 1, 0, 0, 0]
    assert asked["prompt"].iloc[1] == "Problem: p1\nSteps so far: 1\nNext step: 2\nIs it ok or an error?"
    assert "Steps so far: none" in asked["prompt"].iloc[0] and asked.index.is_unique
    assert set(asked["topic"]) == {"critic"} and asked["answer"].isna().all()


def test_a_solution_is_worth_its_worst_step():
    out = said(["1 2", "3", "4", "5"], [0, 0, 0, 0])
    asking = judged(out, 2)
    request = next(asking)
    assert (request.role, request.purpose, request.n) == ("critic", "critique", 2)
    tags = ["ok", "OK.", "ok", "error", "error", "no", "ok", "error", "ok", "ok"]
    with pytest.raises(StopIteration) as stop:
        asking.send(request.rows.take(np.repeat(range(5), 2)).assign(text=tags))
    table = stop.value.value
    assert table["share"].tolist() == [1.0, 0.5, 0.0, 0.5, 1.0]
    assert worst(out, table).tolist() == [0.5, 0.0, 0.5, 1.0]


def test_a_searched_step_is_ok_where_a_right_solution_of_the_row_has_it():
    texts = [["1", "2"], ["1", "3"], ["1", "2"], ["9"]]
    label = searched(["a", "a", "b", "b"], texts, np.array([True, False, False, False]))
    assert label == [[True, True], [True, False], [False, False], [False]]


def test_an_injected_error_is_one_changed_step():
    rng = np.random.default_rng(0)
    made, label = injected([["1", "2"]] * 200, rng)
    spoilt_ones = [text for text in made if text != ["1", "2"]]
    assert 70 < len(spoilt_ones) < 130  # half of 200, sd 7
    assert {len(text) for text in spoilt_ones} == {1, 2}  # it ends at its error
    for text, ok in zip(made, label, strict=True):
        assert ok == [step == due for step, due in zip(text, ["1", "2"], strict=False)]
    assert spoilt("ab", rng) == "bax"
    assert all(spoilt("<<2+3=5>>", rng) not in ("<<2+3=5>>",) for _ in range(50))
    assert {spoilt("x15", rng)[:2] for _ in range(20)} == {"x1"}


def test_a_lesson_is_one_step_of_each_solution():
    out = said(["1 2", "1 3", "1", "2"], [1, 0, 0, 1])
    asking = lesson(out, "search", "base", np.random.default_rng(0))
    with pytest.raises(StopIteration) as stop:
        next(asking)
    asked, tags = stop.value.value
    assert asked["of"].tolist() == [0, 1, 2, 3]
    due = {(0, "1"): "ok", (0, "2"): "ok", (1, "1"): "ok", (1, "3"): "error", (2, "1"): "error", (3, "2"): "ok"}
    assert tags == [due[one] for one in zip(asked["of"], asked["step"], strict=True)]


def test_errors_are_injected_into_right_solutions_alone():
    out = said(["1 2", "1 3", "1", "2"], [1, 0, 0, 1])
    asking = lesson(out, "errors", "base", np.random.default_rng(0))
    with pytest.raises(StopIteration) as stop:
        next(asking)
    asked, tags = stop.value.value
    assert [row.split("/")[0] for row in asked.index] == ["a", "b"] and len(tags) == 2
    with pytest.raises(StopIteration) as stop:
        next(lesson(said(list("1234"), [0] * 4), "errors", "base", np.random.default_rng(0)))
    assert stop.value.value[1] == []


def test_in_a_dialogue_the_teacher_gives_the_tags():
    out = said(["1", "2", "3", "4"], [0, 0, 0, 0])
    asking = lesson(out, "dialogue", "tutor", np.random.default_rng(0))
    request = next(asking)
    assert (request.role, request.purpose) == ("tutor", "critique")
    with pytest.raises(StopIteration) as stop:
        asking.send(request.rows.assign(text=["ok", "error", "so ok", " Ok"]))
    assert stop.value.value[1] == ["ok", "error", "error", "ok"]


def test_what_is_solved_again_is_told_its_first_wrong_step():
    out = said(["1 2 3", "4", "5", "6"], [0, 0, 0, 0])
    share = [0.75, 0.25, 0.0, 0.0, 1.0, 0.25]
    table = pd.DataFrame({"of": [0, 0, 0, 1, 2, 3], "step": list("123456"), "share": share})
    doubted = faults(out.assign(score=[0.2, 0.0, 1.0, 0.25]), table)
    assert list(doubted.index) == ["a"]  # the best of the other row has no wrong step
    assert doubted["prompt"].tolist() == ["p1\nThis step is wrong: 2\nThink again, and solve it anew."]
    assert doubted["answer"].tolist() == ["1"] and "turns" not in doubted


def test_kept_is_the_best_right_solution_of_which_enough_agree():
    out = said(["x = 1\n1", "1", "1", "2"], [1, 1, 1, 0]).assign(score=[0.1, 0.9, 1.0, 1.0])
    assert agreement(out).tolist() == [2, 2, 1, 1]
    kept = chosen(out, 2)
    assert list(kept.index) == ["a"] and kept["text"].tolist() == ["1"]
    assert sorted(chosen(out, 1).index) == ["a", "b"]
    assert chosen(out.assign(correct=0.0), 1).empty


def test_two_visits_of_one_row_are_kept_apart():
    out = said(["1", "1", "1", "2"], [1, 1, 1, 0]).assign(score=[0.1, 0.2, 0.4, 0.3], visit=[0, 0, 1, 1])
    out = out.set_axis(pd.Index(["a"] * 4, name="id"))
    assert agreement(out).tolist() == [2, 2, 1, 1]
    assert chosen(out, 1)["visit"].tolist() == [0, 1] and chosen(out, 2)["visit"].tolist() == [0]
    table = pd.DataFrame({"of": [1, 2], "step": ["1", "1"], "share": [0.2, 0.4]})
    assert faults(out, table)["visit"].tolist() == [0, 1]


def learner_after_lessons(pool, texts, **knobs):
    """The first step of the learner, whose critic finds every step wrong; the learner says each of `texts` in turn."""
    made, said = (
        methods.eduflow(pool, Run(0, batch=3, rollouts=2), lessons=1, sources=("search",), **knobs),
        iter(texts),
    )
    next(made)
    request = made.send(None)
    while not (isinstance(request, Train) and request.role == "learner"):
        if isinstance(request, Train) or isinstance(request, Use):
            request = made.send(getattr(request, "rows", None))
        elif request.role == "critic":
            request = made.send(request.rows.loc[request.rows.index.repeat(request.n)].assign(text="error"))
        else:
            out = answered(request.rows, [[0] * request.n] * len(request.rows)).drop(columns=["advantage", "loss"])
            request = made.send(out.assign(text=next(said)))
    return request


def test_a_batch_may_hold_a_row_twice():
    pool = make([1, 1]).assign(prompt=["p1", "p2"])  # of three in a batch one comes again
    trained = learner_after_lessons(pool, ["1"] * 9, agree=1)
    assert len(trained.rows) == 3 and trained.rows.index.nunique() == 2 and trained.note["kept"] == 1
    assert (trained.rows["prompt"] == pool.loc[trained.rows.index, "prompt"]).all()


def test_a_solution_with_steps_is_right_by_its_answer_and_nothing_else_is_learned():
    pool = make([1] * 3).assign(answer="13", task="ladder")
    right, wrong = "<<3+4=7>>\n<<7+6=13>>", "<<3+4=7>>\n<<7+6=14>>"
    trained = learner_after_lessons(pool, [wrong, wrong, wrong, right], reflects=False)  # two batches without any
    learned = {"".join(piece.text for piece in turns) for turns in trained.rows["turns"]}
    assert learned == {right} and trained.note == {"right": 1.0, "kept": 1.0}


def lessons_of_the_teacher(**knobs):
    """Which of twelve lessons are the teacher's."""
    made = methods.eduflow(make([1] * 4), Run(0, batch=2, rollouts=1), lessons=4, teacher="tutor", **knobs)
    assert isinstance(next(made), Copy) and isinstance(made.send(None), Use)
    request, done, taught = made.send(None), 0, []
    while done < 12:
        if isinstance(request, Train):
            assert (request.role, request.objective) == ("critic", "sft")
            done += 1
            request = made.send(request.rows)
        elif request.purpose == "critique":
            taught.append(done)
            request = made.send(request.rows.assign(text="ok"))
        else:
            request = made.send(answered(request.rows, [[1]] * len(request.rows)).assign(text="1"))
    return taught


def test_the_sources_come_in_turn_and_mixed_they_do_not():
    assert lessons_of_the_teacher() == [8, 9, 10, 11]
    assert lessons_of_the_teacher(sources=("dialogue", "errors", "search")) == [0, 1, 2, 3]
    mixed = lessons_of_the_teacher(mixed=True)
    assert len(mixed) == 4 and mixed != [8, 9, 10, 11]


def test_tags_are_judged_within_a_row():
    lines = [(0, "a", 0, 0, 0.9, 1), (0, "a", 0, 1, 0.4, 0), (0, "b", 1, 0, 0.2, 1), (0, "b", 1, 1, 0.2, 0)]
    found = pd.DataFrame(lines, columns=["request", "row", "of", "place", "share", "right"])
    assert auc_within(found) == 0.75  # 1 and a half
    # told: place 1 of the first (true), place 0 of the second (it is 1): one hit of two told and two true
    assert first_errors(found) == 0.5


def test_a_source_that_is_none_is_refused():
    with pytest.raises(ValueError, match="names 'books'; give some of 'search', 'errors', 'dialogue'$"):
        next(methods.eduflow(make([1]), Run(0, batch=1), sources=("books",)))
