"""The preview draws what the whole simulation would train, at the pace of a slider."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Generator
from functools import partial

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab import figures, methods
from curriculab.bench.preview import Preview, droppable, plain
from curriculab.widgets import Schedules, controls_of, having_knobs
from curriculab.widgets.controls import Slider

ORDER = having_knobs("order")


FIXED = [entry.function for entry in methods.CATALOG if not entry.adapts]


@pytest.fixture(scope="module")
def pool() -> pd.DataFrame:
    return cl.load_pool("ladder", n=600, seed=0).assign(loss=lambda t: t.level + np.linspace(0, 3, len(t)))


@pytest.fixture(scope="module")
def preview(pool: pd.DataFrame) -> Preview:
    return Preview(pool, batch_size=8, seed=3)


def knobs(name: str) -> list[dict[str, object]]:
    """Every choice of every menu, and both ends of every slider."""
    found = [{}]
    for knob, what in controls_of(name).items():
        found += [{knob: v} for v in ((what.low, what.high) if isinstance(what, Slider) else what)]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ORDER)
def test_it_draws_what_simulating_trains(name: str, preview: Preview, pool: pd.DataFrame) -> None:
    """Also one that is told nothing, if it is said not to listen: at every setting that a panel offers."""
    for settings in knobs(name):
        method = partial(getattr(methods, name), **settings)
        whole = cl.simulate({"A": method}, pool, steps=40, batch_size=8, seed=3)
        drawn = preview("A", method, steps=40, listens=name not in FIXED)
        assert drawn.exposure.equals(whole.exposure), settings
        assert drawn.failed == whole.failed, settings


def test_fixed_orders_need_no_answer(preview: Preview, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "_drive", None)  # the way of those that listen
    for name in FIXED:
        assert len(preview("A", getattr(methods, name), steps=5, listens=False).exposure) == 40
    with pytest.raises(TypeError):
        preview("A", methods.self_paced, steps=5, listens=False)


def test_what_was_wrongly_called_fixed_is_drawn_right_nevertheless(preview: Preview, pool: pd.DataFrame) -> None:
    def costly(pool: pd.DataFrame, run: cl.Run) -> Generator:  # its progress is that of work, not of steps
        longest = pool.loc[[pool.prompt.str.len().idxmax()] * 400]
        while True:
            yield cl.Train(longest)

    for method in (methods.superloss, methods.edco, costly):
        whole = cl.simulate({"A": method}, pool, steps=20, batch_size=8, seed=3)
        assert preview("A", method, steps=20, listens=False).exposure.equals(whole.exposure)
    assert len(whole.exposure) < 20 * 400  # the ceiling ended it


def test_texts_of_python_are_the_same_values(pool: pd.DataFrame) -> None:
    made = plain(pool)
    assert made.prompt.dtype == object and made.index.dtype == object
    assert (made.to_numpy() == pool.to_numpy()).all() and list(made.index) == list(pool.index)


def test_what_is_called_off_stops_at_its_next_request(pool: pd.DataFrame) -> None:
    asked = iter([False] * 3 + [True] * 100)
    wanted = droppable({"A": methods.random_order}, lambda: next(asked))
    runs = cl.simulate(wanted, pool, steps=50, batch_size=8)
    assert runs.exposure.step.max() == 3
    assert runs.failed == {("A", 0): "failed: Dropped: called off"}


def test_a_figure_redrawn_is_the_figure_drawn_anew(pool: pd.DataFrame) -> None:
    def simulated(left: object, right: object, steps: int) -> cl.Runs:
        return cl.simulate({"A": left, "B": right}, pool, steps=steps, batch_size=8)

    first = simulated(methods.random_order, partial(methods.competence, by="loss"), 20)
    second = simulated(partial(methods.baby_steps, buckets=2), methods.hard_to_easy, 60)
    figure = figures.schedules(first, pool, ["level", "loss"])
    figures.redraw_schedules(figure, second, pool, ["level", "level"])
    assert figure.to_json() == figures.schedules(second, pool, ["level", "level"]).to_json()


# -- how fast ---------------------------------------------------------------------------------------------------------
ROWS, STEPS = 10_000, 200


@pytest.fixture(scope="module")
def large() -> Schedules:
    pool = cl.load_pool("ladder", n=ROWS, seed=0)
    return Schedules(pool.assign(length=cl.difficulty.prompt_length(pool)), steps=STEPS, batch_size=8)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in ORDER if n not in ("random_order", "transfer_teacher")])
def test_from_the_slider_to_new_figure_data(name: str, large: Schedules, slowness: Callable[[], float]) -> None:
    """Median over all knobs, each turned there and back: under 100 ms for fixed orders and pacings, 400 ms for those
    that listen, on two quiet cores."""
    side, seconds = large.sides["A"], []
    side.set(method=name)
    for knob in side.knobs.values():
        options = [v for _, v in knob.options] if hasattr(knob, "options") else [knob.value + knob.step, knob.value]
        there, back = next(v for v in options if v != knob.value), knob.value
        for value in (there, back, there, back):
            began, before = time.perf_counter(), large.runs.records[0]
            knob.value = value
            seconds.append((time.perf_counter() - began) / slowness())
            assert large.message.value == "" and large.runs.records[0] is not before
    assert statistics.median(seconds) < (0.1 if name in FIXED else 0.4)
