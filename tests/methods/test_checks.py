"""The catalogue, the checks and their broken twins, what is recorded, and the controls."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial

import pandas as pd
import pytest

import curriculab
from curriculab import methods
from curriculab.bench import checking
from curriculab.bench.check_bench import SimulatedCheckBench
from curriculab.bench.simulate import simulate
from curriculab.methods import CATALOG, checkable
from curriculab.methods import check as check_module
from curriculab.methods.check import Check, claim_digest
from curriculab.methods.controls import CONTROLS, controls
from curriculab.methods.registry import STATUS
from curriculab.protocol import method_name

CHECKED = [entry.function for entry in checkable()]


def entry_of(name):
    return next(entry for entry in CATALOG if entry.function == name)


# -- the catalogue ----------------------------------------------------------------------------------------------------
def test_the_catalogue_holds_all_systems_and_the_classics():
    numbers = [entry.number for entry in CATALOG if entry.number is not None]
    assert sorted(set(numbers)) == list(range(1, 59)) and numbers.count(8) == 2
    functions = [entry.function for entry in CATALOG]
    assert len(functions) == len(set(functions)) == 59 + 8 + 5 + 5
    groups = {"order", "online", "reward", "generated", "feedback", "context", "analysis"}
    assert {entry.group for entry in CATALOG} == groups
    table = methods.catalog()
    assert list(table) == ["number", "title", "authors", "year", "group", "function", "status"]
    assert set(table.status) <= set(STATUS)


def test_methods_are_found_by_name():
    assert curriculab.methods.easy_to_hard.__name__ == "easy_to_hard"
    assert "easy_to_hard" in dir(methods) and "soar" not in dir(methods)
    message = "the method 'soar' (SOAR: Teaching Models to Teach Themselves) is planned and not written yet"
    if not entry_of("soar").path.exists():
        with pytest.raises(AttributeError, match=f"^{re.escape(message)}$"):
            methods.soar  # noqa: B018
    with pytest.raises(AttributeError, match="^curriculab.methods has no 'easiest'; it has random_order, easy_to_h"):
        methods.easiest  # noqa: B018


@pytest.mark.parametrize("entry", [e for e in CATALOG if e.path.exists()], ids=lambda e: e.function)
def test_a_method_file_says_what_it_is(entry):
    text = entry.path.read_text()
    header = text.split('"""')[1]
    assert all(f"\n{word}" in header for word in ("Paper  ", "Kept  ", "Changed  "))
    assert entry.method.__doc__ and method_name(entry.method) == entry.function
    assert (entry.check is None) == (entry.function in CONTROLS)


# -- checks and twins -------------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKED)
def test_the_claim_holds_and_its_broken_twin_is_refuted(name):
    check = entry_of(name).check
    real, twin = check(SimulatedCheckBench()), check(SimulatedCheckBench(broken=True))
    assert real.held, real
    assert not twin.held, twin
    assert len(real.seeds) >= 3 and real.claim and real.refuted_by and real.measured
    assert real.measured != twin.measured


def test_the_twins_signal_is_permuted_and_nothing_else():
    bench = SimulatedCheckBench(broken=True)
    seen = []

    def look(pool, run):
        seen.append(pool)
        return
        yield

    bench.simulate(look, signal=("level",))
    assert seen[0].level.tolist() != bench.pool.level.tolist()
    assert sorted(seen[0].level) == sorted(bench.pool.level)
    pd.testing.assert_frame_equal(seen[0].drop(columns="level"), bench.pool.drop(columns="level"))


# -- the command ------------------------------------------------------------------------------------------------------
@pytest.fixture
def records(tmp_path, monkeypatch):
    """An empty checks.json of our own."""
    path = tmp_path / "checks.json"
    monkeypatch.setattr(check_module, "checks_path", lambda: path)
    monkeypatch.setattr(checking, "checks_path", lambda: path)
    return path


def test_the_command_lists_one_line_a_method(capsys, records):
    assert checking.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(CATALOG)
    assert lines[0].split() == ["-", "random_order", "order", "untried"]
    assert ["9", "human_strategies", "order", "untried"] in [line.split() for line in lines]


