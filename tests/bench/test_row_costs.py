"""What a test took, by solver and row: tokens read and written, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab.bench.row_costs import RowCosts
from curriculab.bench.simulate import simulate
from curriculab.protocol import Answer, Sample, Score, Script, Train, Use
from curriculab.simulation.student import Student


@pytest.fixture
def pool() -> pd.DataFrame:
    table = {"prompt": ["q" * (k + 1) for k in range(4)], "answer": "7", "topic": "x"}
    return pd.DataFrame(table, index=pd.Index(list("abcd"), name="id"))


def test_a_backend_that_tells_no_rows_is_shared_out_by_characters(pool):
    costs, rows = RowCosts(pool.index), pool.iloc[:2]
    reply = rows.take([0, 0, 1]).assign(length=[3, 4, 5])
    costs.note(Sample(rows, [2, 1]), Answer(reply, 22, rollouts=3, generated=12))
    assert costs.generated.tolist() == [7, 5, 0, 0]
    assert costs.tokens.tolist() == [7 + 10 * 2 / 5, 5 + 10 * 3 / 5, 0, 0]
    costs.note(Score(rows, "nll"), Answer(rows, 9, read=np.array([4, 5])))
    assert costs.tokens.tolist() == [15, 16, 0, 0] and costs.generated.sum() == 12


def test_what_is_asked_of_other_rows_is_shared_by_all(pool):
    costs = RowCosts(pool.index[:2])
    costs.note(Score(pool, "nll"), Answer(pool, 10, read=np.array([1, 2, 3, 4])))
    assert costs.tokens.tolist() == [1 + 3.5, 2 + 3.5]


def votes(n):
    def solve(rows):
        return (yield Sample(rows, n, temperature=1.0, purpose="test"))

    return solve


def helped(rows):
    yield Sample(rows, role="teacher", purpose="hint")
    return (yield Sample(rows, temperature=0.0, purpose="test"))


def test_items_and_ledger_tell_the_same_by_solver(pool):
    def method(pool, run):
        yield Use({"one": votes(1), "five": votes(5), "helped": helped}, roles=("teacher",))
        while True:
            yield Train(pool)

    teacher = Script(lambda rows, rng: ["hint"] * len(rows))
    how = {"learner": Student(start=20.0), "reference_models": {"teacher": teacher}}  # who writes "7" every time
    runs = simulate(method, pool, steps=2, batch_size=4, tests=pool, **how)
    assert runs.failed == {}
    tests, last = runs.ledger[runs.ledger.test], runs.items[runs.items.share == 1.0]
    assert set(tests["solver"]) == {"direct", "one", "five", "helped"} and set(
        runs.ledger[~runs.ledger.test].solver
    ) == {""}
    assert set(tests[tests.solver == "helped"]["role"]) == {"learner", "teacher"}
    by_solver = last.groupby("solver")[["test_tokens", "test_generated"]].sum()
    charged = tests[tests.step == 2].groupby("solver")[["tokens", "generated"]].sum()
    assert by_solver.to_numpy().tolist() == charged.loc[by_solver.index].to_numpy().tolist()
    each = last.pivot_table(index="id", columns="solver", values="test_tokens")
    assert each["one"].tolist() == [k + 1 + 1 + 2 for k in range(4)]  # the prompt and its end; one byte and its end
    assert each["five"].tolist() == [k + 1 + 1 + 5 * 2 for k in range(4)]
    assert each["helped"].tolist() == [2 * (k + 2) + 5 + 2 for k in range(4)]  # "hint" and its end


def test_answers_are_shown_to_the_solvers_that_are_named(pool):
    seen = {}

    def solver(name):
        def solve(rows):
            seen[name] = "answer" in rows
            return (yield Sample(rows, temperature=0.0, purpose="test"))

        return solve

    def method(pool, run):
        yield Use({"alone": solver("alone"), "taught": solver("taught")}, gold=("taught",))
        yield Train(pool)

    runs = simulate(method, pool, steps=1, batch_size=4, tests=pool)
    assert seen == {"alone": False, "taught": True}
    assert runs.items.groupby("solver")["gold"].first().to_dict() == {"alone": False, "taught": True}
    solvers = runs.records[0].spec["solvers"]
    assert {name: about["with_answers"] for name, about in solvers.items()} == {"alone": False, "taught": True}


@pytest.mark.parametrize(("gold", "who"), [(("taut",), "'taut'"), ("taught", "'taught'")])
def test_a_name_that_is_no_solver_is_refused(pool, gold, who):
    def method(pool, run):
        yield Use({"taught": votes(1)}, gold=gold)

    with pytest.warns(UserWarning):
        runs = simulate(method, pool, steps=1, batch_size=4, tests=pool)
    said = (
        f"Use(with_answers={gold!r}): {who} is none of its solvers; give True, False or names in a tuple, of 'taught'"
    )
    assert said in next(iter(runs.failed.values()))
