"""Failed runs of one variant and one reason are told together."""

from __future__ import annotations

from curriculab.runs import Record, Runs
from curriculab.runs.failures import failures


def record(variant: str, seed: int, ended: str, **more: object) -> Record:
    return Record({"variant": variant, "seed": seed, "ended": ended, **more}, {})


def test_seeds_that_failed_for_one_reason_are_one_line():
    lost, other = "failed: KeyError: 'levl'", "failed: ValueError: no rows left"
    runs = Runs(
        (
            *(record("mine", s, lost, traceback="line 4 of cell In[3], in mine") for s in range(3)),
            record("early", 0, lost),
            record("early", 1, other),
            record("early", 2, "budget of steps spent"),
            record("late", 0, other),
            record("random", 0, "budget of steps spent"),
            *(record("two", s, other if s else "budget of steps spent") for s in range(3)),
        )
    )
    assert [str(failure) for failure in failures(runs)] == [
        "'mine' failed in all 3 seeds: KeyError: 'levl'",
        "'early' failed in seed 0: KeyError: 'levl'",
        "'early' failed in seed 1: ValueError: no rows left",
        "'late' failed in seed 0: ValueError: no rows left",
        "'two' failed in seeds 1 and 2: ValueError: no rows left",
    ]
    assert [failure.traceback for failure in failures(runs)] == ["line 4 of cell In[3], in mine", "", "", "", ""]
