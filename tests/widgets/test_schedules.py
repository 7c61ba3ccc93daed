"""The panel shows what `simulate` says, and its Python line gives the same again."""

from __future__ import annotations

import inspect
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab import methods
from curriculab.methods.pacing import Geometric, Linear, Ramp, Root, Stairs
from curriculab.simulation.student import Student
from curriculab.widgets import Picker, Schedules, Slider, controls_of, having_knobs, source
from curriculab.widgets.debounce import Debounced
from curriculab.widgets.schedules import WAITING


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


@pytest.mark.parametrize("name", having_knobs())
def test_every_knob_is_one_of_the_method_and_reaches_its_default(name: str) -> None:
    parameters = inspect.signature(getattr(methods, name)).parameters
    for knob, what in controls_of(name).items():
        default = parameters[knob].default
        assert default in what if isinstance(what, tuple) else what.low <= default <= what.high


def test_orders_are_those_of_the_method() -> None:
    from curriculab.methods.order import corgi, edco, fading_weights, hard_mining, spaced_repetition
    from curriculab.methods.order.human_strategies import ORDERS

    assert controls_of("human_strategies")["order"] == ORDERS
    assert controls_of("corgi")["order"] == corgi.ORDERS
    assert controls_of("edco")["mode"] == edco.MODES
    assert controls_of("fading_weights")["ease"] == fading_weights.EASES
    assert controls_of("hard_mining")["rule"] == hard_mining.RULES
    assert controls_of("spaced_repetition")["rule"] == spaced_repetition.RULES


@pytest.mark.slow
@pytest.mark.parametrize("name", having_knobs("order"))
def test_the_line_of_python_gives_the_same_runs(name: str, panel: Schedules, pool: pd.DataFrame) -> None:
    panel.sides["A"].set(method=name)
    pacings = {pacing.__name__: pacing for pacing in (Root, Linear, Geometric, Ramp, Stairs)}
    known = {"cl": cl, "partial": partial, "pool": pool, **pacings}
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


@pytest.mark.slow
def test_the_prediction_is_what_simulate_says_of_five_seeds(panel: Schedules, pool: pd.DataFrame) -> None:
    assert panel.prediction.data == ()
    runs = panel.predict(60)
    variants = {**panel.variants, "random": methods.random_order}
    tests = pool.sample(60, random_state=1)
    whole = cl.simulate(variants, pool, steps=20, batch_size=3, seed=range(5), tests=tests, evaluate_every=2)
    assert runs.items.drop(columns="seconds").equals(whole.items.drop(columns="seconds"))
    bands = [t for t in panel.prediction.data if t.fill == "toself"]
    means = [t for t in panel.prediction.data if t.line.width == 2.4]
    assert len(bands) == len(means) == 3 and len(means[0].x) == 11
    assert "simulated" in panel.status.value

    panel.sides["A"].set(method="hard_to_easy")
    assert panel.status.value == WAITING  # and the drawing is there already
    assert panel.runs.variants[0] == "A: hard_to_easy by level"
    again = panel.predict(60)
    assert again.variants == ["A: hard_to_easy by level", "B: competence by level", "random"]
    assert all(old is new for old, new in zip(runs.records[5:], again.records[5:], strict=True))


def test_an_older_computation_is_cancelled_and_never_shown() -> None:
    shown, begun, noticed = [], threading.Event(), threading.Event()

    def work(cancelled: Callable[[], bool], name: str) -> str:
        if name == "old":
            begun.set()
            while not cancelled():
                time.sleep(0.001)
            noticed.set()
        return name

    newest = Debounced(work, lambda result, error: shown.append((result, error)), pause=0.0)
    newest.request("old")
    assert begun.wait(10)
    newest.request("new")
    assert newest.wait(10) == "new"
    assert noticed.wait(10)
    time.sleep(0.05)
    assert shown == [("new", None)]


def test_what_goes_wrong_in_the_background_is_shown_and_raised() -> None:
    shown = []
    newest = Debounced(lambda cancelled: 1 / 0, lambda result, error: shown.append(repr(error)), pause=0.0)
    newest.request()
    with pytest.raises(ZeroDivisionError):
        newest.wait(10)
    assert shown == ["ZeroDivisionError('division by zero')"]
    slow = Debounced(lambda cancelled: time.sleep(1), lambda result, error: None, pause=0.0)
    slow.request()
    with pytest.raises(TimeoutError, match=r"^not done within 0.01 s; wait longer, or for fewer steps$"):
        slow.wait(0.01)


def test_what_is_copied_is_the_line(panel: Schedules) -> None:
    panel.sides["A"].set(method="baby_steps", buckets=2)
    assert panel.copy.text == panel.line.value == panel.source


def test_a_pool_without_levels_is_grouped_by_topics_or_fifths(pool: pd.DataFrame) -> None:
    topics = Schedules(pool.drop(columns="level"), steps=10, left="random_order", right="superloss")
    assert list(topics.figure.data[1].x) == ["a"]
    fifths = Schedules(pool[["prompt", "answer", "loss"]], steps=10, left="random_order", right="superloss")
    assert list(fifths.figure.data[1].x) == [1, 2, 3, 4, 5]
    assert fifths.figure.layout.xaxis3.title.text == "fifth by loss"


# -- methods to tick ------------------------------------------------------------------------------------------------
SMALL = dict(steps=20, batch_size=3, rollouts=4)
OFFERED = ("random_order", *having_knobs("online", "reward"))


@pytest.fixture
def picker(pool: pd.DataFrame) -> Picker:
    return Picker(pool, OFFERED, **SMALL)


