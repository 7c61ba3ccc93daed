"""What every pool must satisfy, and how prompts are rendered."""

from __future__ import annotations

import pandas as pd
import pytest

from curriculab.data.validation import PoolError, render_prompt, validate


def tiny(**columns: list) -> pd.DataFrame:
    frame = pd.DataFrame({"prompt": ["a", "b"], "answer": ["1", "2"], **columns})
    return frame.set_axis(pd.Index(["r1", "r2"], name="id"))


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (tiny()["prompt"], "mine: found a Series, expected a DataFrame with the columns prompt and answer"),
        (
            tiny().reset_index(drop=True),
            "mine, row 0, column 'id': found 0, expected text, such as 'mine/00001'",
        ),
        (tiny().set_axis(["x", "x"]), "mine, row 'x', column 'id': found 'x', expected an id of its own"),
        (tiny(level=[1, 1.5]), "mine, row 'r2', column 'level': found 1.5, expected a whole number"),
        (tiny(topic=["a", None]), "mine, row 'r2', column 'topic': found nothing, expected text"),
    ],
)
def test_validate_refuses(pool: pd.DataFrame, expected: str) -> None:
    with pytest.raises(PoolError) as error:
        validate(pool, "mine")
    assert str(error.value) == expected


def test_repeated_prompts_warn_and_stay() -> None:
    pool = tiny().assign(prompt="same")
    with pytest.warns(UserWarning) as caught:
        assert len(validate(pool, "mine")) == 2
    assert [str(warning.message) for warning in caught] == [
        "mine: 1 prompts repeat earlier ones (first: r2); they are kept, and split puts none on both sides"
    ]


def test_validate_changes_nothing_it_was_given() -> None:
    pool = tiny(level=[1.0, 2.0])
    before = pool.copy()
    assert validate(pool, "mine")["level"].dtype == "int64"
    pd.testing.assert_frame_equal(pool, before)


def test_prompts_are_rendered_one_way() -> None:
    assert render_prompt("add 1 + 2") == "add 1 + 2\n"
    assert render_prompt("") == ""
    assert render_prompt("which?", ["x", "y"]) == "which?\nA) x\nB) y\n"
