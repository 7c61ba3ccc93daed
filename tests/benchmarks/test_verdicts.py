"""Errors of the verdict: the record and its limits, its page, one cell drawn anew, and the path through `compare`."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from benchmarks import verdicts
from benchmarks.verdicts_page import PAGE, page

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def record() -> dict:
    return json.loads((ROOT / verdicts.RECORD).read_text())["verdicts"]


def test_every_cell_is_recorded_and_within_its_limit(record: dict):
    """At most 0.071 of 1,000 benches, 5% and three standard errors, or 0.0565 of 10,000."""
    figures = {verdicts.key(f): f for f in record["figures"]}
    assert set(figures) == set(product(verdicts.DATA, verdicts.VARIANTS, verdicts.SEEDS, verdicts.DESIGNS))
    for figure in figures.values():
        if verdicts.may_err(figure):
            continue
        assert figure["benches"] >= 1_000
        most = 0.071 if figure["benches"] < 10_000 else 0.0565
        assert figure["error"] <= most and figure["error_new"] <= most, verdicts.line(figure)
        assert figure["covered"] > 1 - most and figure["covered_new"] > 1 - most, verdicts.line(figure)


def test_a_pooled_spread_is_shown_to_err_where_spreads_differ(record: dict):
    errors = {f["data"]: f["error"] for f in record["figures"] if verdicts.key(f)[1:] == (6, 3, "pooled, null band")}
    assert errors["plain"] < 0.071 < errors["spread ratio 2"] < errors["spread ratio 3"]


def test_the_record_is_of_the_code_that_decides(record: dict):
    made = {figure["made"] for figure in record["figures"]}
    assert made == {verdicts.made()}, "run python -m benchmarks.verdicts again: what decides a verdict has changed"


def test_the_page_is_that_of_the_record(record: dict):
    assert (ROOT / PAGE).read_text() == page(record)


def test_a_cell_drawn_anew_comes_to_the_same(record: dict):
    """150 benches of another seed: within four standard errors of what is recorded."""
    recorded = {verdicts.key(f): f for f in record["figures"]}
    for figure in verdicts.simulated("variant x row", 4, 3, 150, seed=1):
        before = recorded[verdicts.key(figure)]
        for name in ("error", "error_new"):
            assert abs(figure[name] - before[name]) < 4 * np.sqrt(0.06 * 0.94 / 150)


@pytest.mark.parametrize("design", verdicts.DESIGNS)
def test_a_bench_through_compare_comes_to_the_same_numbers(design: str):
    rng = np.random.default_rng(3)
    right, _, groups = verdicts.draw(rng, "clustered rows", 3, 3, 3, 2)
    found = verdicts.judge(right, 3, design, groups)
    table = verdicts.through_compare(right[1], 3, design, groups).table.drop(index="random")
    for column, name in {"low_holm": "low_family", "high_holm": "high_family", "low_new": "low_new", "p": "p"}.items():
        assert table[column].tolist() == pytest.approx(getattr(found, name)[1].tolist()), column


def test_what_disagrees_with_compare_stops_the_simulation():
    right, _, groups = verdicts.draw(np.random.default_rng(3), "plain", 3, 3, 3, 1)
    found = verdicts.judge(right, 3, "own", groups)
    with pytest.raises(AssertionError, match="own: difference"):
        verdicts._agrees(found, np.roll(right[0], 1, axis=0), 3, "own", groups)


def test_truth_on_these_rows_is_the_mean_over_seeds_and_runs():
    """Against 20,000 runs of one variant drawn one by one."""
    rng = np.random.default_rng(0)
    level = rng.normal(0, 1.5, (1, 1, 1, 40))
    drawn = expit(level[0, 0, 0] + rng.normal(0, 0.5, (20_000, 1))).mean()
    assert verdicts._means(level, np.array([0.5]))[0, 0] == pytest.approx(drawn, abs=2e-3)
    x = rng.normal(0, np.sqrt(1.5**2 + 0.2**2 + 0.15**2), 400_000)
    assert expit(x + verdicts.gain()).mean() - expit(x).mean() == pytest.approx(0.05, abs=1e-3)


def test_errors_of_a_judgement_that_is_wrong_are_counted():
    """Everything called better: all benches err; nothing has an interval: none does."""
    right, truth, groups = verdicts.draw(np.random.default_rng(1), "plain", 3, 3, 3, 50)
    right[:, 1] = True
    right[:, 0] = np.arange(verdicts.ROWS) % 2
    right[:, 0, :, 0] = np.arange(3) > 0  # some spread over seeds
    error, error_new, *_ = verdicts.rates(verdicts.judge(right, 3, "own", groups), truth, better=False)
    assert error == error_new == 50


def test_what_is_recorded_is_not_drawn_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(verdicts, "DATA", ("plain",))
    monkeypatch.setattr(verdicts, "VARIANTS", (2,))
    monkeypatch.setattr(verdicts, "SEEDS", (3,))
    to, page_to = tmp_path / "coverage.json", tmp_path / "verdicts.md"
    to.write_text('{"figures": [1]}')
    given = ["--benches", "20", "--to", str(to), "--page", str(page_to)]
    verdicts.main(given)
    first = json.loads(to.read_text())
    assert first["figures"] == [1] and len(first["verdicts"]["figures"]) == 4 and page_to.is_file()
    monkeypatch.setattr(verdicts, "cell", lambda *args, **how: pytest.fail("drawn again"))
    verdicts.main(given)
    assert json.loads(to.read_text())["verdicts"]["figures"] == first["verdicts"]["figures"]
