"""Which verifier judges a row, and what an unknown task is told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab.rewards import VERIFIERS, Reference, verifier, verify, verify_rows

CAPITALS = ["Rome", "Paris", "New York", "Oslo"]


def test_an_unknown_task_says_what_there_is():
    with pytest.raises(ValueError) as error:
        verify("1", "1", "gsm8k")
    known = (
        "'choice', 'ladder', 'clinic', 'gym:<name>', 'math', 'number', 'ifeval', 'rules', 'text' and None (any text)"
    )
    assert str(error.value) == f"unknown task 'gsm8k'; known are {known}"
    assert verify("72 it is", "72", float("nan")) == 1  # a file's empty cell


def test_rows_are_judged_by_their_own_columns():
    rows = pd.DataFrame(
        {
            "answer": ["3 7", "Paris", "72", r"\frac{1}{2}", None],
            "task": ["ladder", "choice", None, "math", "ladder"],
            "options": [None, CAPITALS, None, None, None],
        }
    )
    texts = ["3 7", "B", "makes 72", "0.5", "1"]
    np.testing.assert_array_equal(verify_rows(rows, texts), [1, 1, 1, 1, np.nan])
    np.testing.assert_array_equal(verify_rows(rows[["task"]], texts), [np.nan] * 5)
    assert verify_rows(rows[:0], []).shape == (0,)
    with pytest.raises(ValueError, match="^2 texts for 5 rows; give one per row$"):
        verify_rows(rows, ["1", "2"])


def test_a_verifier_of_ones_own_is_used_and_held_to_its_range(monkeypatch):
    monkeypatch.setattr(VERIFIERS, "_registered", dict(VERIFIERS._registered))

    @verifier("closeness")
    def closeness(text: str, reference: Reference) -> float:
        return 1 - abs(float(text) - float(reference.plain))

    assert verify("0.75", "1", "closeness") == 0.75
    with pytest.raises(ValueError, match=r"^the verifier of 'closeness' gave -2; what an answer is worth lies in"):
        verify("4", "1", "closeness")
