"""AdaptMI: which questions are difficult, and what is shown before which question."""

from __future__ import annotations

import pandas as pd
import pytest

from curriculab import methods
from curriculab.methods.context.adaptmi import agreement
from curriculab.protocol import Run, Use, advance
from tests.methods.made import make

SKILLS = ["x", "y"] * 4
POOL = make([1] * 8, topic=SKILLS, prompt=[f"p{i}" for i in range(8)], answer=[f"a{i}" for i in range(8)])
TESTS = pd.DataFrame({"prompt": ["t0", "t1", "t2"], "topic": ["x", "y", "z"]}, index=["one", "two", "three"])


def solver(kind, pool=POOL, **knobs):
    use = next(methods.adaptmi(pool, Run(0, batch=2), **knobs))
    assert (
        isinstance(use, Use) and not use.with_answers and list(use.solvers) == ["adaptive", "fixed", "skill", "second"]
    )
    return use.solvers[kind](TESTS)


def voted(request, texts):
    """The reply to a request of votes: these texts a row."""
    rows = request.rows.loc[request.rows.index.repeat(request.n)]
    return rows.assign(text=[text for row in request.rows.index for text in texts[row]])


VOTES = {"one": list("77712"), "two": list("77123"), "three": ["8", "#### 8", "so #### 8", "1", "2"]}


def shown(request):
    """What stands before each question: question and answer of the examples."""
    found = [prompt.split("\n\n") for prompt in request.rows.prompt]
    assert [one[-1] for one in found] == ["t0", "t1", "t2"]
    return [one[:-1] for one in found]


def test_questions_are_difficult_where_fewer_than_the_doubted_share_agree():
    rows = [(row, text) for row, texts in VOTES.items() for text in texts]
    out = pd.DataFrame({"text": [text for _, text in rows]}, index=[row for row, _ in rows])
    assert agreement(out).to_dict() == pytest.approx({"one": 0.6, "two": 0.4, "three": 0.6})  # by what they say


def test_a_difficult_question_gets_examples_of_its_skill_and_the_others_fixed_ones():
    made = solver("adaptive", shots=3)
    votes = advance(made)
    assert (votes.n, votes.temperature, votes.purpose) == (5, 0.7, "vote")
    answer = made.send(voted(votes, VOTES))  # only the second one's votes disagree
    fixed, skilled, also_fixed = shown(answer)
    assert fixed == also_fixed == shown(votes)[0] and len(fixed) == 3
    of_y = {f"p{i}\na{i}" for i in range(8) if SKILLS[i] == "y"}
    assert {*skilled} <= of_y and len({*skilled}) == 3
    assert answer.purpose == "test" and answer.temperature == [0.0, 0.0, 0.0]


def test_examples_of_a_skill_are_filled_up_with_fixed_ones():
    skilled = shown(advance(solver("skill", shots=5)))
    fixed = shown(advance(solver("fixed", shots=5)))
    for own, first, skill in zip(skilled, fixed, ["x", "y", "z"], strict=True):
        of_skill = [one for one in own if SKILLS[int(one[1])] == skill]
        assert (
            len({*own}) == 5 and len(of_skill) >= (4 if skill != "z" else 0) and own[:4] == of_skill[:4] or skill == "z"
        )
        assert own == first or skill != "z"  # no example of it: the fixed ones


def test_a_row_is_no_example_of_itself():
    tests = POOL.iloc[[0, 1]].drop(columns="answer")
    for kind in ("fixed", "skill"):
        use = next(methods.adaptmi(POOL, Run(0, batch=2), shots=8))
        prompts = advance(use.solvers[kind](tests)).rows.prompt
        assert [prompt.count(f"{one}") for prompt, one in zip(prompts, tests.prompt, strict=True)] == [1, 1]
        assert [len(prompt.split("\n\n")) for prompt in prompts] == [8, 8]  # seven examples, and the question


def test_a_second_answer_is_drawn_behind_the_same_examples():
    made = solver("second", shots=3)
    votes = advance(made)
    answer = made.send(voted(votes, VOTES))
    assert shown(answer) == shown(votes) and answer.temperature == [0.0, 0.7, 0.0]


def test_a_random_flag_takes_as_many():
    made = solver("second", flag="random")
    votes = advance(made)
    answer = made.send(voted(votes, {row: list("12345") for row in TESTS.index} | {"one": ["7"] * 5}))
    assert sorted(answer.temperature) == [0.0, 0.7, 0.7]
    taken = set()
    for seed in range(20):
        use = next(methods.adaptmi(POOL, Run(seed, batch=2), flag="random"))
        made = use.solvers["second"](TESTS)
        taken.add(tuple(made.send(voted(advance(made), VOTES)).temperature))
    assert len(taken) == 3  # any of the three


@pytest.mark.parametrize(
    ("knobs", "line"),
    [
        ({"by": "skill"}, "by='skill' is no column of the pool; it has prompt, answer, topic, level"),
        ({"flag": "judge"}, "flag='judge' is unknown; give 'votes' or 'random'"),
    ],
)
def test_what_it_cannot_do_is_refused_in_one_line(knobs, line):
    with pytest.raises(ValueError) as error:
        next(methods.adaptmi(POOL, Run(0, batch=2), **knobs))
    assert str(error.value) == line
