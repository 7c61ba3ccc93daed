"""Two real processes on one store at the same time do not corrupt it, and say what they find."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> tuple[dict, object]:
    folder = tmp_path_factory.mktemp("together")
    said = subprocess.run(
        [sys.executable, "-m", "tests.together", str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout.splitlines()[-1]), folder


@pytest.mark.slow
def test_of_two_with_the_same_bench_the_second_is_told_who_trains_it(found) -> None:
    told, folder = found
    (taken,) = [one for one in told["same"] if "taken" in one]
    (trained,) = [one for one in told["same"] if "ended" in one]
    assert f"this bench is being trained by process {trained['pid']}; " in taken["taken"] and "\n" not in taken["taken"]
    assert trained["ended"] == ["easy", "random"] and not trained["failed"] and trained["status"] == 0


@pytest.mark.slow
def test_two_benches_that_overlap_both_end_well(found) -> None:
    told, folder = found
    assert [one["ended"] for one in told["overlapping"]] == [["easy", "random"], ["easy", "hard"]]
    kept = sorted(p.name.rpartition("-")[0] for p in (folder / "overlapping").iterdir() if (p / "spec.json").exists())
    assert kept == ["easy", "hard", "random"]


@pytest.mark.slow
def test_what_they_recorded_is_what_one_alone_records_and_nothing_is_left_behind(found) -> None:
    told, folder = found
    for store in ("same", "overlapping"):
        differing = {k: n for k, n in told["differences"][store].items() if k not in ("rows", "adapters")}
        assert told["differences"][store]["rows"] > 0 and not any(differing.values()), differing
        assert not [p.name for p in (folder / store).iterdir() if p.name.startswith((".", "damaged"))]
