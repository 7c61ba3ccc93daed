"""The browser that draws: found, or said to be missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from curriculab import figures
from curriculab.figures import ExportError, export, find_browser, learning_curves
from curriculab.runs import Runs


def program(path: Path, script: str) -> Path:
    path.write_text(script)
    path.chmod(0o755)
    return path


def test_a_browser_that_does_not_start_is_said(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    broken = program(tmp_path / "chrome", '#!/bin/sh\n[ "$1" = --version ]\n')
    monkeypatch.setenv("BROWSER_PATH", str(broken))
    with pytest.raises(ExportError) as error:
        export(learning_curves(runs), tmp_path / "curves", formats="svg")
    assert str(error.value).startswith(f"{broken} did not draw (") and str(error.value).endswith(figures.NO_BROWSER)
    assert "\n" not in str(error.value)


def test_ubuntus_stand_in_for_the_snap_is_not_taken_for_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    stand_in = program(tmp_path / "chromium-browser", '#!/bin/sh\nexec /snap/bin/chromium "$@"\n')
    monkeypatch.setenv("BROWSER_PATH", str(stand_in))
    assert find_browser() is None
    monkeypatch.setenv("BROWSER_PATH", str(program(tmp_path / "broken", "#!/bin/sh\nexit 1\n")))
    assert find_browser() is None
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "nowhere"))
    assert find_browser() is None
