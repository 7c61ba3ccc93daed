"""Knobs: what they say of themselves, and one clear line for a value that they cannot mean, before anything trains."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Annotated

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import curriculab as cl
from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.registry.knobs import Knob, check_knobs, knobs_of
from tests.methods.test_contract import WRITTEN, made_pool, objective_for


def method(
    pool: object,
    run: object,
    *,
    by: str = "level",
    tau: Annotated[float, Knob(0.05, 2.0, "temperature of the draw", step=0.05, above=0.0)] = 0.4,
    share: Annotated[float | None, Knob(0.0, 1.0, "share of old rows", least=0.0, most=1.0)] = None,
    absent: Annotated[str, Knob(choices=("keep", "decay"), help="arms missing from a batch")] = "keep",
) -> None: ...


method.__module__ = "curriculab.methods"  # knobs of other packages are their own affair


def test_knobs_are_read_from_the_signature() -> None:
    knobs = knobs_of(partial(method, tau=1.0))
    assert list(knobs) == ["tau", "share", "absent"]
    assert (knobs["tau"].low, knobs["tau"].high, knobs["tau"].step) == (0.05, 2.0, 0.05)
    assert knobs["absent"].choices == ("keep", "decay")
    assert [k.help for k in knobs.values()] == [
        "temperature of the draw",
        "share of old rows",
        "arms missing from a batch",
    ]


def test_values_within_the_bounds_pass_also_outside_the_slider() -> None:
    for knobs in ({}, {"tau": 0.001}, {"tau": 50}, {"share": 0}, {"share": 1.0}, {"share": None}):
        check_knobs(partial(method, **knobs))


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"tau": 0.0}, "method(tau=0.0); give tau more than 0"),
        ({"share": -0.1}, "method(share=-0.1); give share at least 0 and at most 1, or None"),
        ({"share": 1.5}, "method(share=1.5); give share at least 0 and at most 1, or None"),
        ({"tau": "hot"}, "method(tau='hot'); tau is a number, such as 0.4"),
        ({"share": "half"}, "method(share='half'); share is a number or None, such as None"),
        ({"taus": 1}, "method has no knob 'taus'; did you mean 'tau'? it has by, tau, share, absent"),
    ],
)
def test_values_outside_the_bounds_or_of_another_type_are_refused(knobs: dict, said: str) -> None:
    with pytest.raises(ValueError) as error:
        check_knobs(partial(method, **knobs))
    assert str(error.value) == said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"low": 0.0}, "half a range"),
        ({"low": 1.0, "high": 1.0}, "has no range"),
        ({"low": 0.0, "high": 1.0, "choices": (1, 2)}, "a slider and a menu"),
        ({"low": 0.0, "high": 1.0, "above": 0.0}, "reaches 0.0, which is not more than 0"),
    ],
)
def test_a_knob_that_contradicts_itself_is_refused(given: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Knob(**given)


KNOBS = [
    (name, knob)
    for name, entry in WRITTEN.items()
    for knob, p in inspect.signature(entry.method).parameters.items()
    if p.kind is p.KEYWORD_ONLY
]


DEEP = (
    "TypeError",
    "KeyError",
    "AttributeError",
    "IndexError",
    "OverflowError",
    "MemoryError",
    "UFunc",
    "DType",
    "RecursionError",
    "UnboundLocalError",
    "NameError",
    "ZeroDivisionError",
)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 60),
    st.sampled_from([10**6, 10**9, -(10**9), 10**30, 1e30, object()]),
    st.floats(-3, 60),
    st.sampled_from([float("nan"), float("inf"), -0.0]),
    st.text(max_size=8),
    st.binary(max_size=4),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.tuples(st.floats(), st.text(max_size=2)),
)


def outcome(name: str, knob: str, value: object) -> str:
    """What comes of a simulated run of three steps with one knob set: "trained", or the line that says why not."""
    try:
        method = partial(WRITTEN[name].method, **{knob: value})
        runs = simulate(method, made_pool(), steps=3, batch_size=4, objective=objective_for(name), rollouts=4)
    except ValueError as error:
        return f"refused: {error}"
    return next(iter(runs.failed.values()), "trained")


def clear(line: str) -> bool:
    return "\n" not in line and len(line) < 400 and not any(line.startswith(f"failed: {kind}") for kind in DEEP)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.sampled_from(KNOBS), VALUES)
def test_a_knob_of_any_value_trains_or_ends_in_one_clear_line(knob: tuple[str, str], value: object) -> None:
    line = outcome(*knob, value)
    assert clear(line), (knob, value, line)


@pytest.mark.parametrize(
    ("name", "knobs", "line"),
    [
        ("competence", {"until": "half"}, "competence(until='half'); until is a number, such as 0.5"),
        ("competence", {"until": float("nan")}, "competence(until=nan); until is a number, such as 0.5"),
        ("competence", {"untill": 0.5}, "competence has no knob 'untill'; did you mean 'until'? it has "),
        ("self_paced", {"rounds": 2.5}, "self_paced(rounds=2.5); rounds is a whole number, such as 10"),
        ("baby_steps", {"buckets": True}, "baby_steps(buckets=True); buckets is a whole number or None, such as 5"),
        ("null_band", {"draw": 10**9}, "null_band(draw=1000000000); draw is a whole number, such as 0"),
    ],
)
def test_the_line_names_method_knob_value_and_what_it_is(name, knobs, line) -> None:
    with pytest.raises(ValueError) as caught:
        check_knobs(partial(getattr(methods, name), **knobs))
    assert str(caught.value).startswith(line)


def test_a_bench_refuses_before_it_writes_anything(tiny_folder, tmp_path) -> None:
    train, test = cl.split(cl.load_pool("ladder", levels=[1, 2], n=60, seed=0), test=6, by="level", seed=0)
    model = cl.load_model(str(tiny_folder), bits=32)
    bench = cl.Bench(model, train, test, budget=cl.Budget(steps=2), store=tmp_path / "runs", valid=None)
    with pytest.raises(ValueError, match="^competence has no knob 'by_level'; it has "):
        bench.run({"typo": partial(methods.competence, by_level="level")}, seeds=1, progress=False)
    assert not (tmp_path / "runs").exists()


def test_a_knob_of_a_million_asks_for_no_more_than_fits() -> None:
    assert outcome("dynamic_sampling", "oversample", 1e6) == outcome("null_band", "draw", 10**6) == "trained"
    assert outcome("cures", "cold", 10**6).startswith("failed: ValueError: Sample of 48,000,000 answers at once; ")


def test_every_default_fits_its_own_type() -> None:
    for name, knob in KNOBS:
        default = inspect.signature(WRITTEN[name].method).parameters[knob].default
        if default is not inspect.Parameter.empty:
            check_knobs(partial(WRITTEN[name].method, **{knob: default}))
