"""The command `curriculab` names itself, whichever module answers, and its examples are spelt as it is called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from curriculab.cli import COMMANDS, main

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_the_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    said = capsys.readouterr().out
    assert said.startswith(f"usage: curriculab {command} ") and "python -m" not in said


@pytest.mark.parametrize("command", ["run", "methods", "runs"])
def test_a_wrong_option_names_the_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--no-such-option"])
    assert f"curriculab {command}: error: " in capsys.readouterr().err


def test_commands_are_spelt_in_one_way() -> None:
    """Those that have a name; machine.py gives one that works where the environment is not activated."""
    spelt = re.compile(r"python -m curriculab\b|curriculab\.(?:runs|bench|methods) (?:prune|check|show)\b")
    files = [*(ROOT / "curriculab").rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    found = {p.name for p in files if spelt.search(p.read_text()) and p.name != "__main__.py"}
    assert found == {"machine.py"}
