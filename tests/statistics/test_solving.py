"""What stood beside the rows' prompts in a test is said in the verdict."""

from __future__ import annotations

import pandas as pd

import curriculab as cl
from curriculab.runs import Record, Runs
from curriculab.statistics.solving import solver_notes


def runs_of(**about):
    whole = {"rows": 10, "answers": {"learner": 20}, **about}
    spec = {"variant": "mine", "seed": 0, "solvers": {"vote": whole}}
    return Runs((Record(spec, {}),))


def test_answers_of_the_learner_alone_need_no_note():
    assert solver_notes(runs_of(same_words=["Think first."], written_before={"learner, plan": 10})) == []


def test_rows_that_were_answered_again_are_told_where_the_solver_chose_them():
    (note,) = solver_notes(runs_of(written_before={"learner, answer": 4}))
    assert note.endswith("4 of 10 rows were answered again after a first answer, chosen by the solver")


def test_others_are_named_with_their_counts():
    notes = solver_notes(
        runs_of(
            answers={"learner": 15, "base": 5},
            declared={"calculator": 4},
            written_before={"teacher, hint": 3},
            training_rows={"count": 2, "ids": ["a", "b"], "beside": 10},
            undeclared={"beside": 7, "such_as": "It is 4"},
        )
    )
    assert notes == [
        "in the tests of mine by the solver 'vote', base wrote 5 of 20 answers; calculator added words beside 4 of 10 "
        "test rows; text of teacher stood beside 3 of 10 test rows; 2 training rows were shown beside 10 of 10 test "
        "rows; beside 7 of 10 test rows stood words that differ between rows (such as 'It is 4'), added by the solver, "
        "source not declared"
    ]


def test_the_verdict_says_them():
    pool = cl.load_pool("ladder", n=24, seed=0)

    def whispering(rows: pd.DataFrame):
        told = rows.assign(prompt=rows.prompt + " It is " + pool.answer.loc[rows.index])
        return (yield cl.Sample(told, temperature=0.0))

    def method(pool, run):
        yield cl.Use({"hint": whispering})
        while True:
            yield cl.Train(pool.iloc[:4])

    variants = {"random": cl.methods.random_order, "mine": method}
    runs = cl.simulate(variants, pool, tests=pool, steps=2, batch_size=4, seed=[0, 1, 2])
    assert "added by the solver, source not declared" in cl.compare(runs).verdict
