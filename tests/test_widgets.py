"""The panel shows what `simulate` says, and its Python line gives the same again."""

from __future__ import annotations

import inspect
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab import methods, widgets
from curriculab.draws import Geometric, Linear, Root
from curriculab.widgets import KNOBS, Schedules, Slider, source


@pytest.fixture(scope="module")
def pool() -> pd.DataFrame:
    """60 rows at six levels; `length` is no number for one row and no measure therefore."""
    level = np.repeat(np.arange(1, 7), 10)
    ids = [f"mine/{i:05d}" for i in range(60)]
    table = pd.DataFrame({"prompt": ids, "answer": "yes", "topic": "a", "level": level}, index=pd.Index(ids, name="id"))
    noise = np.random.default_rng(0).normal(size=60)
    return table.assign(loss=np.abs(level + noise), shifted=noise - 9, length=[np.nan, *range(59)])


@pytest.fixture
def panel(pool: pd.DataFrame) -> Schedules:
    return Schedules(pool, steps=20, batch_size=3, seed=1)


@pytest.mark.parametrize("name", KNOBS)
def test_every_knob_is_one_of_the_method_and_reaches_its_default(name: str) -> None:
    parameters = inspect.signature(getattr(methods, name)).parameters
    for knob, what in KNOBS[name].items():
        default = parameters[knob].default
        assert default in what if isinstance(what, tuple) else what.low <= default <= what.high


def test_orders_are_those_of_the_method() -> None:
    from curriculab.methods.order.human_strategies import ORDERS

    assert widgets.ORDERS == ORDERS


@pytest.mark.parametrize("name", KNOBS)
def test_the_line_of_python_gives_the_same_runs(name: str, panel: Schedules, pool: pd.DataFrame) -> None:
    panel.sides["A"].set(method=name)
    known = {"cl": cl, "partial": partial, "pool": pool, "Root": Root, "Linear": Linear, "Geometric": Geometric}
    exec(panel.source, known)
    assert known["runs"].exposure.equals(panel.runs.exposure)
    assert panel.line.value == panel.source
    assert panel.message.value == ""


def test_a_turned_knob_is_drawn(panel: Schedules) -> None:
    panel.sides["A"].set(method="baby_steps", by="level", buckets=6)
    before = panel.figure.data[1].y.copy()
    panel.sides["A"].knobs["buckets"].value = 1  # what the browser does
    steps = panel.runs.exposure.groupby("variant").step.max()
    assert panel.sides["A"].source == 'partial(cl.methods.baby_steps, by="level", buckets=1)'
    assert not np.array_equal(before, panel.figure.data[1].y)
    assert steps.tolist() == [20, 20]
    panel.steps.value = 40
    assert panel.runs.exposure.step.max() == 40


def test_columns_of_numbers_without_gaps_are_measures(panel: Schedules) -> None:
    panel.sides["B"].set(method="competence", by="loss", until=0.8, pacing=Linear())
    assert [name for name, _ in panel.sides["B"].knobs["by"].options] == ["level", "loss", "shifted"]
    assert panel.sides["B"].label == "B: competence by loss"
    assert panel.figure.layout.yaxis2.title.text == "loss"


def test_what_cannot_run_is_said_and_the_drawing_kept(panel: Schedules) -> None:
    panel.sides["A"].set(method="cyclical", by="level")
    before = panel.runs
    panel.sides["A"].set(by="shifted")
    assert panel.runs is before
    assert "A: cyclical by shifted failed" in panel.message.value
    assert "1 / score needs losses: at least 0, some above" in panel.message.value
    panel.sides["A"].set(by="level")
    assert panel.message.value == ""


def test_errors_say_what_there_is(panel: Schedules, pool: pd.DataFrame) -> None:
    with pytest.raises(ValueError) as error:
        panel.sides["A"].set(method="baby_steps", parts=3)
    assert str(error.value) == "baby_steps has no knob 'parts' here; it has by, buckets"
    with pytest.raises(ValueError) as error:
        Schedules(pool[["prompt", "answer"]])
    assert str(error.value) == "no column of numbers to order by; the pool has prompt, answer"


def test_source_writes_text_with_double_quotes() -> None:
    variant = partial(methods.competence, by="loss", pacing=Root(p=2, start=0.1), until=0.5)
    assert source(variant) == 'partial(cl.methods.competence, by="loss", pacing=Root(p=2, start=0.1), until=0.5)'
    assert source(partial(methods.random_order)) == "partial(cl.methods.random_order)"
    assert repr(Slider(0, 1, 0.1)) == "Slider(low=0, high=1, step=0.1)"


def test_importing_it_needs_neither_torch_nor_widgets() -> None:
    ask = "import sys, curriculab.widgets; print([m for m in ('torch', 'ipywidgets', 'plotly') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout == "[]\n"
