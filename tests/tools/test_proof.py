"""What `make proof` runs, how it is recorded, and that a failure is not passed over."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tools import proof
from tools.proof import PARTS, Part


@pytest.fixture
def written(tmp_path, monkeypatch):
    monkeypatch.setattr(proof, "RECORD", tmp_path / "proof.json")
    monkeypatch.setattr(proof, "PAGE", tmp_path / "proof.md")
    return tmp_path


def plant(monkeypatch, tmp_path, name: str, code: str, *, refutes: bool = False) -> None:
    (tmp_path / f"{name}_part.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(proof, "PARTS", {name: Part(f"the part {name}", ((f"{name}_part",),), refutes=refutes)})


def test_a_part_is_recorded_with_its_date_and_what_it_said(written, monkeypatch, capsys):
    plant(monkeypatch, written, "fine", "print('3 of 3 held')")
    assert proof.main(["fine"]) == 0
    found = json.loads((written / "proof.json").read_text())["fine"]
    assert found["done"] and found["said"] == ["3 of 3 held"] and re.fullmatch(r"\d{4}-\d\d-\d\d", found["date"])
    assert found["commands"] == ["python -m fine_part"]
    assert f"| fine | the part fine | {found['date']} | 0 | done: 3 of 3 held |\n" in (written / "proof.md").read_text()


@pytest.mark.parametrize(("code", "refutes", "status"), [(1, True, 0), (1, False, 1), (2, True, 1)])
def test_a_refuted_claim_is_a_result_and_a_failure_is_none(written, monkeypatch, code, refutes, status):
    plant(monkeypatch, written, "odd", f"print('no'); raise SystemExit({code})", refutes=refutes)
    assert proof.main([]) == status
    assert json.loads((written / "proof.json").read_text())["odd"]["done"] is (status == 0)


def test_an_unknown_part_and_a_missing_module_are_said(written, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        proof.main(["moon"])
    assert "no part 'moon'; there are checks, seeds, pocket, " in capsys.readouterr().err
    monkeypatch.setattr(proof, "PARTS", {"gone": Part("gone", (("no_such_module",),))})
    assert proof.main(["gone"]) == 1
    assert "there is no no_such_module yet" in (written / "proof.md").read_text()


def test_every_part_is_named_by_a_command_that_is_there():
    root = Path(proof.__file__).parents[1]
    modules = {call[0] for part in PARTS.values() for call in part.calls}
    assert {m.split(".")[0] for m in modules} <= {"curriculab", "benchmarks", "tools"}
    assert "tools.proof" in (root / "Makefile").read_text() and PARTS["busy"].commands[0][0] == sys.executable
