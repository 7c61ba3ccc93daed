"""Every method describes its knobs: help, a default within reach, bounds that its code keeps to."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Annotated

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.budget import Budget
from curriculab.bench.simulate import simulate
from curriculab.objectives.sft import Sft
from curriculab.protocol import Run, Train
from curriculab.registry.knobs import Knob, check_knobs, knobs_of
from curriculab.widgets.controls import controls_of
from tests.methods.test_contract import METHODS as WRITTEN
from tests.methods.test_contract import made_pool, objective_for

# Numbers for which every value has a meaning: rewards, losses and logits may be anything, a weight may punish.
ANY_NUMBER = {
    ("curr_reft", "tag_weight"),
    ("difficulty_filter", "low"),
    ("difficulty_filter", "high"),
    ("gain_rl", "beta"),
    ("pudf", "lower"),
    ("pudf", "upper"),
    ("sari", "tag_weight"),
    ("superloss", "tau"),
    ("vl_cogito", "tag_weight"),
    ("vl_cogito", "length_weight"),
}
# Knobs that act only beside others; `rollouts` is the bench's.
BESIDE: dict[tuple[str, str], dict[str, object]] = {
    ("learning_progress", "tau"): {"draw": "boltzmann"},
    ("hard_mining", "pressure"): {"rule": "ranks"},
    ("hard_mining", "last"): {"rule": "ranks"},
    ("hard_mining", "eta"): {"rule": "minimax"},
    ("spaced_repetition", "eta"): {"rule": "density"},
    ("spaced_repetition", "tau"): {"rule": "density"},
    ("train_long_think_short", "drops"): {"shape": "linear", "every": 1},
    ("sari", "tag_weight"): {"tags": ("think",)},
    ("soar", "sets"): {"rounds": 1},
    ("soar", "inner"): {"rounds": 1},
    ("soar", "repeats"): {"rounds": 1},
    ("soar", "rounds"): {"sets": 2, "inner": 1},
    ("vl_cogito", "longest"): {"stages": (0.0, 0.0, 1.0)},
    ("vl_cogito", "all_wrong"): {"stages": (0.0, 0.0, 1.0)},
}
# Two knobs of which one must not pass the other: what the other has to be.
WITH: dict[tuple[str, str, float], dict[str, object]] = {
    ("acurl", "high", 0.0): {"low": 0.0},
    ("acurl", "low", 1.0): {"high": 1.0},
    ("difficulty_filter", "low", 40): {"high": 40.0},
    ("difficulty_filter", "high", -40): {"low": -40.0},
    ("graphmasal", "weak", 1.0): {"mastered": 1.0},
    ("graphmasal", "mastered", 0.0): {"weak": 0.0},
    ("cyclical", "end", 1e-6): {"start": 1e-6},
    ("pudf", "lower", 40): {"upper": 41.0},
    ("cures", "n_min", 40): {"rollouts": 40},
    ("cures", "n_max", 1): {"rollouts": 1, "n_min": 1},
}


def numbers_of(method: Callable) -> list[str]:
    """Knobs that are one number."""
    hints = typing.get_type_hints(method)
    return [knob for knob in knobs_of(method) if _kinds(hints[knob]) & {int, float}]


def _kinds(hint: object) -> set[object]:
    """The types of an optional value; not those in a tuple."""
    return {hint} if typing.get_origin(hint) is tuple else {hint, *typing.get_args(hint)}


NUMBERS = [(name, knob) for name in WRITTEN for knob in numbers_of(getattr(methods, name))]


def extremes(method: Callable, knob: str) -> Iterator[float]:
    """The least and the largest number that a knob's bounds allow; 40, as many as fit the pool, for no end."""
    about, hint = knobs_of(method)[knob], typing.get_type_hints(method)[knob]
    near = 1 if int in _kinds(hint) else 1e-6
    low = about.least if about.least is not None else -40 if about.above is None else about.above + near
    yield low
    if about.most is not None:
        yield about.most
    else:
        yield 40 if about.below is None else about.below - near


def narrower(method: Callable, knob: str, objective: object, name: str = "") -> list[str]:
    """Lines in which a method refuses numbers that the bounds of its knob allow, in three simulated steps."""
    refused = []
    for value in extremes(method, knob):
        knobs = {knob: value, **BESIDE.get((name, knob), {}), **WITH.get((name, knob, value), {})}
        rollouts = knobs.pop("rollouts", 4)
        budget = Budget(steps=3, max_total_tokens=10**5)  # room for a probe of 40 answers a row
        how = dict(budget=budget, batch_size=4, rollouts=rollouts, objective=objective, name="it")
        runs = simulate(partial(method, **knobs), made_pool(), **how)
        idle = "failed: nothing was trained ("  # the number was accepted; with it no row is left to train
        refused += [f"{knob}={value}: {line}" for line in runs.failed.values() if not line.startswith(idle)]
    return refused


