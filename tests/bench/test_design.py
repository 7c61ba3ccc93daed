"""The design of a bench: TRL's names and those of before."""

from __future__ import annotations

import re

import pytest

import curriculab as cl
from curriculab.objectives.grpo import Grpo


def test_answers_by_trls_names_and_by_those_of_before(tiny_model, small_pools):
    train, test = small_pools
    how = dict(objective="grpo", budget=cl.Budget(steps=1), store=None)
    made = [
        cl.Bench(tiny_model, train, test, num_generations=4, max_completion_length=6, **how),
        cl.Bench(tiny_model, train, test, rollouts=4, max_new_tokens=6, **how),
        cl.Bench(tiny_model, train, test, num_generations=4, **{**how, "objective": Grpo(max_completion_length=6)}),
    ]
    assert {(b.design.rollouts, b.design.max_new_tokens) for b in made} == {(4, 6)}
    both = "Bench(num_generations=, rollouts=): both mean the same; give num_generations"
    with pytest.raises(TypeError, match=re.escape(both)):
        cl.Bench(tiny_model, train, test, rollouts=4, num_generations=4, **how)
    with pytest.raises(ValueError, match="differ; give one of them"):
        how["objective"] = Grpo(max_completion_length=6)
        cl.Bench(tiny_model, train, test, max_completion_length=8, **how)
    assert cl.Sample(train, max_new_tokens=3).max_completion_length == 3
    assert cl.Run(0, batch=2, rollouts=5).num_generations == 5
