"""Any text: the final answer, as characters or as a number."""

from __future__ import annotations

import json
import math
import os
import time
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


@pytest.mark.needs("data:gsm8k_test.jsonl")
def test_published_solutions_of_gsm8k_are_right_and_others_answers_wrong():
    lines = (Path(os.environ["CURRICULAB_DATA"]) / "gsm8k_test.jsonl").read_text().splitlines()[:501]
    rows = [json.loads(line)["answer"] for line in lines]
    answers = [solution.split("####")[1].strip() for solution in rows]
    assert all(verify(s, a) == 1 for s, a in zip(rows, answers, strict=True))
    shifted = [
        (s, b)
        for s, a, b in zip(rows, answers, answers[1:], strict=False)
        if float(a.replace(",", "")) != float(b.replace(",", ""))
    ]
    assert len(shifted) > 450 and not any(verify(s, b) for s, b in shifted)


def test_a_million_plain_answers_take_seconds():
    texts = [f"{i} + 1 makes {i + 1}.\n#### {i + 1}" for i in range(5000)]
    long = ["She sells them for a price and keeps the rest. " * 21 + text for text in texts]
    for made, most in ((texts, 6e-6), (long, 10e-6)):
        best = min(_seconds(made) for _ in range(5)) / len(texts)
        assert best < 3 * most, f"{best * 1e6:.1f} us"  # a busy machine is up to three times slower than a quiet one


def _seconds(texts: list[str]) -> float:
    began = time.process_time()
    assert all(verify(text, str(i + 1)) == 1 for i, text in enumerate(texts))
    return time.process_time() - began
