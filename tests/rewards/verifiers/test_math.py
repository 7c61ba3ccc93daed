"""Mathematical answers: numbers here, everything else by math-verify in the worker."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from curriculab.rewards import cutoffs, limits, load_pairs, verify, worker_process
from curriculab.rewards.verifiers import math as verifier

CORPUS = Path(__file__).parents[1] / "corpus"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "answer", "right"),
    [
        (r"\boxed{0.5}", r"\frac{1}{2}", 1),
        (r"\boxed{1/2}", r"\frac{1}{2}", 1),
        (r"#### \dfrac12", "0.5", 1),
        (r"The answer is $\frac{2}{4}$.", r"\frac{1}{2}", 1),
        (r"\boxed{\frac{-7}{3}}", r"-\frac{7}{3}", 1),
        (r"\boxed{0.33}", r"\frac{1}{3}", 0),
        (r"\boxed{\frac{3}{\sqrt{2}}}", r"\frac{3\sqrt{2}}{2}", 1),
        (r"\boxed{\{3, 1, 2\}}", r"\{1,2,3\}", 1),
        (r"\boxed{1, 2, 3}", r"\{1,2,3\}", 1),
        (r"\boxed{\{1, 2\}}", r"\{1,2,3\}", 0),
        (r"\boxed{2, -2}", r"\pm 2", 1),
        (r"\boxed{(1, 2]}", "(1,2]", 1),
        (r"\boxed{[1, 2]}", "(1,2]", 0),
        (r"\boxed{(2, 1)}", "(1,2)", 0),
        (r"\boxed{(3, \infty) \cup (-\infty, 2)}", r"(-\infty,2)\cup(3,\infty)", 1),
        (r"\boxed{90}", r"90^\circ", 1),
        (r"\boxed{45^\circ}", r"90^{\circ}", 0),
        (r"\boxed{12\text{ cm}}", "12", 1),
        (r"\boxed{13\text{ cm}}", r"12\text{ cm}", 0),
        (r"\boxed{\text{Bob}}", r"\text{Evelyn}", 0),
        (r"\boxed{x^2+2x+1}", "(x+1)^2", 1),
        (r"\boxed{x^2+2x+2}", "(x+1)^2", 0),
        (r"\boxed{x = 5}", "5", 1),
        (r"\boxed{\begin{pmatrix}1\\2\end{pmatrix}}", r"\begin{bmatrix} 1 \\ 2 \end{bmatrix}", 1),
        (r"\boxed{\$18}", "18", 1),
        (r"\boxed{}", "5", 0),
        (r"so it is $\frac{1}{72}$", "72", 0),  # its last number is not its answer
        ("x" * 600 + r"#### \frac{1}{2}", "0.5", 1),
    ],
)
def test_math_answers(text, answer, right):
    assert verify(text, answer, "math") == right


def test_plain_numbers_never_reach_the_worker(monkeypatch):
    monkeypatch.setitem(cutoffs.JUDGES, "math", None)
    assert verify("48 + 24 makes 72", "72", "math") == 1 and verify(r"\boxed{1,200.0}", "1200", "math") == 1
    assert verify(r"\boxed{73}", "72", "math") == 0 and verify("72 and then 73", "72", "math") == 0


# What sympy builds functions for while it compares: rational functions of one to six letters, and other shapes.
SHAPES = (
    (r"\frac{x^2-1}{x-1}", "x+1", 1),
    (r"\frac{a^2-b^2}{a-b}", "a+b", 1),
    ("(a+b+c)^2-c^2", "(a+b)(a+b+2c)", 1),
    (r"\frac{abcd+abc}{abc}", "d+1", 1),
    ("(a+b+c+d+f)(a-b)", "a^2-b^2+(c+d+f)(a-b)", 1),
    (r"\frac{(a+b)(c+d)(m+n)}{(c+d)}", "am+an+bm+bn", 1),
    (r"\frac{x}{y}+\frac{y}{x}", r"\frac{x^2+y^2}{xy}", 1),
    (r"\frac{x}{y}+\frac{y}{x}", r"\frac{x^2-y^2}{xy}", 0),
    (r"\sin 2x", r"2\sin x\cos x", 1),
    (r"\tan x", r"\frac{\sin x}{\cos x}", 1),
    ("1<x<3", "(1,3)", 1),
    ("(1,3)", r"1 \le x < 3", 0),
    ("2x+4y-3=0", r"y = -\frac{1}{2}x+\frac{3}{4}", 1),
    ("x^2=4", r"\{2,-2\}", None),
    (r"-3e^{4x-3}+C", r"C-3e^{-3}e^{4x}", 1),
    (r"\sqrt{x^2+2xy+y^2}", "x+y", None),
)


def requests(monkeypatch) -> list[dict[str, str]]:
    """What the pairs of the corpora, and the shapes, ask of the judging process."""
    asked: list[dict[str, str]] = []
    monkeypatch.setattr(verifier, "judged", lambda kind, **request: asked.append(request) or 0.0)
    for name in ("pairs.jsonl", "later.jsonl"):
        for pair in load_pairs(CORPUS / name):
            verify(pair["text"], pair["gold"], "math")
    return asked + [{"gold": gold, "said": said} for gold, said, _ in SHAPES]


UNCONFINED_AND_CONFINED = """
import json, os, runpy, sys
program = runpy.run_path(sys.argv[1])
judge, _ = program["math_judge"]()
for confined in (False, True):
    sys.stdout.flush()
    if os.fork() == 0:
        if confined:
            program["confine"]()
        verdicts = [judge(request) for request in json.loads(sys.argv[2])]
        os.write(1, json.dumps([verdicts, program["REFUSALS"]]).encode() + b"\\n")
        os._exit(0)
    os.wait()
