"""Words as Beacons: subgoals of solutions, their bonus and their errors, worked out by hand."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.methods.reward.beacons import bonus_of, subgoals, tasks, until_half, with_errors
from curriculab.protocol import Run, Sample, Train, Use
from tests.methods.made import answered, make

SOLVED = "<<2+3=5>>\n<<5*4=20>>\n<<20-1=19>>"


def begun(pool, rollouts=1, **knobs):
    """The first request for answers, and the method."""
    made = methods.beacons(pool, Run(0, batch=2, rollouts=rollouts), **knobs)
    use = next(made)
    assert isinstance(use, Use) and set(use.solvers) == {"worked"}
    return made.send(None), made


def test_subgoals_are_the_values_on_the_way_to_the_answer():
    assert subgoals(SOLVED, "19") == ("5", "20")
    assert subgoals("<<2+3=5>>\nsome words\n#### 7", "7") == ("5",)
    assert subgoals("19", "19") == subgoals("no", "no") == ()


def test_a_bonus_falls_with_the_way_to_its_subgoal():
    # "5" ends behind 1 character, "20" behind 5: (1 - 1/8) + (1 - 5/8)
    assert bonus_of("5, 20, 19", ("5", "20"), 8) == pytest.approx(0.875 + 0.375)
    assert bonus_of("so it is 5", ("5",), 8) == 0.0  # behind `horizon`


def test_subgoals_count_in_their_order_and_as_whole_values():
    assert bonus_of("20 5", ("5", "20"), 10) == pytest.approx(1 - 4 / 10)  # 20 stands before 5
    assert bonus_of("20", ("5", "20"), 10) == 0.0
    assert bonus_of("15 5.2 51", ("5",), 100) == 0.0
    assert bonus_of("= 5.", ("5",), 10) == pytest.approx(1 - 3 / 10)


def test_the_goal_and_the_way_to_it_are_rewarded():
    pool = make([1, 1]).assign(answer="19", solution=SOLVED)
    request, made = begun(pool, rollouts=2, horizon=10, alpha=0.5)
    assert isinstance(request, Sample) and request.rows["prompt"].tolist() == ["q", "q"]
    out = answered(request.rows, [[0, 0], [0, 0]]).assign(text=["5\n20\n19", "20 19", "5 7", ""])
    trained = made.send(out.drop(columns=["advantage", "loss"]))
    assert isinstance(trained, Train)
    # (1 - 1/10) + (1 - 4/10) = 1.5, halved; "5" alone .9, halved
    assert trained.rows["reward"].tolist() == pytest.approx([1.75, 0.0, 0.45, 0.0])
    assert trained.note == pytest.approx({"correct": 0.25, "bonus": 0.3})


def test_an_answer_is_right_that_reaches_its_subgoals_first():
    """The ladder's verifier takes the whole text, so that one with steps could never be right."""
    pool = make([1, 1]).assign(answer="13", task="ladder", solution="<<3+4=7>>\n<<7+6=13>>")
    request, made = begun(pool, horizon=20, alpha=0.5)
    out = answered(request.rows, [[0], [0]]).assign(text=["<<3+4=7>>\n<<7+6=13>>", "<<3+4=7>>\n<<7+6=14>>"])
    trained = made.send(out.drop(columns=["advantage", "loss"]))
    # 7 ends behind 7 characters: half of 1 - 7/20
    assert trained.rows["reward"].tolist() == pytest.approx([1.325, 0.325])


def test_wrong_subgoals_of_many_rows_are_drawn_in_time_that_grows_with_the_rows():
    goals = [("1", "2")] * 8000
    began = time.process_time()
    assert len(with_errors(goals, 0.5, np.random.default_rng(0))) == 8000
    assert time.process_time() - began < 1


def test_subgoals_are_named_in_the_prompt_only_where_that_is_wanted():
    pool = make([1, 1]).assign(solution=[SOLVED, None])
    shown = begun(pool, shown=True)[0].rows
    assert sorted(shown["prompt"]) == ["q", "q\nOn the way: 5, 20, 19"]
    assert set(begun(pool)[0].rows["prompt"]) == {"q"}


def test_wrong_subgoals_come_from_other_rows_as_often_as_is_said():
    goals = [tuple(f"{row}.{k}" for k in range(10)) for row in range(100)]
    rng = np.random.default_rng(0)
    assert with_errors(goals, 1.0, rng) == goals
    some = np.array(with_errors(goals, 0.75, rng))
    assert np.mean(some == np.array(goals)) == pytest.approx(0.75, abs=0.05)  # 1,000 draws: se .014
    none = with_errors(goals, 0.0, rng)
    assert not any(goal.startswith(f"{row}.") for row, one in enumerate(none) for goal in one)
    assert with_errors([("a",), ()], 0.0, rng) == [("a",), ()]  # no other row has any


def test_a_solved_half_is_found_by_five_steps():
    lines = [(seed, step, 1.0 * (step > begin)) for seed, begin in ((0, 10), (1, 99)) for step in range(1, 21)]
    runs = SimpleNamespace(metrics=pd.DataFrame(lines, columns=["seed", "step", "correct"]))
    assert until_half(runs) == (13 + 20) / 2  # 9..13 hold three of five; never: the last step


def test_the_check_has_tasks_of_one_row_of_each_topic():
    singles = make([1] * 4, topic=["x", "x", "y", "y"], answer=list("pqrs"))
    made = tasks(singles, broken=False)
    assert made["parts"].tolist() == [("a", "c"), ("b", "d")] and made["answer"].tolist() == ["p r", "q s"]
    assert subgoals(made["solution"].iloc[0], "p r") == ("p", "r")
    assert tasks(singles, broken=True)["solution"].tolist() == made["solution"].tolist()[::-1]
