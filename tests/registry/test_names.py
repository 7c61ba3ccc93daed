"""Names of before are accepted: as arguments, as what is read of settings, and in files."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

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


def with_confidence() -> list[Callable]:
    """Public functions that take a confidence, which was their level."""
    found = {}
    for module in (cl.statistics, cl.figures, cl.difficulty):
        for name in dir(module):
            value = getattr(module, name)
            if inspect.isfunction(value) and "confidence" in inspect.signature(value).parameters:
                found[value] = None
    return list(found)


@pytest.mark.parametrize("taking", with_confidence(), ids=lambda f: f.__name__)
def test_level_is_confidence(taking: Callable) -> None:
    with pytest.raises(TypeError, match=r"\(confidence=, level=\): both mean the same; give confidence"):
        taking(level=0.9, confidence=0.9)


def test_a_comparison_by_its_former_argument() -> None:
    assert len(with_confidence()) >= 20
    pool = cl.load_pool("ladder", n=240, seed=0, skills=["add", "sort"])
    train, test = cl.split(pool, test=12, by="level", seed=0)
    variants = {"random": cl.methods.random_order, "hard": partial(cl.methods.easy_to_hard, by="level")}
    runs = cl.simulate(variants, train, tests=test, steps=4, batch_size=4, seed=[0, 1, 2])
    result = cl.compare(runs, level=0.9)
    assert result.level == result.confidence == 0.9
    pd.testing.assert_frame_equal(result.table, cl.compare(runs, confidence=0.9).table)


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
