"""MetaLadder: the text of a sample, its similar problem, and the shortcut, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from curriculab import methods
from curriculab.methods.generated.metaladder import AGAIN, OWN, SIMILAR, analogies, cut, sample
from curriculab.protocol import Run, Sample, Train, Use
from tests.methods.made import make

POOL = make([1, 1], topic=["x", "x"]).assign(prompt=["p1", "p2"], answer=["5", "7"], solution=["2+3\n5", "3+4\n7"])


def trained(**knobs):
    made = methods.metaladder(POOL, Run(0, batch=1), **knobs)
    use = next(made)
    request = made.send(None)
    assert isinstance(use, Use) and isinstance(request, Train) and request.objective == "sft"
    assert all(piece.learn for turns in request.rows["turns"] for piece in turns)
    said = ["".join(piece.text for piece in turns) for turns in request.rows["turns"]]
    return use, dict(zip(request.rows["prompt"], said, strict=True))


def test_a_sample_holds_strategy_similar_problem_and_the_question_again():
    text = sample("p1", "2+3=5\n#### 5", "sums", "p2", "7")
    assert text == (
        "A problem of the kind sums, solved in 1 steps.\n\nSimilar Problem:\np2\n\nSolution to the Similar Problem:\n7"
        "\n\nOriginal Problem:\np1\n\nSolution to the Original Problem:\n2+3=5\n#### 5"
    )


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("no strategy", "Similar Problem:\nq\n\nSolution to the Similar Problem:\nd{}{}c"),
        ("no analogy", "A problem of the kind k, solved in 1 steps.{}{}c"),
    ],
)
def test_parts_are_left_out(form, text):
    assert sample("p", "c", "k", "q", "d", form=form) == text.format(AGAIN + "p", OWN)


def test_without_the_question_again_its_solution_follows_at_once():
    assert sample("p", "c", "k", "q", "d", form="no restate").endswith(f"Similar Problem:\nd{OWN}c")


def test_both_problems_of_a_pair_get_each_other():
    use, said = trained()
    assert set(use.solvers) == {"full", "cut"} and set(said) == {"p1", "p2"}
    assert f"{SIMILAR}p2\n" in said["p1"] and said["p1"].endswith(f"{AGAIN}p1{OWN}2+3\n5")
    assert f"{SIMILAR}p1\n" in said["p2"] and said["p2"].endswith(f"{AGAIN}p2{OWN}3+4\n7")
    assert len(trained(reverse=False)[1]) == 1


def test_the_controls_learn_solutions_alone():
    use, said = trained(form="separate", reverse=False)
    assert set(use.solvers) == {"full"} and said == {"p1": "2+3\n5", "p2": "3+4\n7"}
    assert len(trained(form="cot", reverse=False)[1]) == 1


def test_the_two_controls_differ_at_default_knobs():
    """With solutions alone a step learns its own rows; "separate" their similar problems as well."""
    assert len(trained(form="cot")[1]) == 1 and len(trained(form="separate")[1]) == 2


def test_the_shortcut_begins_where_nothing_stands_before_a_similar_problem():
    use, said = trained(form="no strategy")
    (stop,) = next(use.solvers["cut"](POOL[["prompt"]])).stop
    assert all(text.startswith(stop) for text in said.values())
    (stop,) = next(trained()[0].solvers["cut"](POOL[["prompt"]])).stop
    assert all(stop in text and not text.startswith(stop) for text in trained()[1].values())


def test_a_similar_problem_is_of_the_kind_and_nearest_by_level():
    pool = make([1, 3, 2, 1, 5], topic=["x", "x", "x", "y", "z"])
    rng = np.random.default_rng(0)
    assert analogies(pool, "topic", np.array([0, 1, 2]), rng)[:2].tolist() == [2, 2]
    assert {int(analogies(pool, "topic", np.array([2]), rng)[0]) for _ in range(20)} == {0, 1}
    assert analogies(pool, "topic", np.array([3]), rng).tolist() == [0]  # no other of its kind: the nearest
    assert analogies(pool.iloc[:1], "topic", np.array([0]), rng).tolist() == [0]


def test_the_shortcut_goes_on_with_the_question_where_a_similar_problem_would_begin():
    rows = POOL[["prompt"]]
    asking = cut(rows)
    first = next(asking)
    assert isinstance(first, Sample) and first.stop == ("\n\nSimilar Problem:",) and first.temperature == 0.0
    out = first.rows.assign(
        turns=[(), ()], text=["s\n\nSimilar Problem:", "3+4\n7"], ended=["\n\nSimilar Problem:", "eos"]
    )
    second = asking.send(out)
    assert list(second.rows.index) == ["a"]
    assert second.rows["turns"].iloc[0][-1].text == "\n\nOriginal Problem:\np1\n\nSolution to the Original Problem:\n"
    with pytest.raises(StopIteration) as stop:
        asking.send(second.rows.assign(text=["2+3\n5"], ended="eos"))
    assert stop.value.value["text"].to_dict() == {"a": "5", "b": "7"}


def test_a_form_and_a_column_that_are_none_are_refused():
    with pytest.raises(ValueError, match="^form='short' is unknown; give one of 'full', 'no strategy', 'no analogy', "):
        next(methods.metaladder(POOL, Run(0, batch=1), form="short"))
    with pytest.raises(ValueError, match="^by='kind' is no column of the pool; it has prompt, answer, topic, level, "):
        next(methods.metaladder(POOL, Run(0, batch=1), by="kind"))
