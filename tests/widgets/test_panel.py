"""The panel of a bench in training, without a browser: what its hands do, and what it shows."""

from __future__ import annotations

import time
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab import methods
from curriculab.engine.loading import load_model
from curriculab.figures.training import EMPTY, NULL, lines, training
from curriculab.widgets.panel import Panel, _doing, snapshot
from tests.widgets.made import Imagined, by_hand


def step(variant, seed, number, **more):
    return {
        "variant": variant,
        "seed": seed,
        "kind": "step",
        "step": number,
        "rows": 4,
        "tokens": 10 * number,
        "rollouts": 0,
        "generated": 0,
        "seconds": 0.5 * number,
        **more,
    }


POINTS = [step(v, s, n, loss=1.0 / n + s) for n in (1, 2, 3) for v in ("random", "easy") for s in (0, 1)]


def trace(figure, name):
    return next(t for t in figure.data if t.name == name)


def test_a_curve_is_the_mean_of_its_seeds_as_far_as_all_have_come():
    figure = training([*POINTS, step("easy", 0, 4, loss=9.0)], "loss", x="examples")
    mean = trace(figure, "easy")
    assert mean.x.tolist() == [4, 8, 12] and mean.y.tolist() == pytest.approx([1.5, 1.0, 1 / 3 + 0.5])
    assert len(trace(figure, "easy, seeds").x) == 4 + 1 + 3 + 1  # two seeds and the gaps behind them


def test_long_lines_are_means_of_neighbours():
    points = [step("random", 0, n, loss=float(n)) for n in range(1, 241)]
    (line,) = lines(points, "loss")
    assert line.y.tolist() == [1.5 + 2 * k for k in range(120)] and line.on("step").tolist() == line.y.tolist()


def test_seeds_of_different_length_are_averaged_over_the_same_steps():
    points = [step("random", s, n, loss=float(n)) for s, last in ((0, 120), (1, 121)) for n in range(1, last + 1)]
    mean = trace(training(points, "loss"), "random")
    assert mean.x.tolist() == mean.y.tolist() == [1.5 + 2 * k for k in range(60)]


def test_what_was_done_by_hand_lies_on_the_curve_it_changed():
    swap = {"variant": "easy", "kind": "intervention", "event": "swap", "step": 2, "of": ""}
    fork = {"variant": "easy > x", "kind": "intervention", "event": "fork", "step": 3, "of": "random"}
    pause = {"variant": None, "kind": "intervention", "event": "pause", "step": 1, "of": ""}
    signs = trace(training([*POINTS, swap, fork, pause], "loss"), "by hand")
    assert signs.x == (2, 3, 1) and signs.y == pytest.approx((1.0, 1 / 3 + 0.5, 1 / 3))
    assert signs.text == ("swap easy at step 2", "fork easy > x at step 3", "pause  at step 1")


def test_nothing_yet_is_said_and_null_orders_are_one_grey_band():
    assert training([]).layout.annotations[0].text == EMPTY
    figure = training(POINTS, "loss", variants=["random", "easy"], null=["easy"])
    assert [t.name for t in figure.data if t.showlegend is not False] == [NULL, "random"]
    with pytest.raises(ValueError, match="no axis 'epochs' here; choose among step, tokens, rollouts, generated, sec"):
        training([], x="epochs")


def test_texts_of_a_model_are_shown_as_text():
    import pandas as pd

    html = _doing(pd.DataFrame({"id": ["a"], "text": ["<img src=x onerror=alert(1)>"]}))
    assert "<img" not in html and "&lt;img src=x onerror=alert(1)&gt;" in html


def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def line(panel, name):
    return next(row for row in panel.table.state["rows"] if row["name"] == name)


def press(panel, what, variant=None):
    """What the browser sends when a button, or an entry of a row's menu, is pressed."""
    panel._heard(panel.table, {"do": what, "variant": variant}, [])


@pytest.mark.slow
def test_hands_on_the_panel_do_what_the_buttons_say(tiny_folder, tmp_path):
    train, test = cl.split(cl.load_pool("ladder", levels=[1, 2], n=240, seed=0), test=12, by="level", seed=0)
    bench = cl.Bench(
        load_model(str(tiny_folder), bits=32),
        train,
        test,
        budget=cl.Budget(steps=200),
        batch_size=4,
        evaluate_every=100,
        max_new_tokens=4,
        store=None,
        valid=None,
    )
    live = bench.start({"random": methods.random_order, "easy": partial(methods.easy_to_hard, by="level")}, seeds=1)
    until(lambda: live.progress > 0)
    panel = live.panel
    press(panel, "pause")
    until(lambda: live.status == "paused" and panel.table.state["status"] == "paused")
    panel.choose("fork", "easy")
    assert panel.go.description == "Fork easy" and panel.drawer.layout.display is None
    panel.side.set(method="hard_to_easy")
    panel.go.click()
    assert panel.drawer.layout.display == "none"
    until(lambda: any(row["name"] == "easy > hard_to_easy" for row in panel.table.state["rows"]))
    press(panel, "stop", "easy")
    until(lambda: [entry["text"] for entry in line(panel, "easy")["lines"]][-1:] != [])
    press(panel, "resume")
    runs = live.wait(60)
    assert [(e["what"], e["variant"]) for e in runs.interventions] == [
        ("pause", ""),
        ("fork", "easy > hard_to_easy"),
        ("stop", "easy"),
        ("resume", ""),
    ]
    until(lambda: panel.table.state["status"] == "finished")
    assert panel.table.state["progress"] == 1.0 and line(panel, "easy")["state"] == "stopped"
    assert line(panel, "random")["state"] == "done" and line(panel, "random")["accuracy"] is not None
    assert line(panel, "easy > hard_to_easy")["lines"][0]["text"].startswith("forked by hand from easy at step ")
    assert {t.name for t in panel._fresh().data} >= {"random", "easy", "easy > hard_to_easy", "by hand"}


