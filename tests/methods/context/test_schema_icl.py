"""Schema in-context learning: which example stands before which question, and what the prompts hold."""

from __future__ import annotations

import numpy as np
import pytest

from curriculab import methods
from curriculab.methods.context.schema_icl import REFINE, REFINED, SOLVE, any_of, best, letters
from curriculab.protocol import Run, Sample, Use
from tests.methods.made import make

POOL = make([1, 1, 1]).assign(prompt=["red apple", "red apples", "blue sky"], answer=["1", "2", "3"])


def replied(request, texts):
    return request.rows.assign(text=texts, correct=np.nan)


def solvers(**knobs):
    method = methods.schema_icl(POOL, Run(0, batch=2), memory=3, **knobs)
    request = next(method)
    assert isinstance(request, Sample) and request.purpose == "schema" and list(request.rows.index) == ["a", "b", "c"]
    assert request.rows.prompt.iloc[0].startswith("Question: red apple\n") and request.rows.answer.isna().all()
    use = method.send(replied(request, ["of red apple", "of red apples", "of blue sky"]))
    assert isinstance(use, Use)
    return use.solvers


def last_prompts(solver, rows, schemas, refined=()):
    """The last request of a solver that is told these schemas."""
    solving = solver(rows)
    request = solving.send(None)
    assert request.purpose == "schema" and request.rows.answer.isna().all()
    request = solving.send(replied(request, schemas))
    if refined:
        assert request.purpose == "activation" and all(text.endswith(REFINE) for text in request.rows.prompt)
        request = solving.send(replied(request, refined))
    assert request.purpose == "test"
    return request.rows.prompt.tolist()


def test_the_example_is_the_one_with_the_most_similar_schema():
    """Never the question itself: of the first row's schema that is the second row's, and the other way round."""
    rows = POOL.iloc[[0, 1]]
    found = last_prompts(solvers()["schema"], rows, ["of red apple", "of red apples"], ["both red", "both apples"])
    assert found[0] == (
        "Example:\nred apples\n2\nSchema of the example: of red apples\n\nQuestion: red apple\n"
        f"Preliminary schema: of red apple\n{REFINED}both red\n{SOLVE}"
    )
    assert found[1].startswith("Example:\nred apple\n1\n") and "both apples" in found[1]


def test_schemas_decide_and_not_the_questions():
    found = last_prompts(solvers()["one shot"], POOL.iloc[[0]], ["of blue sky"])
    assert found == [f"Example:\nblue sky\n3\n\nQuestion: red apple\n{SOLVE}"]


def test_without_activation_there_is_no_refined_schema():
    (text,) = last_prompts(solvers()["no activation"], POOL.iloc[[0]], ["of red apple"])
    assert REFINED not in text and "Preliminary schema: of red apple" in text and "of red apples" in text


def test_the_window_by_hand():
    near = np.array([[0.05, 0.6, 0.9], [0.05, 0.02, 0.99], [0.95, 0.99, 0.97]])
    assert best(near, (0.1, 1.0)).tolist() == [2, 2, 1]
    assert best(near, (0.1, 0.7)).tolist() == [1, 0, 0]  # none inside: the most similar below, else the least similar
    assert best(near, (0.0, 1.0)).tolist() == [2, 2, 1]
    itself = np.array([[np.nan, 0.6, 0.9], [0.97, 0.95, np.nan], [np.nan, 0.05, 0.02]])
    assert best(itself, (0.0, 0.5)).tolist() == [1, 1, 1]  # all above its end: the least similar other one


def test_a_question_is_never_its_own_example():
    """Two rows: the other one, whatever is drawn and wherever the window ends."""
    pair = POOL.iloc[[0, 1]]
    for knobs in ({"retrieve": "random"}, {"window": (0.0, 0.1)}):
        for seed in range(4):
            method = methods.schema_icl(pair, Run(seed, batch=2), memory=2, **knobs)
            use = method.send(replied(next(method), ["of red apple", "of red apples"]))
            found = last_prompts(use.solvers["one shot"], pair, ["of red apple", "of red apples"])
            assert [text.partition("\n\n")[0] for text in found] == [
                "Example:\nred apples\n2",
                "Example:\nred apple\n1",
            ]


def test_a_pool_of_one_row_is_refused():
    with pytest.raises(ValueError, match=r"^the pool has 1 row; give two or more, since no question is its own exampl"):
        next(methods.schema_icl(POOL.iloc[[0]], Run(0, batch=1)))


def test_any_other_row_is_drawn_equally_often():
    near = np.zeros((3000, 4))
    near[:, 1] = np.nan
    drawn = np.bincount(any_of(near, np.random.default_rng(0)), minlength=4) / 3000
    assert drawn[1] == 0 and np.abs(drawn[[0, 2, 3]] - 1 / 3).max() < 0.04  # 4.6 standard errors


def test_texts_that_share_words_are_similar():
    one, near, far = letters(["red apple", "red apples", "blue sky"])
    assert one @ one == pytest.approx(1.0) and one @ near > 0.8 > 0.3 > one @ far


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"retrieve": "nearest"}, "retrieve='nearest' is unknown; give 'similar' or 'random'"),
        ({"window": (0.5, 0.2)}, "window=(0.5, 0.2); give two similarities in [0, 1], the smaller first"),
        (
            {"solvers": ("one shot", "two shots")},
            "solvers=('one shot', 'two shots'): 'two shots' is unknown; choose from 'one shot', 'no activation', "
            "'schema'",
        ),
    ],
)
def test_unknown_settings_are_refused(knobs, message):
    with pytest.raises(ValueError) as error:
        next(methods.schema_icl(POOL, Run(0, batch=2), **knobs))
    assert str(error.value) == message
