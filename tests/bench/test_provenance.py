"""A solver's answers are a model's own, to the row's own prompt; what else it puts there is recorded."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab.bench.provenance import TrainingTexts
from curriculab.simulation.pools import planted


@pytest.fixture(scope="module")
def rows():
    """Training and test rows, and a student whose chances do not move much in a few steps."""
    pool, student = planted({"easy": 0.9, "hard": 0.1}, rate=0.1)
    pool = pool.assign(answer=[str(100 + i) for i in range(len(pool))])
    return pool.iloc[::2], pool.iloc[1::2], student


def variant(solver, **how):
    def method(pool, run):
        yield cl.Use({"mine": solver}, **how)
        for start in range(0, 1000, 4):
            yield cl.Train(pool.iloc[[i % len(pool) for i in range(start, start + 4)]])

    return method


def run(rows, solver, backend=None, **how):
    train, tests, student = rows
    variants = {"random": cl.methods.random_order, "mine": variant(solver, **how)}
    return cl.simulate(variants, train, tests=tests, learner=backend or student, steps=3, batch_size=4, seed=[0, 1, 2])


def why(rows, solver, **how):
    with pytest.warns(UserWarning, match="'mine' failed in (seed 0|all 3 seeds)"):
        return run(rows, solver, **how).failed["mine", 0]


# -- the ways to forge an answer that an audit tried -------------------------------------------------------------------
def test_answers_that_no_model_wrote_are_refused(rows):
    tests = rows[1]

    def gold(asked):
        return asked.assign(text=tests.answer)
        yield

    row, answer = tests.index[0], tests.answer.iloc[0]
    assert why(rows, gold) == (
        f"failed: ValueError: the solver 'mine' returned {answer!r} for the row {row!r}, which no model wrote to it in "
        "this test; return the texts of its requests as they are (solver 'mine')"
    )
    assert "which no model wrote to it" in why(rows, gold, with_answers=True)


def test_text_that_was_overwritten_is_refused(rows):
    def overwriting(asked):
        out = yield cl.Sample(asked, temperature=0.0)
        out["text"] = rows[1].answer.loc[out.index]
        return out

    assert "which no model wrote to it in this test" in why(rows, overwriting)


def test_a_choice_among_16_by_the_right_answer_is_refused(rows):
    def choosing(asked):
        out = yield cl.Sample(asked, n=16, temperature=1.0)
        return out[out.text.eq(rows[1].answer.loc[out.index])]

    refused = r"returned \d+ of the 16 answers that were written to the row|returned nothing for the row"
    assert re.search(refused, why(rows, choosing))
    assert re.search(refused, why(rows, choosing, reduce="majority"))


def test_all_16_are_graded_by_their_mean_or_their_majority(rows):
    def voting(asked):
        return (yield cl.Sample(asked, n=16, temperature=1.0))

    mean, vote = (run(rows, voting, reduce=reduce) for reduce in (None, "majority"))
    start = [
        r.items[(r.items.variant == "mine") & (r.items.step == 0)].groupby("topic").correct.mean() for r in (mean, vote)
    ]
    assert start[0]["hard"] == pytest.approx(0.1, abs=0.06) and start[1]["hard"] < start[0]["hard"]
    assert start[1]["easy"] > start[0]["easy"]  # the majority of 16 at .9 is right almost always
    assert vote.records[-1].spec["solvers"]["mine"]["reduce"] == "majority"


def test_another_role_speaks_only_where_it_is_named(rows):
    def asking(asked):
        return (yield cl.Sample(asked, role="base", temperature=0.0))

    assert why(rows, asking) == (
        "failed: ValueError: the solver 'mine' asked the role 'base'; a test is the learner's own: name who else "
        "speaks in it, Use(..., roles=('base',)), and the verdict says so (solver 'mine')"
    )
    named = run(rows, asking, roles=("base",))
    assert not named.failed and named.records[-1].spec["solvers"]["mine"]["answers"] == {"base": len(rows[1])}


def test_a_prompt_without_the_rows_own_is_not_answered_by_what_comes_of_it(rows):
    def easier(asked):
        return (yield cl.Sample(asked.assign(prompt=asked.prompt.str[:-1]), temperature=0.0))

    assert "written to a prompt without the row's own" in why(rows, easier)


def test_columns_that_may_say_what_is_right_are_hidden_unless_named(rows):
    seen = []

    def looking(asked):
        seen.append(set(asked))
        return (yield cl.Sample(asked, temperature=0.0))

    train, tests, student = rows
    tests = tests.assign(hint=tests.answer, solution=tests.answer)
    assert not run((train, tests, student), looking).failed
    assert not run((train, tests, student), looking, columns=("hint", "answer")).failed
    first, last = seen[0], seen[-1]
    assert first <= {"prompt", "options", "level", "topic", "task"} and last == first | {"hint"}


# -- what stands beside the prompt ------------------------------------------------------------------------------------
def spec(rows, solver, **how):
    runs = run(rows, solver, **how)
    assert not runs.failed
    return runs.records[-1].spec["solvers"]["mine"]


def test_the_same_words_beside_every_row_are_recorded(rows):
    def polite(asked):
        return (yield cl.Sample(asked.assign(prompt="Please: " + asked.prompt + "\nThink first."), temperature=0.0))

    found = spec(rows, polite)
    assert found["same_words"] == ["Please: Think first."] and "undeclared" not in found


def test_a_question_that_is_repeated_is_no_word_of_another(rows):
    def again(asked):
        return (yield cl.Sample(asked.assign(prompt=asked.prompt + "\nOnce more: " + asked.prompt), temperature=0.0))

    found = spec(rows, again)
    assert found["same_words"] == ["Once more:"] and "undeclared" not in found


def test_words_that_differ_between_rows_have_no_declared_source(rows):
    def whispering(asked):
        hint = rows[1].answer.loc[asked.index]
        return (yield cl.Sample(asked.assign(prompt=asked.prompt + " It is " + hint), temperature=0.0))

    found = spec(rows, whispering)
    assert found["undeclared"]["beside"] == len(rows[1]) and found["undeclared"]["such_as"].startswith("It is ")

    def declaring(asked):
        hint = rows[1].answer.loc[asked.index]
        told = asked.assign(prompt=asked.prompt + " It is " + hint, said_by="calculator")
        return (yield cl.Sample(told, temperature=0.0))

    assert "shows words of 'calculator'; name who else speaks in a test" in why(rows, declaring)
    named = spec(rows, declaring, roles=("calculator",))
    assert named["declared"] == {"calculator": len(rows[1])} and "undeclared" not in named


def test_examples_from_training_rows_are_recorded_by_their_ids(rows):
    train, tests, _ = rows

    def shown(asked):
        few = train.iloc[:2]
        before = "".join(f"Q: {q}\nA: {a}\n" for q, a in zip(few.prompt, few.answer, strict=True))
        return (yield cl.Sample(asked.assign(prompt=before + "Q: " + asked.prompt), temperature=0.0))

    found = spec(rows, shown)
    assert found["training_rows"] == {"count": 2, "ids": sorted(train.index[:2]), "beside": len(tests)}
    assert found["same_words"] == ["Q: A: Q: A: Q:"] and "undeclared" not in found

    def nearest(asked):  # another example for every row: found all the same
        few = train.iloc[np.arange(len(asked)) % len(train)]
        before = [f"Q: {q}\nA: {a}\n" for q, a in zip(few.prompt, few.answer, strict=True)]
        return (yield cl.Sample(asked.assign(prompt=before + asked.prompt), temperature=0.0))

    found = spec(rows, nearest)
    assert found["training_rows"]["count"] == min(len(train), len(tests)) and "undeclared" not in found


def test_a_conversation_is_answered_where_it_ends(rows):
    def asking_again(asked):
        first = yield cl.Sample(asked, temperature=0.0)
        return (yield cl.Sample(cl.tell(first, "Are you sure?"), temperature=0.0))

    found = spec(rows, asking_again)
    assert found["answers"] == {"learner": len(rows[1])}
    assert found["written_before"] == {"learner, answer": len(rows[1])} and found["same_words"] == ["Are you sure?"]

    def going_back(asked):
        first = yield cl.Sample(asked, n=2, temperature=1.0)
        one = first[~first.index.duplicated()]
        again = yield cl.Sample(cl.tell(one, "Are you sure?"), temperature=1.0)
        return pd.concat([first, again])

    assert "from where it went on; return the answers at the end" in why(rows, going_back)


def test_a_text_on_the_way_is_no_answer(rows):
    train, tests, student = rows
    planner = cl.simulation.SimulatedLearner(
        student, train, tests, writers={"mine": {"plan": lambda asked, rng: ["one by one"] * len(asked)}}
    )

    def planning(asked):
        plan = yield cl.Sample(asked, purpose="plan")
        told = asked.assign(prompt=asked.prompt + "\nPlan: " + plan.text)
        return (yield cl.Sample(told, temperature=0.0, purpose="test"))

    found = spec(rows, planning, backend=planner)
    assert found["written_before"] == {"learner, plan": len(tests)} and found["same_words"] == ["Plan:"]

    def stopping(asked):
        return (yield cl.Sample(asked, purpose="plan"))

    again = cl.simulation.SimulatedLearner(
        student, train, tests, writers={"mine": {"plan": lambda asked, rng: ["one by one"] * len(asked)}}
    )
    assert "written for the purpose 'plan'; ask for answers with purpose='test'" in why(rows, stopping, backend=again)


@pytest.mark.parametrize("options", [["a", "b"], ["b", "a", "c"]])
def test_options_are_chosen_among_all_of_the_rows_own(options):
    prompts = [f"which of {i} letters" for i in range(12)]
    pool = pd.DataFrame({"prompt": prompts, "answer": "a", "options": [["a", "b", "c"]] * 12})
    pool.index = pd.Index([f"o{i}" for i in range(12)], name="id")

    def fewer(asked):
        return (yield cl.Score(asked.assign(options=[options] * len(asked)), "options"))

    variants = {"mine": variant(fewer)}
    whole = len(options) == 3
    if whole:
        assert not cl.simulate(variants, pool, tests=pool, steps=1, batch_size=4).failed
    else:
        with pytest.warns(UserWarning, match="the whole prompt and its options have to be in it"):
            cl.simulate(variants, pool, tests=pool, steps=1, batch_size=4)


def test_training_rows_are_found_within_a_text():
    pool = pd.DataFrame({"prompt": ["add 1 + 2", "say hi"], "answer": ["3", "hi"]}, index=["a", "b"])
    texts = TrainingTexts(pool)
    ids, left = texts.take_out("First: add 1 + 2 = 3. Then: say hi -> hi, and add 7 + 7")
    assert sorted(ids) == ["a", "b"] and left.split() == "First: = . Then: -> , and add 7 + 7".split()
    assert texts.take_out("add 1 + 3") == ((), "add 1 + 3")
