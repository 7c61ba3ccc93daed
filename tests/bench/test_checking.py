"""The command that lists, shows and checks methods, and what it records."""

from __future__ import annotations

import json
import re

import pytest

from curriculab.bench import checking
from curriculab.methods import CATALOG, checkable
from curriculab.methods import check as check_module
from curriculab.methods.check import Check, claim_digest

CHECKED = [entry.function for entry in checkable()]


def entry_of(name):
    return next(entry for entry in CATALOG if entry.function == name)


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
    assert "P(arm) = exp(Q / tau) / sum exp(Q / tau)" in out
    tau = "\n  tau = 0.4\n      temperature of the draw: lower prefers the best arms more\n"
    assert f"{tau}      more than 0; slider from 0.05 to 2\n" in out
    assert "\n  arms = 'level'\n      column whose values are the arms\n  tau" in out
    assert "\n      one of 'keep', 'decay'\n" in out
    assert checking.main(["show", "soar"]) == 2
    assert capsys.readouterr().err == "no method 'soar' is written\n"


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