def simulated(variants: dict, pool: pd.DataFrame) -> pd.DataFrame:
    budget = cl.Budget(rollouts=20 * 3 * 4)
    runs = cl.simulate(variants, pool, batch_size=3, rollouts=4, objective="grpo", budget=budget)
    return runs.exposure


@pytest.mark.slow
def test_at_first_it_shows_what_the_functions_do_by_themselves(picker: Picker, pool: pd.DataFrame) -> None:
    assert simulated({"random": methods.random_order, "sec": methods.sec}, pool).equals(picker.runs.exposure)
    assert list(picker.variants) == ["random", "sec"]
    assert {t.yaxis for t in picker.figure.data} == {"y", "y2"}
    assert len(Picker(pool, **SMALL).ticks) == 1 + len(having_knobs("online"))


@pytest.mark.slow
@pytest.mark.parametrize("name", OFFERED)
def test_its_python_gives_the_same_variants(name: str, picker: Picker, pool: pd.DataFrame) -> None:
    if name in ("adcl", "sari"):  # measuring 60 rows by 8 answers would take more than there are
        picker.sides[name].set(by="level", probe=2)
    if name == "light_if":
        picker.sides[name].set(probes=1)
    picker.choose(name)
    assert picker.message.value == ""
    known = {"cl": cl, "partial": partial}
    exec(picker.source, known)
    assert picker.line.value == picker.source
    assert simulated(known["variants"], pool).equals(picker.runs.exposure)
    assert {t.yaxis for t in picker.figure.data} == {"y"}
    assert [a.text for a in picker.figure.layout.annotations] == [*known["variants"]]


@pytest.mark.slow
def test_a_tick_and_a_knob_are_drawn_and_the_rest_is_kept(picker: Picker) -> None:
    random, sec = picker.runs.records
    assert picker.sides["adarft"].box.layout.display == "none"
    picker.ticks["adarft"].value = True  # what the browser does
    assert picker.sides["adarft"].box.layout.display == ""
    assert picker.runs.records[:2] == (random, sec) and picker.runs.variants == ["random", "sec", "adarft"]
    before = picker.figure.data[6].y
    picker.sides["sec"].knobs["tau"].value = 0.05
    assert picker.runs.records[0] is random and picker.runs.records[1] is not sec
    assert picker.variants["sec"].keywords["tau"] == 0.05
    assert not np.array_equal(before, picker.figure.data[6].y)


@pytest.mark.slow
def test_nothing_chosen_is_said_and_the_drawing_kept(picker: Picker) -> None:
    before = picker.runs
    picker.ticks["sec"].value = picker.ticks["random_order"].value = False
    assert "no method is chosen: tick at least one box (Tab to it, then Space)" in picker.message.value
    with pytest.raises(ValueError, match=r"^no method is chosen: tick at least one box"):
        picker.variants  # noqa: B018
    assert picker.runs.variants == ["random"] and picker.runs.records[0] is before.records[0]
    picker.choose("pcl")
    assert picker.message.value == ""


@pytest.mark.slow
def test_what_cannot_run_or_trains_nothing_is_said(picker: Picker) -> None:
    picker.choose("difficulty_filter")
    picker.sides["difficulty_filter"].set(low=0.9)
    assert "difficulty_filter failed: ValueError: low=0.9, high=0.8" in picker.message.value
    picker.choose("adcl")
    assert (
        "adcl failed: nothing was trained (budget of rollouts spent, 480 of 240); measure less" in picker.message.value
    )
    picker.sides["adcl"].set(by="level")
    assert "384 answers are set aside for measuring, and 240 of 240 were left for it" in picker.message.value
    picker.sides["adcl"].set(probe=2)
    assert picker.message.value == "" and picker.sides["adcl"].label == "adcl: adcl by level"


@pytest.mark.slow
def test_what_methods_note_can_be_drawn_for_another_student(pool: pd.DataFrame) -> None:
    wordy = Student(words=8.0)
    two = ["train_long_think_short", "vl_cogito"]
    picker = Picker(pool, two, chosen=two, noted=["length", "budget"], student=wordy, **SMALL)
    assert [a.text for a in picker.figure.layout.annotations] == ["length", "budget"]
    assert picker.runs.metrics.length.mean() > 20  # 3 bytes a word, and the answer
    picker.choose("vl_cogito")
    assert picker.figure.layout.yaxis.title.text == "length" and len(picker.figure.data) == 1


def test_names_without_a_box_are_errors(picker: Picker, pool: pd.DataFrame) -> None:
    with pytest.raises(ValueError) as error:
        Picker(pool, ["sec", "dump"], chosen=["sec", "pcl"])
    assert str(error.value) == "no control for the method 'pcl'; choose among sec, dump"
    with pytest.raises(ValueError) as error:
        Picker(pool, ["seq"])
    assert str(error.value) == f"no control for the method 'seq'; choose among {', '.join(having_knobs())}"
    with pytest.raises(ValueError) as error:
        picker.choose("sec", "seq")
    assert str(error.value) == f"no box for 'seq'; there is {', '.join(OFFERED)}"


def test_source_writes_text_with_double_quotes() -> None:
    variant = partial(methods.competence, by="loss", pacing=Root(p=2, start=0.1), until=0.5)
    assert source(variant) == 'partial(cl.methods.competence, by="loss", pacing=Root(p=2, start=0.1), until=0.5)'
    assert source(partial(methods.random_order)) == "partial(cl.methods.random_order)"
    assert repr(Slider(0, 1, 0.1)) == "Slider(low=0, high=1, step=0.1)"


def test_importing_it_needs_neither_torch_nor_widgets() -> None:
    ask = "import sys, curriculab.widgets; print([m for m in ('torch', 'ipywidgets', 'plotly') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout == "[]\n"
