"""What a knob says of itself: its slider or menu, its help, its bounds."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import pytest

from curriculab.registry.knobs import Knob, check_knobs, knobs_of


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
        ({"share": -0.1}, "method(share=-0.1); give share at least 0 and at most 1"),
        ({"share": 1.5}, "method(share=1.5); give share at least 0 and at most 1"),
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
