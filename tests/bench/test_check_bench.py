"""The bench that checks run on: its broken twin differs by the signal alone."""

from __future__ import annotations

import pandas as pd

from curriculab.bench.check_bench import SimulatedCheckBench


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