@pytest.mark.parametrize("name", WRITTEN)
def test_every_knob_has_one_line_of_help(name: str) -> None:
    method = getattr(methods, name)
    parameters = inspect.signature(method).parameters.values()
    described = knobs_of(method)
    assert list(described) == [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    assert all(about.help and "\n" not in about.help for about in described.values())


@pytest.mark.parametrize("name", WRITTEN)
def test_defaults_are_within_reach_of_sliders_and_menus(name: str) -> None:
    method = getattr(methods, name)
    parameters = inspect.signature(method).parameters
    for knob, about in knobs_of(method).items():
        default = parameters[knob].default
        if about.choices:
            assert default in about.choices
        elif about.low is not None:
            assert about.low <= default <= about.high
            assert about.step > 0


def test_every_number_has_bounds() -> None:
    without = {(name, knob) for name, knob in NUMBERS if not knobs_of(getattr(methods, name))[knob].bounds}
    assert without == ANY_NUMBER


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted({name for name, _ in NUMBERS}))
def test_the_code_accepts_all_that_the_bounds_allow(name: str) -> None:
    method = getattr(methods, name)
    refused = [line for knob in numbers_of(method) for line in narrower(method, knob, objective_for(name), name)]
    assert refused == []


def test_code_that_accepts_less_than_its_bounds_is_found() -> None:
    def planted(pool, run, *, share: Annotated[float, Knob(help="share", least=0.0, most=1.0)] = 0.25) -> Generator:
        if share > 0.5:
            raise ValueError(f"share={share} is too much")
        while True:
            yield Train(pool.iloc[: run.batch])

    assert narrower(planted, "share", Sft()) == ["share=1.0: failed: ValueError: share=1.0 is too much"]


def outside(about: Knob) -> Iterator[float]:
    """Numbers just beyond each end."""
    if about.least is not None:
        yield about.least - 1
    if about.above is not None:
        yield about.above
    if about.most is not None:
        yield about.most + 1
    if about.below is not None:
        yield about.below


@pytest.mark.parametrize(("name", "knob"), [pair for pair in NUMBERS if pair not in ANY_NUMBER])
def test_numbers_outside_the_bounds_are_refused_in_one_line(name: str, knob: str) -> None:
    method = getattr(methods, name)
    about, hint = knobs_of(method)[knob], typing.get_type_hints(method)[knob]
    optional = ", or None" if type(None) in _kinds(hint) else ""
    for end in outside(about):
        value = int(end) if int in _kinds(hint) else end
        line = f"{name}({knob}={value!r}); give {knob} {about.bounds}{optional}"
        with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
            check_knobs(partial(method, **{knob: value}))
        with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
            _begin(method, knob, value)


def _begin(method: Callable, knob: str, value: float) -> None:
    """As another method begins it, without a bench."""
    next(method(made_pool(), Run(0, batch=4, rollouts=4), **{knob: value}))


@pytest.mark.parametrize(
    ("name", "knobs", "line"),
    [
        ("sec", {"tau": 0}, "sec(tau=0); give tau more than 0"),
        ("sec", {"alpha": np.nan}, "sec(alpha=nan); give alpha more than 0 and at most 1"),
        ("sec", {"epsilon": 2}, "sec(epsilon=2); give epsilon at least 0 and at most 1, or None"),
        ("baby_steps", {"buckets": 0}, "baby_steps(buckets=0); give buckets at least 1, or None"),
        ("sari", {"warm": 1}, "sari(warm=1); give warm at least 0 and less than 1"),
        ("dynamic_sampling", {"rounds": 0}, "dynamic_sampling(rounds=0); give rounds at least 1"),
        ("transfer_teacher", {"until": 0}, "competence(until=0); give until more than 0 and at most 1"),
    ],
)
def test_the_line_names_method_value_and_range(name: str, knobs: dict[str, object], line: str) -> None:
    with pytest.raises(ValueError) as error:
        next(getattr(methods, name)(made_pool(), Run(0, batch=4, rollouts=4), **knobs))
    assert str(error.value) == line


def test_most_methods_have_knobs_to_turn() -> None:
    without = [name for name in WRITTEN if not controls_of(name)]
    assert set(without) == {"random_order", "transfer_teacher", "null_band", "reversed_score", "shuffled_score"}
