"""The text of a row that is learned."""

from __future__ import annotations

import pandas as pd
import pytest

from curriculab.data.rendering import learned_text


def rows(**columns: object) -> pd.DataFrame:
    table = {"prompt": ["2 + 2", ""], "answer": ["4", "a text to study"], **columns}
    return pd.DataFrame(table, index=pd.Index(["a", "b"], name="id"))


def test_learned_text_prefers_the_solution_but_not_beside_options():
    table = rows(solution=["two and two is 4", None], options=[["3", "4"], None])
    assert learned_text(table) == ["4", "a text to study"]
    assert learned_text(table.drop(columns="options")) == ["two and two is 4", "a text to study"]


def test_a_row_without_answer_is_named():
    with pytest.raises(
        ValueError, match=r"row 'a' has no answer to learn or score \(1 such rows\); say\(rows, text\) first"
    ):
        learned_text(rows(answer=[None, "x"]))
