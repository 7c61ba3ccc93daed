"""Names of before are accepted: as arguments, as what is read of settings, and in files."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import pandas as pd
import pytest

import curriculab as cl
from curriculab.engine.model import Model
from curriculab.registry.names import also_named
from curriculab.registry.serialization import made, written

ROWS = pd.DataFrame({"prompt": ["1+1"], "answer": ["2"]}, index=["a"])


def test_a_function_takes_both_names_and_refuses_both_at_once() -> None:
    @also_named(level="confidence")
    def interval(*, confidence: float = 0.95) -> float:
        return confidence

    assert (interval(), interval(level=0.9), interval(confidence=0.8)) == (0.95, 0.9, 0.8)
    assert list(inspect.signature(interval).parameters) == ["confidence"]
    with pytest.raises(TypeError, match=r"interval\(confidence=, level=\): both mean the same; give confidence"):
        interval(level=0.9, confidence=0.8)


def test_settings_are_read_by_both_names() -> None:
    @also_named(old="new")
    @dataclass(frozen=True, slots=True)
    class Setting:
        new: int = 1

    assert (Setting(old=3).old, Setting(3).new, Setting(old=3) == Setting(new=3)) == (3, 3, True)
    assert repr(Setting(old=3)).endswith("Setting(new=3)")


@pytest.mark.parametrize(
    "setting, name, former",
    [
        (cl.Budget(steps=1, work=9), "max_total_tokens", "work"),
        (cl.Use({}, gold=True), "with_answers", "gold"),
        (cl.Sample(ROWS, max_new_tokens=5), "max_completion_length", "max_new_tokens"),
    ],
)
def test_former_names_of_settings(setting: object, name: str, former: str) -> None:
    assert getattr(setting, former) == getattr(setting, name) and getattr(setting, name)


def test_reference_models_were_the_others() -> None:
    for taking in (cl.Bench, Model.backend):
        with pytest.raises(TypeError, match=r"\(reference_models=, others=\): both mean the same"):
            taking(others={}, reference_models={})


@pytest.mark.parametrize("former, name", [("after", "text_after"), ("steps", "count_solution_steps")])
def test_former_functions(former: str, name: str) -> None:
    assert getattr(cl, former) is getattr(cl, name) is getattr(cl.data, former) is getattr(cl.data, name)
    assert former not in dir(cl) and former not in dir(cl.data)
    for module in (cl, cl.data):
        with pytest.raises(AttributeError, match="has no 'stepss'"):
            _ = module.stepss


def test_a_budget_of_a_stored_spec_is_read_by_its_former_name() -> None:
    budget = cl.Budget(steps=80, max_total_tokens=7578)
    stored = written(budget)
    former = {name: value for name, value in stored["fields"].items() if name != "max_total_tokens"} | {"work": 7578}
    assert made(stored) == made({**stored, "fields": former}) == budget
