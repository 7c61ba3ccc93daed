"""What a limit cuts off is wrong, and counted."""

from __future__ import annotations

import pytest

from curriculab.rewards import cutoffs, limits, verify


@pytest.mark.slow
def test_what_a_limit_cuts_off_is_wrong_and_counted(monkeypatch):
    limits(reset=True)
    monkeypatch.setitem(cutoffs.SETTINGS, "seconds", 0.2)
    assert verify("3 " * 600, "3", "ladder") == 0
    assert verify("x" * 600 + r" $\frac{\pi}{4}$", r"\frac{2\pi}{8}", "math") == 0
    assert verify(r"\boxed{" + "(" * 21 + "3" + ")" * 21 + "}", "x", "math") == 0
    assert verify(r"\boxed{" + "(" * 18 + "y" + ")" * 18 + "}", "x", "math") == 0
    assert verify(r"\boxed{\frac{17}{4}}", "4.25", "math") == 1  # by the next worker
    found = limits()
    assert (found["length"], found["nesting"], found["time"], found["restarts"]) == (2, 1, 1, 1)
    assert (found["crash"], found["raised"], found["refused"]) == (0, 0, 0)
    assert sum(limits(reset=True).values()) > 0 and sum(limits().values()) == 0