"""


@pytest.mark.slow
def test_the_confined_judge_gives_the_verdicts_of_the_unconfined_one(monkeypatch):
    asked = requests(monkeypatch)
    command = [sys.executable, "-P", "-c", UNCONFINED_AND_CONFINED, worker_process.__file__, json.dumps(asked)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    (free, _), (confined, refused) = map(json.loads, lines)
    assert len(asked) > 200 and free == confined and refused == []
    found = dict(zip([shape[:2] for shape in SHAPES], confined[-len(SHAPES) :], strict=True))
    assert {shape[:2]: found[shape[:2]] for shape in SHAPES if shape[2] is not None} == {
        shape[:2]: shape[2] for shape in SHAPES if shape[2] is not None
    }


def _busy() -> None:
    while True:
        pass


@pytest.mark.slow
def test_verdicts_beside_busy_processes_are_the_same(monkeypatch):
    asked = requests(monkeypatch)[::12]
    judge = cutoffs.JUDGES["math"]
    quiet = [judge.ask(**request) for request in asked]
    lost = judge.restarts
    judge.close()  # what is remembered there does not help
    judge.ready()
    busy = [multiprocessing.get_context("spawn").Process(target=_busy, daemon=True) for _ in range(6)]
    for process in busy:
        process.start()
    try:
        assert [judge.ask(**request) for request in asked] == quiet and judge.restarts == lost
    finally:
        for process in busy:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("said", ["0.333333333", "0.333333333333333", "0.3333"])
def test_a_tolerance_is_a_setting_and_fractions_are_exact_without_it(monkeypatch, said):
    assert verify(rf"\boxed{{{said} + x}}", r"\frac{1}{3} + x", "math") == 0
    assert verify(r"\boxed{1.41421356}", r"\sqrt{2}", "math") == 0  # off by 2e-9 of it
    assert verify(r"\boxed{1.4142135623730951}", r"\sqrt{2}", "math") == 1  # by 3e-17
    monkeypatch.setitem(cutoffs.SETTINGS, "tolerance", 1e-6)
    assert verify(r"\boxed{1.41421356}", r"\sqrt{2}", "math") == 1


@pytest.mark.slow
@pytest.mark.needs("data:math500_test.json")
def test_published_solutions_of_math_are_right_and_others_answers_wrong():
    rows = json.loads((Path(os.environ["CURRICULAB_DATA"]) / "math500_test.json").read_text())
    limits(reset=True)
    assert [r["answer"] for r in rows if verify(r["solution"], r["answer"], "math") != 1] == []
    assert [r["answer"] for r in rows if verify(r["solution"], r["answer"]) != 1] == []
    accepted = [(a["answer"], b["answer"]) for a, b in zip(rows, rows[1:], strict=False)]
    accepted = [pair for pair, r in zip(accepted, rows, strict=False) if verify(r["solution"], pair[1], "math") == 1]
    assert [pair for pair in accepted if pair[0].removeprefix("x=") != pair[1].removeprefix("x=")] == []
    assert sum(limits()[name] for name in ("length", "nesting", "time", "crash", "refused")) == 0
