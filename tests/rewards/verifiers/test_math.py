"""Mathematical answers: numbers here, everything else by math-verify in the worker."""

from __future__ import annotations

import pytest

from curriculab.rewards import cutoffs, verify


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
