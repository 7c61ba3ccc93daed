"""Tasks of Reasoning Gym: its scorers, and what happens without the package."""

from __future__ import annotations

import math
import sys

import pandas as pd
import pytest

import curriculab as cl
from curriculab.rewards import cutoffs, verify, verify_rows
from curriculab.rewards.verifiers import gym


def test_without_reasoning_gym_its_tasks_are_compared_as_text(monkeypatch):
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    gym._warn_once.cache_clear()
    with pytest.warns(UserWarning) as said:
        assert verify("<answer>72</answer>", "72", "gym:chain_sum") == 1  # the published answer: no need to warn
        assert verify("so it makes 72.0", "72", "gym:chain_sum") == 1
        assert verify("1 2\n3 4", "1 2\n3 4", "gym:rearc") == 1 and verify("1 2\n3 5", "1 2\n3 4", "gym:rearc") == 0
        assert math.isnan(verify("(A)", "None", "gym:propositional_logic"))
    message = (
        "reasoning-gym is not installed: answers to its tasks are compared as any text is; its own scorers come with "
        "pip install 'curriculab[gym]'"
    )
    assert [str(w.message) for w in said] == [message]


@pytest.mark.needs("reasoning-gym")
def test_reasoning_gym_scores_its_own_tasks():
    known = '{"numbers": [1, 2, 3], "target": 6}'
    assert verify("<answer>3*(2+1)-3</answer>", "1+2+3", "gym:countdown", metadata=known) < 1  # a number used twice
    assert verify("<answer>3*2*1</answer>", "1+2+3", "gym:countdown", metadata=known) == 1
    assert verify("9**9**9**9", "1+2+3", "gym:countdown", metadata=known) == 0
    with pytest.raises(ValueError, match="^unknown task 'gym:chain_summ'; reasoning-gym has ab, "):
        verify("1", "2", "gym:chain_summ")


@pytest.mark.needs("reasoning-gym")
def test_every_published_answer_of_reasoning_gym_is_right():
    names = sorted(set(cutoffs.JUDGES["gym"].ready().names) - {"composite"})
    pool = pd.concat([cl.load_pool(f"gym:{name}", n=2) for name in names])
    pool = pool[pool["answer"] != "None"]  # many right answers, none published
    assert (verify_rows(pool, pool["answer"].tolist()) == 1).all() and pool["task"].nunique() > 95
