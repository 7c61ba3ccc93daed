"""The verifiers of rules: the share that a text meets, of our own and of published ones."""

from __future__ import annotations

import pytest

from curriculab.rewards import verify

RULES = '[{"rule": "words", "n": 2}, {"rule": "punctuation:no_comma"}]'


@pytest.mark.parametrize("task", ["rules", "ifeval"])
def test_a_text_is_worth_the_share_that_it_meets(task):
    worths = [verify(text, "any", task, metadata=RULES) for text in ("luko biti", "luko, biti", "luko, biti nela", "")]
    assert worths == [1.0, 0.5, 0.0, 0.0]
