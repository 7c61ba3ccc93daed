"""What a notebook shows of results: short, escaped, without colours of its own."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from curriculab.bench.budget import Budget
from curriculab.runs import Runs
from curriculab.runs.display import MAX_LINES, as_html
from curriculab.statistics import compare
from tests.statistics.made import right, runs_of

RUNS = runs_of(
    {"random": [right(8), right(10)], "a <b>": [right(16), right(18)], "lost": [right(1)]},
    ended={("lost", 0): "failed: ValueError\nsecond line"},
)


def cells(page: str) -> list[str]:
    return [re.sub("<.*?>", "", cell) for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", page)]


@pytest.mark.parametrize(
    ("value", "short"),
    [
        (RUNS, "Runs(3 variants x 2 seeds, up to 0 steps, 1 failed)"),
        (RUNS.records[-1], "Record('lost', seed 0, 0 steps, ended: failed: ValueError)"),
        (compare(RUNS), "Comparison(2 variants against 'random', up to 2 seeds; 0 differ)"),
        (Budget(steps=100, max_total_tokens=5000), "Budget(steps=100, max_total_tokens=5000)"),
    ],
)
def test_repr_is_one_line_and_html_has_no_colour(value, short):
    assert repr(value) == short
    page = value._repr_html_()
    assert page.startswith("<div>") and page.endswith("</div>") and "<table" in page
    assert "<b>a" not in page and "a <b>" not in page, "text is not escaped"
    assert not re.search(r"color|background|#[0-9a-f]{3,6}\b|style=\"(?!text-align)", page), page


def test_runs_show_a_line_per_variant():
    # 8 and 10 of 20 right: 0.45; 16 and 18: 0.85; 1 of 20 in one seed: 0.05
    lines = ["random", "2", "0", "0.45", "0", "a &lt;b&gt;", "2", "0", "0.85", "0", "lost", "1", "0", "0.05", "1"]
    assert cells(RUNS._repr_html_())[-15:] == lines


def test_a_comparison_shows_its_table_and_verdict():
    result = compare(RUNS)
    first = "Not decided: none of 2 curricula could be tested against random order over seeds."
    assert str(result).startswith(f"{first}\n") and "0.850 " in str(result)
    page = result._repr_html_()
    assert page.index(f"<b>{first}</b>") < page.index("differs from random by +0.400 in both seeds") < page.index("<t")
    assert "0.850" in cells(page)


def test_nothing_to_show_and_more_than_fits():
    assert repr(Runs(())) == "Runs(0 variants x 0 seeds, up to 0 steps)"
    assert Runs(())._repr_html_() == "<div><p><b>Runs(0 variants x 0 seeds, up to 0 steps)</b></p></div>"
    page = as_html("t", pd.DataFrame({"x": range(MAX_LINES + 7)}))
    assert "and 7 more lines" in page and page.count("<tr") == MAX_LINES + 1
