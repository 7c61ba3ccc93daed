"""The embedded tasks: the whole text counts."""

from __future__ import annotations

from curriculab.rewards import verify


def test_the_embedded_tasks_want_the_whole_text():
    assert verify("3 7 9", "3 7 9", "ladder") == 1 and verify(" 3  7 9\n", "3 7 9", "ladder") == 1
    assert verify("the answer is 3", "3", "ladder") == 0 and verify("3.0", "3", "ladder") == 0
