"""The command that lists, shows and checks methods, and what it records."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from curriculab.bench import checking
from curriculab.methods import CATALOG, checkable
from curriculab.methods import check as check_module
from curriculab.methods.check import Check, claim_digest, detectable

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
    assert checking.main(["show", "easiest"]) == 2
    assert capsys.readouterr().err == "no method 'easiest' is written\n"


def test_a_check_is_printed_recorded_and_stale_once_the_file_changes(capsys, records, monkeypatch):
    assert checking.main(["check", "reversed_score"]) == 0
    out = capsys.readouterr().out
    first = r"reversed_score: held at default knobs in \d+\.\d s, twin \d+\.\d s\n"
    assert re.match(first + "  claim       easy to hard on mirrored scores", out)
    assert "\n  refuted by  a rank correlation" in out and "\n  measured    rank_correlation -0.98" in out
    record = json.loads(records.read_text())["reversed_score"]
    told = ["claim", "refuted_by", "measured", "held", "result", "tier", "knobs"]
    assert list(record) == [*told, "seeds", "date", "versions", "digest", "twin", "seconds"]
    assert record["tier"] == "simulated" and record["result"] == "held" and record["twin"]["held"] is False
    assert 0 < record["seconds"]["check"] < 60 and 0 < record["seconds"]["twin"] < 60
    entry = entry_of("reversed_score")
    assert record["digest"] == claim_digest(entry.file_module) and entry.status == "held"
    records.write_text(json.dumps({"reversed_score": record | {"held": False, "result": "refuted"}}))
    assert entry.status == "refuted" and entry.default_knobs and entry.tier == "simulated"
    records.write_text(json.dumps({"reversed_score": record | {"digest": "0"}}))
    assert entry.status == "stale"


def test_a_refuted_claim_is_recorded_and_gives_exit_1(capsys, records, monkeypatch):
    failed = Check("it helps", "no gain", {"gain": -0.1}, held=False)
    monkeypatch.setattr(type(entry_of("baby_steps")), "check", property(lambda self: lambda bench: failed))
    assert checking.main(["check", "baby_steps"]) == 1
    assert capsys.readouterr().out.startswith("baby_steps: REFUTED at default knobs in ")
    assert json.loads(records.read_text())["baby_steps"]["measured"] == {"gain": -0.1}
    assert entry_of("baby_steps").status == "refuted"


def test_claims_at_other_knobs_and_on_models_stand_beside_the_one_at_the_defaults(capsys, records, monkeypatch):
    other = Check("it helps", "no gain", {"gain": 0.2}, held=True, knobs={"upper": 0.6})
    default = Check("it helps", "no gain", {"gain": -0.1}, held=False, also=(other,))
    entry = entry_of("baby_steps")
    monkeypatch.setattr(type(entry), "check", property(lambda self: lambda bench: default))
    assert checking.main(["check", "baby_steps"]) == 1
    assert "\nbaby_steps: held at upper=0.6 in " in capsys.readouterr().out
    kept = json.loads(records.read_text())
    on_a_model = checking.as_record(Check("it helps", "", {"gain": 0.0}, held=False, tier="pocket"), entry.file_module)
    on_a_model["digest"] = checking.model_digest(entry.file_module)
    kept["baby_steps"]["models"] = [on_a_model]
    records.write_text(json.dumps(kept))
    checking.main(["check", "baby_steps"])  # what was recorded on models stays
    capsys.readouterr()
    assert entry.tier == "simulated, pocket" and entry.default_knobs
    assert checking.line(entry).endswith("refuted (simulated, default knobs; pocket: 1 refuted)")
    stale = {**kept, "baby_steps": kept["baby_steps"] | {"models": [on_a_model | {"digest": "0"}]}}
    records.write_text(json.dumps(stale))
    assert checking.line(entry).endswith("; pocket: 1 stale)")
    card = checking.card(entry)
    assert "\nCheck    held (simulated, upper=0.6), " in card and "\nCheck    refuted (pocket, default knobs), " in card


def test_a_claim_on_the_pocket_model_is_recorded_beside_the_other(capsys, records, monkeypatch):
    claim = Check("it holds on a model", "no gain", {"gain": 0.0}, held=False, tier="pocket")
    monkeypatch.setitem(checking.CLAIMS, "reversed_score", lambda bench: claim)
    entry = entry_of("reversed_score")
    assert checking.main(["check", "reversed_score", "--tier", "pocket"]) == 2
    first = "try reversed_score on the simulated student first: curriculab methods check reversed_score\n"
    assert capsys.readouterr().err == first
    checking.main(["check", "reversed_score"])
    assert checking.main(["check", "reversed_score", "--tier", "pocket"]) == 1
    assert "reversed_score: REFUTED at default knobs in 0 s on the pocket model\n" in capsys.readouterr().out
    record = json.loads(records.read_text())["reversed_score"]
    assert record["result"] == "held" and [one["result"] for one in record["models"]] == ["refuted"]
    assert entry.status == "held" and entry.tier == "simulated, pocket"
    assert checking.line(entry).endswith("held (simulated, default knobs; pocket: 1 refuted)")
    assert checking.main(["check", "sec", "--tier", "pocket"]) == 2
    assert capsys.readouterr().err.startswith("sec has no claim on the pocket model; those of gain_rl, ")


def test_other_seeds_are_tried_and_not_recorded(capsys, records):
    assert checking.main(["check", "reversed_score", "--seeds", "10,11"]) == 0
    assert capsys.readouterr().out.startswith("reversed_score: held at default knobs in ") and not records.exists()


def test_a_twin_that_holds_is_said(capsys, records, monkeypatch):
    claim = Check("it helps", "no gain", {"gain": 0.2}, held=True)
    monkeypatch.setattr(type(entry_of("baby_steps")), "check", property(lambda self: lambda bench: claim))
    checking.main(["check", "baby_steps"])
    assert "\n  TWIN HELD   baby_steps passes with a permuted signal, so its check shows nothing\n" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("how", "result"),
    [
        ({"held": True}, "held"),
        ({"held": False}, "refuted"),
        ({"held": True, "mechanism": True}, "mechanism"),
        ({"held": False, "mechanism": True}, "refuted"),
        ({"held": True, "detectable": 0.05, "threshold": 0.02}, "not testable at this size"),
        ({"held": False, "detectable": 0.05, "threshold": 0.02}, "not testable at this size"),
        ({"held": True, "detectable": 0.02, "threshold": 0.05}, "held"),
        ({"held": False, "detectable": 0.05, "threshold": 0.02, "gain": -0.5}, "refuted"),
        ({"held": True, "mechanism": True, "detectable": 0.08, "threshold": 0.03, "gain": 0.19}, "mechanism"),
        ({"held": True, "detectable": 0.05, "threshold": 0.02, "gain": 0.06}, "not testable at this size"),
        ({"held": True, "detectable": 0.02, "threshold": 0.05, "gain": 0.06}, "not testable at this size"),
    ],
)
def test_what_comes_of_a_claim(how, result):
    assert Check("it helps", "no gain", {"gain": 0.1}, **how).result == result


def test_a_gain_is_recorded_and_told_beside_what_was_claimed():
    check = Check("it helps", "no gain", {}, held=True, detectable=0.08, threshold=0.03, gain=0.19)
    record = checking.as_record(check, entry_of("easy_to_hard").file_module)
    assert (record["detectable"], record["threshold"], record["gain"]) == (0.08, 0.03, 0.19)
    assert checking.told(record)[-1].strip() == "claimed 0.03, found 0.19; detectable from 0.08 on"
    assert (
        "claimed     0.03, found 0.19, detectable from 0.08 on"
        in checking.outcome(entry_of("easy_to_hard"), check, "1 s")[-1]
    )
    bare = checking.as_record(Check("it helps", "", {}, held=True), entry_of("easy_to_hard").file_module)
    assert not {"detectable", "threshold", "gain"} & set(bare)


def test_what_so_many_seeds_can_detect():
    # sd 0.1; t of 2 degrees: 4.303 and 1.061; of 1 degree: 12.706 and 1.376
    assert detectable(np.array([0.1, 0.2, 0.3])) == pytest.approx((4.3027 + 1.0607) * 0.1 / np.sqrt(3), abs=1e-4)
    assert detectable(np.array([0.0, 0.2])) == pytest.approx((12.7062 + 1.3764) * 0.1, abs=1e-4)
    assert np.isnan(detectable(np.array([0.1])))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"detectable": 0.1}, "detectable and threshold are compared with each other; give a Check both, or neither"),
        ({"gain": 0.1}, "gain is compared with a threshold; give a Check detectable and threshold beside it"),
        ({"tier": "moon"}, "Check(tier='moon') is unknown; give one of simulated, pocket, real"),
    ],
)
def test_a_check_that_cannot_be_read_is_refused(how, message):
    with pytest.raises(ValueError) as error:
        Check("it helps", "no gain", {}, held=True, **how)
    assert str(error.value) == message


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
