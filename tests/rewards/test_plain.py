"""LaTeX, Markdown and Unicode as plain characters."""

from __future__ import annotations

import pytest

from curriculab.rewards.plain import latex, plain, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("−5", "-5"),
        ("５", "5"),
        ("٣", "3"),
        ("2½", "2 1/2"),
        ("x²", "x^{2}"),
        ("72\u200b", "72"),
        (r"\$5", "$5".replace("$", "")),
        (r"10{,}000", "10,000"),
        (r"\left(5\right)", "(5)"),
        (r"\frac12", "1/2"),
        (r"\frac{\pi}{2}", r"\frac{\pi}{2}"),
        (r"50\%", "50%"),
        (r"\(5\)", "5"),
    ],
)
def test_plain(text, expected):
    assert plain(text).strip() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**New York**.", "new york"),
        (r"\text{Evelyn}", "evelyn"),
        ("The mother", "mother"),
        ("(B)", "b"),
        ("`yes`", "yes"),
        ("", ""),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


def test_unicode_mathematics_becomes_latex():
    assert latex("4√2") == r"4\sqrt{2}" and latex("√(x+1)") == r"\sqrt{x+1}"
    assert latex("π/2").replace(" ", "") == r"\pi/2" and latex("x²") == "x^{2}"
    assert latex(r"x \le 2") == r"x \le 2"
