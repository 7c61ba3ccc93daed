"""Numbers are read whole or not at all; the expected values are worked out by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest

from curriculab.rewards.plain import plain
from curriculab.rewards.quantities import quantity, tokens


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("72", 72),
        ("-72", -72),
        ("+7", 7),
        ("- 7", -7),
        (".5", Fraction(1, 2)),
        ("5.", 5),
        ("1,234,567.25", Fraction(123456725, 100)),
        ("10 000", 10000),
        ("10\u202f000", 10000),
        (r"10\,000", 10000),
        (r"10{,}000", 10000),
        ("2e3", 2000),
        ("1.5E-2", Fraction(15, 1000)),
        (r"3 \times 10^{5}", 300000),
        ("4 × 10^-2", Fraction(4, 100)),
        ("2^{10}", 1024),
        ("3/4", Fraction(3, 4)),
        (r"-\frac{2}{9}", Fraction(-2, 9)),
        (r"\dfrac34", Fraction(3, 4)),
        (r"\frac{3}{-4}", Fraction(-3, 4)),
        ("5 3/4", Fraction(23, 4)),
        (r"5\frac{3}{4}", Fraction(23, 4)),
        ("2½", Fraction(5, 2)),
        ("−4", -4),
        ("７２", 72),
        ("$18", 18),
        (r"\$18.50", Fraction(37, 2)),
        ("18 dollars", 18),
        (r"12\text{ cm}", 12),
        (r"\boxed{5}", 5),
        ("7^{\\text{th}}", 7),
        ("90°", 90),
        ("05", 5),
    ],
)
def test_a_number_is_read_exactly(text, value):
    assert quantity(text).value == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "3:30", "x^2", "A18", "18x", "1.2.3", "1,2", "1,2,3", "36,50", "15/11/2020", "8-12", "8–12"),
        *("4 10/3", "5/0", "9 * 2", "2(3)", "3!", "17 or 18", "x = 5", "x < 5", r"\frac{\pi}{2}", r"2\pi", "1735_8"),
        *("May 5", "room 5", "(1,2)", "[5]", "5 and a half", "1e999999", "9" * 500, "-" * 50, "1 2"),
    ],
)
def test_what_is_more_or_less_than_a_number_is_none(text):
    assert quantity(text) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("50%", "50", True),
        ("50%", "1/2", True),
        ("50", "0.5", False),
        ("50%", "0.5%", False),
        ("50 percent", r"50\%", True),
        ("0.1", "0.10000001", False),
        ("12 cm", "12 m", False),
        ("12 cm", "12 centimetres", True),
        ("12", "12 kg", True),
        ("12 apples", "12 pears", True),  # no units that are known
        ("8 cm^2", r"8 \text{ cm}^3", False),
        ("8 square feet", "8 ft²", True),
        ("3 hours", "3 minutes", False),
    ],
)
def test_the_same_number_with_no_other_unit(one, other, same):
    assert quantity(one).same(quantity(other)) is same and quantity(other).same(quantity(one)) is same


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("48/2 = 24 clips", [24, 24]),
        ("from 3:30 on, 5 men", [None, None, 5]),
        ("4 - 22 = -18", [None, None, -18]),
        ("$2,000 - $750 = $1,250", [None, None, 1250]),
        ("18km at 6 km/h", [18, 6]),
        ("50% of 30", [50, 30]),
        ("on the 2nd of May", [2]),
        ("It holds 8 cm^2.", [8]),
        ("18!", [18]),
    ],
)
def test_the_numbers_of_a_line(text, values):
    assert [t.quantity and t.quantity.value for t in tokens(plain(text))] == values