def test_what_is_asked_is_seen_before_it_is_done():
    live = Imagined(variants=2, seeds=1)
    panel = Panel(live)
    live.go_on(0)
    press(panel, "stop", "random")
    assert line(panel, "random")["lines"] == [{"kind": "waiting", "text": "asked to stop; after the current call"}]
    live.monitor.waiting = [{"do": "pause"}]
    panel.draw()
    assert panel.table.state["asked"] == "asked to pause; after the current call"


def test_from_the_first_second_it_says_what_it_does():
    live = Imagined(variants=2, seeds=1)
    panel = Panel(live)
    assert (panel.table.state["words"], panel.table.state["progress"]) == ("getting ready", 0.0)
    live.phase, live.monitor.call_share = "testing the start", 0.4
    panel.draw()
    assert (panel.table.state["words"], panel.table.state["call_share"]) == ("testing the start", 0.4)


def test_a_browser_that_asks_is_answered_with_the_present_and_all_curves():
    live = Imagined(variants=3, seeds=2)
    panel, sent = Panel(live), []
    for number in range(5):
        live.go_on(number)
    live.listeners = []
    live.go_on(5)  # drawn by nobody: the browser asks
    panel.table.send = lambda content, buffers=None: sent.append(content)
    panel.curves.send = lambda content, buffers=None: sent.append((content, buffers))
    press(panel, "ask")
    assert sent[-1] == {"here": True} and line(panel, "random")["step"] == 5
    panel._asked_for_curves(panel.curves, {"do": "all"}, [])
    (content, (numbers,)) = sent[-1]
    rows = np.frombuffer(numbers, np.float32).reshape(-1, 12)
    assert content["anew"] and content["runs"][0] == ("random", 0)
    assert len(rows) == 3 * 2 * (5 + 1)  # every step of every run, and the start's test


def test_with_thirty_variants_and_ten_seeds_a_look_costs_milliseconds(slowness):
    """A hundredth of the time between two looks is 5 ms; twenty allow for what a busy machine takes away."""
    live = Imagined(variants=30, seeds=10, steps=100)
    panel, spent = Panel(live), []
    live.listeners = []
    for number in range(40):
        live.go_on(number)
        began = time.thread_time()
        panel.draw()
        spent.append(time.thread_time() - began)
    assert len(panel.table.state["rows"]) == 30 and len(panel._strokes.runs) == 300
    assert np.median(spent) < 0.020 * slowness()


def test_controls_and_null_orders_are_told_apart_from_variants():
    panel = Panel(Imagined(variants=30, seeds=1))
    kinds = [row["kind"] for row in panel.table.state["rows"]]
    assert [kinds.count(kind) for kind in ("variant", "control", "null")] == [11, 14, 5]
    colours = {row["colour"] for row in panel.table.state["rows"] if row["kind"] == "null"}
    assert colours == {line(panel, "random")["colour"]}  # grey, all of them


def test_what_it_is_doing_names_its_variant():
    live = Imagined(variants=2, seeds=1)
    live.doing = {"random": pd.DataFrame({"id": ["a"], "text": ["7"]})}
    panel = Panel(live)
    press(panel, "look", "random")
    assert "What random is doing" in panel.doing.value and "<td" in panel.doing.value


def test_marks_of_what_was_done_by_hand_come_to_the_curves():
    live = Imagined(variants=2, seeds=1)
    panel = Panel(live)
    live.go_on(1)
    live.points.append(by_hand("stop", "random", 1))
    panel.draw()
    told = [(mark["variant"], mark["event"], mark["text"]) for mark in panel.curves.marks]
    assert told == [("random", "stop", "stopped by hand at step 1")]


def test_what_the_notebook_keeps_says_of_when_it_is():
    live = Imagined(variants=2, seeds=1)
    panel = Panel(live)
    live.go_on(1)
    live.points.append(by_hand("stop", "random", 1))
    panel.draw()
    kept = snapshot("abc", {**panel.table.state, "at": 0.0})
    assert (
        "A snapshot of 1970-01-01 00:00:00 UTC: training." in kept and "class='clp-snapshot clp-snapshot-abc'" in kept
    )
    assert "<td>random</td><td>training</td><td>1 of 40</td>" in kept and "stopped by hand at step 1" in kept


def test_the_snapshot_is_made_anew_at_the_end():
    live, shown = Imagined(variants=2, seeds=1), []
    panel = Panel(live)
    panel.keep()  # where there is no notebook nothing is kept: this stands for its output
    panel._kept.output = SimpleNamespace(update=lambda html: shown.append(html.data))
    live.go_on(1)
    assert shown == []
    live.status = "finished"
    panel.draw()
    assert len(shown) == 1 and "finished" in shown[0]
