"""The short form of `make soak`: three kills; and it sees what differs."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from tests import soak
from tests.conftest import ROOT


@pytest.mark.slow
def test_three_kills_are_survived() -> None:
    command = [sys.executable, "-m", "tests.soak", "--kills", "3", "--seed", "5", "--model", "tiny", "--steps", "4"]
    command += ["--seeds", "1"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert said.returncode == 0, said.stderr
    last = said.stdout.splitlines()[-1]
    assert "kill points are drawn from seed 5" in said.stdout
    assert re.match(r"3 kills survived in \d+ benches; rows differing 0 of [1-9][\d,]*; weights equal", last), last


def test_kill_points_come_from_the_seed_alone() -> None:
    kills = [[soak.drawn(np.random.default_rng([s, 0]), 5.0) for _ in range(3)] for s in (1, 1, 2)]
    assert kills[0] == kills[1] != kills[2]


def test_an_altered_row_and_an_altered_weight_are_counted(tmp_path) -> None:
    table = pd.DataFrame({"step": [1, 2, 3], "loss": [0.5, np.nan, 0.1], "seconds": [1.0, 2.0, 3.0]})

    def recorded(name: str, table: pd.DataFrame, weight: float) -> SimpleNamespace:
        (tmp_path / name).mkdir()
        save_file({"a": torch.tensor([weight])}, tmp_path / name / "adapter_model.safetensors")
        return SimpleNamespace(key=("random", 0), tables={"metrics": table}, adapter=tmp_path / name)

    one = recorded("one", table, 1.0)
    slower = table.assign(seconds=[9.0, 9.0, 9.0])
    other = recorded("other", table.assign(loss=[0.5, np.nan, np.nextafter(0.1, 1)]), 1.5)
    runs = [SimpleNamespace(records=(r,)) for r in (one, recorded("slow", slower, 1.0), other)]
    assert soak.differences(runs[0], runs[1]) == {"metrics": 0, "rows": 3, "weights": 0, "adapters": 1}
    found = soak.differences(runs[2], runs[0])
    assert found == {"metrics": 1, "rows": 3, "weights": 1, "adapters": 1}
    assert soak.rows_that_differ(table.iloc[:2], table) == 1 and soak.rows_that_differ(table[["step"]], table) == 3
    for rows, weights in ((1, 0), (0, 1)):
        tally = soak.Tally(found=soak.Counter(metrics=rows, weights=weights, rows=3, adapters=1))
        assert not tally.good and ("rows differing 1" in tally.line()) == bool(rows)


def test_a_run_that_was_not_made_again_to_the_bit_fails_the_soak() -> None:
    good = soak.Tally(rounds=1, found=soak.Counter(metrics=0, rows=9, weights=0, adapters=2))
    assert good.good and not replace(good, damaged=1).good


@pytest.mark.parametrize("phase", soak.PHASES)
def test_every_phase_names_a_function_that_exists(phase: str) -> None:
    owner, name = soak.PHASES[phase]
    assert callable(getattr(owner, name))
