"""Any text: the final answer, as characters or as a number."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

import curriculab as cl
from curriculab.rewards import verify


@pytest.mark.parametrize(
    ("text", "answer", "right"),
    [
        ("72", "72", 1),
        (" 72 \n", "72", 1),
        ("72.", "72", 1),
        ("$1,200.0", "1200", 1),
        ("She sold 48 / 2 = 24, so 48 + 24 = 72\n#### 72", "72", 1),
        ("#### 71\nno, wait\n#### 72", "72", 1),
        ("72 it is\n#### 71", "72", 0),
        ("The answer is 72.", "72", 1),
        ("so the answer: $72", "72", 1),
        (r"thus \boxed{72}", "72", 1),
        (r"thus \boxed{\frac{1}{2}} indeed", r"\frac{1}{2}", 1),
        ("48 + 24 makes 72", "72", 1),
        ("72 and then 73", "72", 0),
        ("wrong72", "172", 0),
        ("", "72", 0),
        ("9" * 100_000, "72", 0),
        ("x" * 100_000 + "#### 72", "72", 1),
        ("(" * 10_000, "72", 0),
    ],
)
def test_free_text(text, answer, right):
    assert verify(text, answer) == right


def test_without_an_answer_nothing_is_known():
    assert math.isnan(verify("72", None)) and verify(None, "72") == 0


@pytest.mark.needs("data:gsm8k_train.jsonl")
def test_every_published_solution_of_gsm8k_is_right():
    columns = {"prompt": "question", "solution": "answer", "answer": cl.text_after("answer", "####")}
    pool = cl.load_pool(Path(os.environ["CURRICULAB_DATA"]) / "gsm8k_train.jsonl", columns=columns)
    assert all(verify(s, a) for s, a in zip(pool.solution, pool.answer, strict=True))
