"""Learning curves and notes show the numbers of the tables."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from curriculab import figures
from curriculab.figures import comparison, learning_curves, palette
from curriculab.runs import Record, Runs
from curriculab.statistics import compare, paired_t
from tests.figures.made import VARIANTS, record, traces

AXES = [
    ("tokens", 401, "trained tokens"),
    ("generated", 1601, "generated tokens"),
    ("rollouts", 320, "rollouts"),
    ("seconds", 5.0, "seconds"),
]


def test_learning_curves_show_the_table(runs: Runs):
    figure = learning_curves(runs)
    table = runs.accuracy()
    for variant in VARIANTS:
        own = table[table.variant == variant].pivot(index="step", columns="seed", values="accuracy")
        (mean,) = traces(figure, variant)
        assert list(mean.x) == [0, 5, 10] and list(mean.y) == pytest.approx(list(own.mean(axis=1)))
        (seeds,) = traces(figure, f"{variant}, seeds")
        assert [y for y in seeds.y if y == y] == pytest.approx(own.to_numpy().T.ravel().tolist())
        (band,) = traces(figure, f"{variant}, 95% interval")
        found = paired_t(own.to_numpy())
        assert list(band.y[:3]) == pytest.approx(list(found.high.clip(0, 1)))
        assert list(band.y[3:]) == pytest.approx(list(found.low.clip(0, 1))[::-1])


def test_what_was_done_by_hand_is_a_sign_on_the_mean_that_it_changed(runs: Runs):
    event = dict(call=9, variant="", to=None, turns={}, of="", since=0, step=0, why="", tokens=0)
    events = [
        event | dict(what="swap", variant="easy first", step=5),
        event | dict(what="pause", step=10),
        event | dict(what="fork", variant="easy first > b", of="easy first", step=8),
    ]
    steered = Runs(tuple(Record(r.spec | {"events": events}, r.tables) for r in runs.records), runs.null)
    figure = learning_curves(steered, x="tokens")
    (signs,), (mean,) = traces(figure, "by hand"), traces(figure, "easy first")
    assert signs.x[:2] == pytest.approx((201, 401))  # 400 tokens in ten steps, and the mean of seeds 0, 1 and 2
    assert signs.y[0] == pytest.approx(mean.y[1])
    assert signs.y[2] == pytest.approx(0.4 * mean.y[1] + 0.6 * mean.y[2])  # at 8, three fifths of the way from 5 to 10
    assert signs.y[1] == min(np.nanmin(t.y) for t in figure.data if t.name.endswith(", seeds"))
    assert (
        "Signs: done by hand, swap easy first at step 5; pause at step 10; fork easy first > b of easy first at"
        in (figure.layout.meta["caption"])
    )
    assert not traces(learning_curves(runs), "by hand")


def test_the_null_band_reaches_from_worst_to_best(runs: Runs):
    (band,) = traces(learning_curves(runs), "worst to best of 2 random orders")
    table = runs.accuracy()
    means = table[table.variant.isin(runs.null)].pivot_table(index="step", columns="variant", values="accuracy")
    assert list(band.y[:3]) == pytest.approx(list(means.max(axis=1)))
    assert list(band.y[3:]) == pytest.approx(list(means.min(axis=1))[::-1])


@pytest.mark.parametrize(("x", "last", "title"), AXES)
def test_learning_curves_over_other_axes(runs: Runs, x: str, last: float, title: str):
    figure = learning_curves(runs, x=x)
    assert traces(figure, "easy first")[0].x[-1] == pytest.approx(last)  # the mean of seeds 0, 1, 2
    assert figure.layout.xaxis.title.text == title


def test_learning_curves_by_level_and_by_variant(runs: Runs):
    by_level = learning_curves(runs, by="level")
    assert [a.text for a in by_level.layout.annotations] == ["level 1", "level 2", "level 3", "level 4"]
    table = runs.accuracy("level")
    own = table[(table.variant == "easy first") & (table.level == 3)].groupby("step").accuracy.mean()
    assert list(traces(by_level, "easy first")[2].y) == pytest.approx(list(own))
    by_variant = learning_curves(runs, by="variant")
    assert [a.text for a in by_variant.layout.annotations] == ["easy first", "hard first"]
    assert [len(traces(by_variant, v)) for v in VARIANTS] == [2, 1, 1]


def test_a_seed_that_ended_early_is_marked_and_left_out_of_the_mean():
    records = [record("random", s) for s in range(3)] + [record("easy first", s) for s in range(2)]
    figure = learning_curves(Runs((*records, record("easy first", 2, ended="failed: x", until=0.5))))
    (cross,) = traces(figure, "easy first, ended early")
    assert list(cross.x) == [5]
    expected = np.mean([r.tables["items"].query("step == 10").correct.mean() for r in records[3:]])
    assert traces(figure, "easy first")[0].y[-1] == pytest.approx(expected)


def test_a_seed_that_lacks_a_test_is_still_whole():
    records = [record("random", s) for s in range(3)]
    tests = records[2].tables["items"]
    records[2].tables["items"] = tests[tests.share != 0.5]  # a long step went past it
    figure = learning_curves(Runs(tuple(records)))
    assert not traces(figure, "random, ended early")
    (mean,), (band,) = traces(figure, "random"), traces(figure, "random, 95% interval")
    middle = np.mean([r.tables["items"].query("step == 5").correct.mean() for r in records[:2]])
    assert (list(mean.x), mean.y[1]) == ([0, 5, 10], pytest.approx(middle))
    assert list(band.x) == [0, 10, 10, 0]


def test_one_seed_has_no_band():
    figure = learning_curves(Runs((record("random", 0), record("easy first", 0))))
    assert [t.name for t in figure.data] == ["random", "easy first"]


def test_names_are_not_read_as_markup():
    odd = "a<b> & c"
    runs = Runs(tuple(record(v, s) for v in ("random", odd) for s in range(2)))
    assert traces(learning_curves(runs), "a&lt;b&gt; &amp; c")
    assert comparison(compare(runs)).layout.yaxis.ticktext == ("a&lt;b&gt; &amp; c",)


BAD = {
    "x='epochs' is not an axis of learning curves; choose from steps, tokens, rollouts, generated, seconds": (
        lambda r, p: learning_curves(r, x="epochs")
    ),
    "no learning curve to show: no test was made (runs.items is empty); give the bench test rows": (
        lambda r, p: learning_curves(Runs(()))
    ),
}


@pytest.mark.parametrize(("message", "call"), BAD.items())
def test_bad_input_gives_one_clear_line(runs: Runs, pool: pd.DataFrame, message: str, call: Callable):
    with pytest.raises(ValueError) as error:
        call(runs, pool)
    assert str(error.value) == message


def test_notes_show_the_metrics(online: Runs):
    figure = figures.notes(online, "reward")
    (mean,) = traces(figure, "sec")
    assert list(mean.x) == [1, 2, 3, 4] and list(mean.y) == pytest.approx([0.6, 0.7, 0.8, 0.9])  # of seeds 0 and 1
    (seeds,) = traces(figure, "sec, seeds")
    assert [y for y in seeds.y if y == y] == pytest.approx([0.1, 0.2, 0.3, 0.4, 1.1, 1.2, 1.3, 1.4])
    assert (figure.layout.yaxis.title.text, figure.layout.xaxis.title.text) == ("reward", "optimiser steps")
    assert mean.line.color == palette(online.variants)["sec"]


def test_notes_of_a_pattern_have_a_panel_each(online: Runs):
    figure = figures.notes(online, ["p/*", "reward"], bins=2)
    assert [a.text for a in figure.layout.annotations] == ["p/1", "p/2", "reward"]
    first, second, _ = traces(figure, "sec")
    assert list(first.x) == pytest.approx([1.5, 3.5]) and list(first.y) == pytest.approx([0.45, 0.25])
    assert list(second.y) == pytest.approx([0.55, 0.75])
    assert len(traces(figure, "random")) == 1 and [t.showlegend for t in traces(figure, "sec")] == [True, False, False]


def test_notes_over_tokens_keep_every_seed(online: Runs):
    (mean,) = traces(figures.notes(online, "reward", x="generated", bins=4), "sec")
    assert list(mean.x) == pytest.approx([40.5, 80.5, 120.5, 160.5]) and mean.y[-1] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("message", "call"),
    [
        (
            "no variant noted 'q/*'; runs.metrics has reward, tokens, rollouts, generated, seconds, p/1, p/2",
            lambda runs: figures.notes(runs, ["reward", "q/*"]),
        ),
        (
            "x='epochs' is not an axis of notes; choose from steps, tokens, rollouts, generated, seconds",
            lambda runs: figures.notes(runs, "reward", x="epochs"),
        ),
    ],
)
def test_what_was_not_noted_is_said(online: Runs, message: str, call: Callable):
    with pytest.raises(ValueError) as error:
        call(online)
    assert str(error.value) == message