def test_a_method_is_shown_on_one_page(capsys, records):
    assert checking.main(["show", "sec"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Self-Evolving Curriculum:") and "\nPaper    Chen et al. 2025" in out
    assert "P(arm) = exp(Q / tau) / sum exp(Q / tau)" in out and "\n  tau = 0.4\n      0.05 to 2; temperature" in out
    assert checking.main(["show", "soar"]) == 2
    assert capsys.readouterr().err == "no method 'soar' is written\n"


@pytest.mark.parametrize(
    "entry", [e for e in CATALOG if e.path.exists() and e.group in ("online", "reward")], ids=lambda e: e.function
)
def test_an_equation_names_the_knobs_of_the_method(entry):
    """What the docstring writes is what the code is called by: at least one knob or local name, and an equation."""
    text = entry.method.__doc__
    names = {*entry.method.__code__.co_varnames, *entry.method.__code__.co_freevars}
    words = set(re.findall(r"[A-Za-z_]+", text))
    assert re.search(r"[=~]|<-", text), "no equation"
    assert words & names, f"none of {sorted(names)} is in the docstring"


def test_a_check_is_printed_recorded_and_stale_once_the_file_changes(capsys, records, monkeypatch):
    assert checking.main(["check", "reversed_score"]) == 0
    out = capsys.readouterr().out
    assert re.match(r"reversed_score: held in \d+\.\d s\n  claim       easy to hard on mirrored scores", out)
    assert "\n  refuted by  a rank correlation" in out and "\n  measured    rank_correlation -0.98" in out
    record = json.loads(records.read_text())["reversed_score"]
    assert list(record) == ["claim", "refuted_by", "measured", "held", "seeds", "date", "versions", "digest"]
    entry = entry_of("reversed_score")
    assert record["digest"] == claim_digest(entry.file_module) and entry.status == "held"
    records.write_text(json.dumps({"reversed_score": record | {"held": False}}))
    assert entry.status == "refuted"
    records.write_text(json.dumps({"reversed_score": record | {"digest": "0"}}))
    assert entry.status == "stale"


def test_a_refuted_claim_is_recorded_and_gives_exit_1(capsys, records, monkeypatch):
    failed = Check("it helps", "no gain", {"gain": -0.1}, held=False)
    monkeypatch.setattr(type(entry_of("baby_steps")), "check", property(lambda self: lambda bench: failed))
    assert checking.main(["check", "baby_steps"]) == 1
    assert capsys.readouterr().out.startswith("baby_steps: REFUTED in ")
    assert json.loads(records.read_text())["baby_steps"]["measured"] == {"gain": -0.1}
    assert entry_of("baby_steps").status == "refuted"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("null_band", "null_band is a random control and claims nothing, so there is nothing to check"),
        ("babysteps", f"no method 'babysteps'; give all, or one of {', '.join(CHECKED)}"),
    ],
)
def test_what_cannot_be_checked_says_so(capsys, records, name, message):
    assert checking.main(["check", name]) == 2
    assert capsys.readouterr().err == message + "\n"


def test_the_shipped_results_are_of_these_files():
    """After changing a method: python -m curriculab.methods check NAME."""
    assert {name: entry_of(name).status for name in CHECKED} == dict.fromkeys(CHECKED, "held")


# -- controls ---------------------------------------------------------------------------------------------------------
def test_controls_of_one_variant():
    easy = partial(methods.easy_to_hard, by="loss")
    added, null = controls({"easy first": easy})
    assert list(added) == [
        "random",
        "easy first, reversed",
        "easy first, shuffled scores",
        "null 1",
        "null 2",
        "null 3",
    ]
    assert null == ("null 1", "null 2", "null 3")
    assert added["easy first, reversed"].keywords == {"method": easy}


def test_controls_are_as_many_as_the_choices_and_only_where_they_mean_something():
    variants = {
        "random": methods.random_order,
        "by topic": partial(methods.human_strategies, order="blocked", by=None),
        **{f"baby {n}": partial(methods.baby_steps, buckets=n) for n in (2, 3, 4)},
    }
    added, null = controls(variants)
    assert len(null) == 4 and "random" not in added
    assert not any(name.startswith("by topic") for name in added)
    assert len(added) == 2 * 3 + 4


def test_controls_by_kind():
    variants = {"easy first": methods.easy_to_hard}
    assert list(controls(variants, ["shuffled"])[0]) == ["easy first, shuffled scores"]
    assert list(controls(variants, ["null"], null=2)[0]) == ["null 1", "null 2"]
    message = "controls='revers' is unknown; give True, or some of random, reverse, shuffled, null"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        controls(variants, ["revers"])
    message = "the names null 1 are wanted for controls; give these variants other names"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        controls({"null 1": methods.easy_to_hard})


def test_controls_run():
    bench = SimulatedCheckBench()
    variants = {"easy": methods.easy_to_hard, "cyclical": partial(methods.cyclical, by="score")}
    added, _ = controls(variants)
    runs = simulate({**variants, **added}, bench.pool, steps=5, batch_size=8)
    assert runs.failed == {} and len(runs.metrics) == 5 * (2 + len(added))


def test_a_reversed_variant_may_be_a_choice_of_its_own():
    added, _ = controls({"hard": methods.reversed_score}, ["reverse", "shuffled"])
    assert added == {}


def test_entries_are_plain_values():
    assert replace(entry_of("sec"), year=None).year is None
