"""Claims on the pocket model: their figures by hand, and that each can fail."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab.bench.pocket_bench import PocketBench
from curriculab.bench.pocket_claims import CLAIMS, verdict, worst_step
from curriculab.methods.check import RESULTS


def test_the_worst_step_is_the_line_of_the_largest_mean_behind_the_first():
    """Lines of 3, 2 and 2 bytes with what ends them; the first, 9 nats a byte, does not count."""
    assert worst_step("ab\nc\nd", np.array([9, 9, 9, 1, 2, 4, 1.0])) == 2.5


def test_the_critic_is_asked_about_an_answer():
    said = pd.DataFrame({"prompt": ["1+1"], "answer": ["2"], "text": ["3"]}, index=["a"])
    asked = verdict(said, "no")
    assert asked["prompt"].tolist() == ["1+1\n3\nRight?"] and asked["turns"].iloc[0][0].text == "no"


@pytest.mark.slow
@pytest.mark.pocket
@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_says_what_came_of_it(name):
    """At a size that shows no more than that it runs: the figures that count are recorded by `make proof`."""
    check = CLAIMS[name](PocketBench(seeds=(0, 1), rows=24, steps=2))
    assert check.tier == "pocket" and check.result in RESULTS and check.claim and check.refuted_by
    assert all(np.isfinite(value) for value in check.measured.values()), check.measured
