"""CLPO: who is rewritten, what is trained, and what is noted, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.methods.generated.clpo import OTHERWISE, SIMPLER, accuracy, leaked, of_answers, rewritten
from curriculab.protocol import Run, Sample, Train
from tests.methods.made import answered, make

RIGHT = [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]  # 0, 0.25, 0.5, 0.75, 1


def begun(**knobs):
    """A method, the rows of its first step in their order, and what it asks after RIGHT."""
    pool = make([1] * 5).assign(prompt=[f"what is {i}?" for i in range(5)], answer=[str(70 + i) for i in range(5)])
    method = methods.clpo(pool, Run(0, batch=5, rollouts=4), **knobs)
    rows = next(method).rows
    return method, rows, method.send(answered(rows, RIGHT))


def said(request, texts) -> pd.DataFrame:
    return answered(request.rows, [[0.0]] * len(texts)).assign(text=texts)


def test_hard_and_middling_problems_are_rewritten_and_the_writer_knows_the_answer():
    _, rows, asked = begun()
    assert isinstance(asked, Sample) and asked.purpose == "rewrite" and asked.role == "learner" and asked.n == 1
    assert list(asked.rows.index) == list(rows.index[:3])
    for request, row, task in zip(asked.rows.prompt, rows.index, (SIMPLER, SIMPLER, OTHERWISE), strict=False):
        assert request.startswith(task) and request.endswith(rows.prompt[row])
        assert f"stay {rows.answer[row]};" in request
    assert "7" not in begun(reveal=False)[2].rows.prompt.iloc[0]


@pytest.mark.parametrize(("rewrite", "places"), [("hard_only", [0, 1]), ("medium_only", [2])])
def test_only_hard_or_only_middling_ones(rewrite, places):
    _, rows, asked = begun(rewrite=rewrite)
    assert list(asked.rows.index) == list(rows.index[places])


def test_limits_belong_to_the_lower_side():
    method = methods.clpo(make([1] * 3), Run(0, batch=3, rollouts=10))
    asked = next(method)
    asked = method.send(answered(asked.rows, [[1] * n + [0] * (10 - n) for n in (3, 7, 8)]))
    assert len(asked.rows) == 2 and asked.rows.prompt.str.startswith(SIMPLER).tolist() == [True, False]


def test_groups_with_right_and_wrong_answers_are_trained_and_hard_ones_stay_less_near():
    method, rows, asked = begun()
    asked = method.send(said(asked, ["```\nA\n```", "so: ```text\nB\n```", "no fences"]))
    assert list(asked.rows.index) == [f"{row}/rewritten" for row in rows.index[:2]] and asked.n == 4
    assert asked.rows.prompt.tolist() == ["A", "B"] and asked.rows.answer.tolist() == rows.answer[:2].tolist()
    assert asked.rows.parents.tolist() == [(row,) for row in rows.index[:2]]
    assert not {"simpler", "place"} & set(asked.rows)
    trained = method.send(answered(asked.rows, [[1, 1, 0, 0], [1, 1, 1, 1]], first=100))
    assert isinstance(trained, Train) and trained.objective == "grpo"
    due = [*rows.index[1:4], f"{rows.index[0]}/rewritten"]
    assert list(dict.fromkeys(trained.rows.index)) == due and len(trained.rows) == 16
    assert trained.rows.kl_weight.tolist() == [0.5] * 4 + [1.0] * 8 + [0.5] * 4
    expected = {"hard": 0.4, "medium": 0.2, "rewrites": 2, "leaked": 0, "stuck": 1, "rescued": 1}
    assert {name: trained.note[name] for name in expected} == expected
    assert trained.note["dropped"] == pytest.approx(1 / 3) and trained.note["effective"] == pytest.approx(4 / 7)


def test_rewrites_of_middling_problems_are_held_as_near_as_others():
    method, rows, asked = begun(rewrite="medium_only", near=0.1)
    asked = method.send(said(asked, ["```\nC\n```"]))
    trained = method.send(answered(asked.rows, [[1, 0, 0, 0]], first=100))
    assert trained.rows.kl_weight.tolist() == [0.1] * 4 + [1.0] * 12


def test_everything_is_trained_where_no_group_has_both():
    method = methods.clpo(make([1] * 2), Run(0, batch=2, rollouts=2))
    asked = method.send(answered(next(method).rows, [[0, 0], [1, 1]]))
    trained = method.send(said(asked, ["nothing of use"]))
    assert isinstance(trained, Train) and len(trained.rows) == 4
    asked = method.send(trained.rows)
    trained = method.send(answered(asked.rows, [[1, 1], [1, 1]]))
    assert isinstance(trained, Train) and "rewrites" not in trained.note  # nothing to rewrite


def test_leaks_are_counted_and_dropped_where_that_is_wanted():
    for leaks, kept in (("keep", 3), ("drop", 2)):
        method, rows, asked = begun(leaks=leaks)
        texts = [f"```\nIt is {rows.answer.iloc[0]}.\n```", "```\nB\n```", "```\nC\n```"]
        asked = method.send(said(asked, texts))
        assert len(asked.rows) == kept
        trained = method.send(answered(asked.rows, [[1, 0]] * kept, first=100))
        assert trained.note["leaked"] == 1 and trained.note["rewrites"] == 3


def test_what_counts_as_a_leak():
    assert (
        leaked("It is 7.", "what?", "7")
        and not leaked("use 17", "what?", "7")
        and not leaked("7 and 7", "is it 7?", "7")
    )
    assert leaked("PARIS it is", "what?", " Paris")


def test_groups_and_their_answers():
    out = answered(make([1, 1]), [[1, 0], [0, 0, 0]], first=7)
    assert accuracy(out).tolist() == [0.5, 0.0]
    assert of_answers(out, np.array([3.0, 4.0])).tolist() == [3, 3, 4, 4, 4]


def test_the_simulated_writer():
    rows = pd.DataFrame({"question": ["q", "r"], "simpler": [True, False], "answer": ["7", "8"]}, index=["a", "b"])
    texts = ["```\nq First step of a: begin at the end.\n```", "```\nWork this out: r\n```"]
    assert rewritten(rows, np.random.default_rng(0)) == texts
    assert all("The answer is " in text for text in rewritten(rows, np.random.default_rng(0), leak=1.0))


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match=r"^rewrite='all' is unknown; give one of 'both', 'hard_only', 'medium_only'$"):
        next(methods.clpo(make([1]), Run(0, batch=1), rewrite="all"))
    with pytest.raises(ValueError, match=r"^leaks='mask' is unknown; give one of 'keep', 'drop'$"):
        next(methods.clpo(make([1]), Run(0, batch=1), leaks="mask"))
