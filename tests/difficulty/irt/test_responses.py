"""Responses that cannot be fitted are refused with one clear line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab.difficulty import irt
from tests.difficulty.irt.made import NOT_BINARY, lsat


def changed(value: object) -> pd.DataFrame:
    x = lsat().astype(object)
    x.iloc[2, 1] = value
    return x


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: irt.fit(changed(0.5)), "responses hold 0.5 at person 2, item 'item 2'" + NOT_BINARY),
        (lambda: irt.fit(changed("A")), "responses hold 'A' at person 2, item 'item 2'" + NOT_BINARY),
        (
            lambda: irt.fit(lsat() * 2 - 1),
            "responses hold -1.0 at person 0, item 'item 1' (1181 such values)" + NOT_BINARY,
        ),
        (lambda: irt.fit(np.zeros(5)), "responses of shape (5,): give a table, people x items"),
        (lambda: irt.fit(lsat().assign(more=np.nan)), "item 'more' was asked of nobody (1 such items); drop it"),
        (
            lambda: irt.fit(lsat().rename(columns={"item 2": "item 1"})),
            "item 'item 1' stands twice; every item needs its own name",
        ),
        (
            lambda: irt.fit(np.ones((4, 3))),
            "0 of 3 items were solved by some of the 4 people and not by others; "
            "1pl needs 2: ask more people, or harder and easier items",
        ),
        (
            lambda: irt.fit(lsat().iloc[:, :2], "2pl"),
            "2 of 2 items were solved by some of the 1000 people and not by "
            "others; 2pl needs 3: ask more people, or harder and easier items",
        ),
    ],
)
def test_bad_input_is_refused_with_one_clear_line(call, message: str):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
