"""The formula of a sentence, typed formulas as LaTeX, inequalities as intervals, values of several unknowns."""

from __future__ import annotations

import time

import pytest

from curriculab.rewards.formulas import all_reals, formula_meant, intervals, right_side, typed, values


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("So d = 5*sqrt(2), or about 7.07 units.", "d = 5*sqrt(2)"),
        ("The area is πr² = π·4² = 16π cm².", "πr² = π·4² = 16π"),
        ("sin 45° = opposite/hypotenuse = 1/√2.", "1/√2"),
        ("The derivative is\n\n$$f'(x) = 3x^2 + 2x.$$", "f'(x) = 3x^2 + 2x"),
        ("Hence the answer is $-2i + 3$, with $a=3$ and $b=-2$.", "-2i + 3"),
        ("It holds when $x < 2$ or $x > 5$.", "x < 2 or x > 5"),
        ("The length is 3√5 (roughly 6.71) metres.", "3√5"),
        ("The angle is π/6, that is, 30 degrees.", "π/6"),
        ("It is $2\\pi$. Would you like $3\\pi$?", "2\\pi"),
        ("So cos 30° is about 0.866.", "0.866"),
        ("It is either 3√5 or 5√3.", None),
        ("It is not 16π.", None),
        ("cos 30° is unknown.", None),
        ("", None),
        ("Factoring gives 2x(x + 3).", "2x(x + 3)"),
        ("The limit is infinity.", "infinity"),
    ],
)
def test_the_formula_that_a_text_comes_to(text, formula):
    assert formula_meant(text) == formula


def test_all_real_numbers():
    assert all_reals("The domain is all real numbers.") == r"(-\infty,\infty)"
    assert all_reals("It holds for all real numbers except x = 2.") == r"(-\infty,2)\cup(2,\infty)"
    assert all_reals("It does not hold for all real numbers.") is None and all_reals("x > 2") is None


def test_what_stands_behind_the_last_sign_of_equality():
    assert right_side("f(x) = x + 1 = 3").strip() == "3" and right_side("x <= 2") == "x <= 2" and right_side("7") == "7"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5*sqrt(2)", r"5 \cdot \sqrt{2}"),
        ("x^-2", "x^{-2}"),
        ("e^(2x)", "e^{2x}"),
        ("2^10", "2^{10}"),
        ("ln(2)", r"\ln (2)"),
        (r"\sqrt{2}\cdot\sin x", r"\sqrt{2}\cdot\sin x"),
        ("x >= 2", r"x \ge  2"),
        ("cosine", "cosine"),
        ("-1/2 x + 4", r"-\frac{1}{2} x + 4"),
    ],
)
def test_typed_formulas_become_latex(text, expected):
    assert typed(text) == expected


@pytest.mark.parametrize(
    ("text", "union"),
    [
        ("x < -1 or x > 4", r"(-\infty,-1)\cup(4,\infty)"),
        ("x > 2 and x < 5", "(2,5)"),
        ("-2 ≤ x < 3", "[-2,3)"),
        (r"x \ge \frac{1}{2}", r"[\frac{1}{2},\infty)"),
        ("3 >= t", r"(-\infty,3]"),
        ("x ≠ 2", r"(-\infty,2)\cup(2,\infty)"),
        ("x < 2 or y > 5", None),
        ("x = 2", None),
        ("a < b", None),
    ],
)
def test_inequalities_become_intervals(text, union):
    assert intervals(text) == union


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 2 and y = 5", "(2,5)"),
        ("y = 5, x = 2", "(2,5)"),
        ("x=1, y=2, z=3", "(1,2,3)"),
        ("x = 2", None),
        ("x = 2 or x = 3", None),
    ],
)
def test_values_of_several_unknowns(text, expected):
    assert values(text) == expected


@pytest.mark.parametrize(
    "piece", ["x = 2 and ", "x < 2 or ", "$x$ ", "((", "sqrt(", "^(", "about 1 ", "\\[ x", "a b ", "<="]
)
def test_repeated_pieces_take_no_longer_than_their_length(piece):
    began = time.process_time()
    for n in (50, 500, 50_000):
        formula_meant(piece * n)
        typed(piece * min(n, 500))
        intervals(piece * n)
        values(piece * min(n, 500))
    assert time.process_time() - began < 2
