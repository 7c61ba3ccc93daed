"""Behavior handbook: what the strategist is asked, what is kept of it, and what stands before which question."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.methods.context.behavior_handbook import advice
from curriculab.protocol import Run, Sample, Use, advance
from tests.methods.made import make

POOL = make([1] * 4, topic=list("xyxy"), prompt=[f"p{i}" for i in range(4)], answer=[f"a{i}" for i in range(4)])
TESTS = pd.DataFrame({"prompt": ["t0", "t1", "t2"], "topic": ["x", "y", "z"]}, index=["one", "two", "three"])
SAID = {  # what the strategist writes for each row
    "a": "1. behavior_carry: carry the one.\n- **behavior_check**: add up again.",
    "b": "No behaviors here.",
    "c": "behavior_check: check the sum.",
    "d": "behavior_halve: halve first.  \nbehaviour_other: not a name.",
}


def run_through(**knobs):
    """What is asked of four rows in batches of two, the solvers, and what was found."""
    made, asked = methods.behavior_handbook(POOL, Run(0, batch=2), strategist="expert", **knobs), []
    use = request = advance(made)
    assert isinstance(use, Use) and not use.with_answers
    request = advance(made)
    while isinstance(request, Sample):
        asked.append(request)
        text = request.rows.index.map(SAID) if request.purpose == "behavior" else request.purpose + " of it"
        request = advance(made, request.rows.assign(text=text))
    return asked, use, request.value


def test_a_solution_is_reflected_on_and_then_made_into_behaviors():
    asked, use, _ = run_through()
    assert [request.purpose for request in asked] == ["probe", "reflection", "behavior"] * 2
    assert {request.role for request in asked} == {"expert"} and use.roles == ("expert",)
    first = asked[0].rows.prompt.iloc[0]
    assert asked[1].rows.prompt.iloc[0].startswith(f"Problem: {first}\nSolution: probe of it\n")
    assert (
        asked[2]
        .rows.prompt.iloc[0]
        .startswith(f"Problem: {first}\nSolution: probe of it\nReflection: reflection of it\n")
    )


def test_behaviors_are_kept_by_name_with_their_first_instruction():
    asked, _, found = run_through()
    first = next(row for request in asked for row in request.rows.index if row in ("a", "c"))
    check = "behavior_check: add up again." if first == "a" else "behavior_check: check the sum."
    of_x = found[found.topic == "x"].set_index("behavior")["count"].to_dict()
    assert of_x == {check: 2, "behavior_carry: carry the one.": 1}
    assert found[found.topic == "y"].behavior.tolist() == ["behavior_halve: halve first."]


def test_a_question_is_shown_the_behaviors_of_its_topic_the_most_frequent_first():
    _, use, found = run_through(most=1)
    request = advance(use.solvers["handbook"](TESTS))
    x, y, z = request.rows.prompt
    often = found.behavior.iloc[0] if found.topic.iloc[0] == "x" else found[found.topic == "x"].behavior.iloc[0]
    assert x == f"Behaviors that may help:\n{often}\nName those that you use.\n\nt0" and "check" in often
    assert y == "Behaviors that may help:\nbehavior_halve: halve first.\nName those that you use.\n\nt1"
    assert z == "t2"  # nothing is known of its topic
    assert (request.temperature, request.purpose, request.role) == (0.0, "test", "learner")
    assert set(request.rows.said_by) == {"expert"}
    plain = advance(use.solvers["plain"](TESTS))
    assert plain.rows.prompt.tolist() == ["t0", "t1", "t2"] and plain.role == "learner"


def test_as_few_questions_as_asked_for_are_solved():
    asked, _, _ = run_through(problems=2)
    assert [request.purpose for request in asked] == ["probe", "reflection", "behavior"]


def test_random_advice_is_as_much_and_of_other_topics():
    handbook = {"x": Counter({"one": 3, "two": 1}), "y": Counter({"three": 1, "two": 1, "four": 1}), "z": Counter("5")}
    assert advice(handbook, "x", 5) == ["one", "two"] and advice(handbook, "x", 1) == ["one"]
    drawn = [advice(handbook, "x", 5, np.random.default_rng(seed)) for seed in range(30)]
    assert all(len(lines) == 2 and len({*lines}) == 2 for lines in drawn)
    assert set(np.concatenate(drawn)) == {"three", "four", "5"}  # "two" is of its own too
    assert advice(handbook, "other", 5) == []


@pytest.mark.parametrize(
    ("knobs", "line"),
    [
        ({"by": "skill"}, "by='skill' is no column of the pool; it has prompt, answer, topic, level"),
        ({"found_by": "embedding"}, "found_by='embedding' is unknown; give 'topic' or 'random'"),
    ],
)
def test_what_it_cannot_do_is_refused_in_one_line(knobs, line):
    with pytest.raises(ValueError) as error:
        next(methods.behavior_handbook(POOL, Run(0, batch=2), **knobs))
    assert str(error.value) == line
