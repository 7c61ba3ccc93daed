"""What a limit cuts off is wrong, and counted."""

from __future__ import annotations

import pytest

from curriculab.rewards import limits, verify


@pytest.mark.slow
def test_what_a_limit_cuts_off_is_wrong_and_counted():
    limits(reset=True)
    assert verify("3 " * 600, "3", "ladder") == 0
    assert verify("x" * 600 + r" $\frac{1}{2}$", "0.5", "math") == 0
    assert verify(r"\boxed{" + "(" * 21 + "3" + ")" * 21 + "}", "x", "math") == 0
    assert verify(r"\boxed{" + "(" * 18 + "3" + ")" * 18 + "}", "x", "math") == 0
    assert verify(r"\boxed{\frac{17}{4}}", "4.25", "math") == 1  # by the next worker
    found = limits()
    assert (found["length"], found["nesting"], found["time"], found["restarts"]) == (2, 1, 1, 1)
    assert (found["crash"], found["raised"]) == (0, 0) and found["restart_seconds"] > 0
    assert sum(limits(reset=True).values()) > 0 and sum(limits().values()) == 0
