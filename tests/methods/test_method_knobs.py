"""Every method tells of the knobs that a widget offers: help, a default within reach, bounds around the slider."""

from __future__ import annotations

import inspect

import pytest

from curriculab import methods
from curriculab.registry.knobs import knobs_of

WRITTEN = [entry.function for entry in methods.CATALOG if entry.path.exists()]


@pytest.mark.parametrize("name", WRITTEN)
def test_knobs_have_help_and_a_default_within_reach(name: str) -> None:
    method = getattr(methods, name)
    parameters = inspect.signature(method).parameters
    for knob, about in knobs_of(method).items():
        default = parameters[knob].default
        assert about.help, f"{name}({knob}) has no help"
        if about.choices:
            assert default in about.choices
        else:
            assert about.low <= default <= about.high
            assert about.step > 0
            assert about.allows(about.low)
            assert about.allows(about.high)


def test_most_methods_have_knobs_to_turn() -> None:
    without = [name for name in WRITTEN if not knobs_of(getattr(methods, name))]
    assert set(without) == {"random_order", "transfer_teacher", "null_band", "reversed_score", "shuffled_score"}


def test_fixed_orders_say_so_at_the_head_of_their_files() -> None:
    fixed = {entry.function for entry in methods.CATALOG if not entry.adapts}
    orders = {"random_order", "easy_to_hard", "hard_to_easy", "baby_steps", "competence", "human_strategies"}
    assert fixed == orders | {"cyclical", "climb", "corgi", "fading_weights"}
