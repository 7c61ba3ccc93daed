"""`bootstrap_vs_rliable`: our side as it runs, what counts as agreement, and a machine that cannot make rliable's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import bootstrap


@pytest.mark.slow
def test_our_side_agrees_with_itself_and_not_with_others():
    few, many = (bootstrap.in_process(sys.executable, "ours", n) for n in (20_000, 20_000))
    assert bootstrap.agreement(few, many, 20_000) == 0
    other = bootstrap.in_process(sys.executable, "ours", 10_000)
    assert 0 < bootstrap.agreement(other, many, 10_000) < bootstrap.FAR
    shifted = {**many, "low": [[x - 0.01 for x in line] for line in many["low"]]}
    with pytest.raises(AssertionError, match="Monte-Carlo errors apart, at most 6 are allowed"):
        bootstrap.agreement(shifted, many, 20_000)


@pytest.mark.slow
def test_a_machine_without_rliable_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bootstrap, "PINS", ("no-such-package==0",))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    said: list[str] = []
    (figure,) = bootstrap.run(resamples=100, home=tmp_path / "rliable", say=said.append)
    assert figure["name"] == "bootstrap_vs_rliable" and figure["ours"] is figure["ratio"] is None
    assert said[-1].startswith("bootstrap: no environment for rliable, so no figure: ") and "\n" not in said[-1]
    assert said[-1].endswith("(it needs the network once; run make bench again with one)")
