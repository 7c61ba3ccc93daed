"""The panel of a bench in training, without a browser: what its hands do, and what it shows."""

from __future__ import annotations

import time
from functools import partial

import pytest

import curriculab as cl
from curriculab import methods
from curriculab.engine.loading import load_model
from curriculab.figures.training import EMPTY, NULL, lines, training
from curriculab.widgets.panel import _doing, _problems


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
    )
    live = bench.start({"random": methods.random_order, "easy": partial(methods.easy_to_hard, by="level")}, seeds=1)
    until(lambda: live.progress > 0)
    live.pause()
    panel = live.panel
    until(lambda: live.status == "paused" and panel.pause.description == "Resume")
    panel.variant.value = "easy"
    assert [b.description for b in (panel.stop, panel.swap, panel.fork)] == ["Stop easy", "Change easy", "Fork easy"]
    panel.side.set(method="hard_to_easy")
    panel.fork.click()
    until(lambda: "easy > hard_to_easy" in panel.variant.options)
    assert panel.variant.value == "easy"
    panel.stop.click()
    panel.pause.click()
    runs = live.wait(60)
    assert [(e["what"], e["variant"]) for e in runs.interventions] == [
        ("pause", ""),
        ("fork", "easy > hard_to_easy"),
        ("stop", "easy"),
        ("resume", ""),
    ]
    assert panel.bar.value == 1.0 and panel.stop.disabled and panel.status.value.startswith("finished")
    assert {t.name for t in panel.figure.data} >= {"random", "easy", "easy > hard_to_easy", "by hand"}


def test_what_went_wrong_is_shown_as_text():
    class Wrong:
        points = [{"kind": "refused", "why": "no variant '<b>'"}]

    assert _problems(Wrong) == "<b role='alert'>no variant &#x27;&lt;b&gt;&#x27;</b>"
