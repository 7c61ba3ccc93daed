"""What the browser draws the curves from: all points of short runs, means of long ones, and new rows only once."""

from __future__ import annotations

import numpy as np

from curriculab.figures.training import AXES
from curriculab.widgets.strokes import MOST, Strokes
from tests.widgets.made import Imagined, accuracy_at, step


def strokes_of(*points):
    live = Imagined(variants=2, seeds=1, steps=12)
    live.points.extend(points)
    return Strokes(live)


def test_a_row_is_a_step_with_its_axes_and_its_values():
    strokes = strokes_of(step("random", 0, 1, loss=2.0), step("random", 0, 2, loss=1.0, reward=0.5))
    anew, rows = strokes.fresh()
    assert anew and strokes.runs == [("random", 0)] and rows.dtype == np.float32
    assert list(AXES) == ["step", "tokens", "rollouts", "generated", "seconds", "examples"]
    np.testing.assert_array_equal(
        rows,
        [[0, 0, 0, 1, 10, 0, 0, 0.5, 4, 2.0, np.nan, np.nan], [0, 0, 1, 2, 20, 0, 0, 1.0, 8, 1.0, 0.5, np.nan]],
    )


def test_only_what_is_new_is_sent_again_and_a_test_is_a_row_of_its_own():
    strokes = strokes_of(step("random", 0, 1, loss=2.0))
    strokes.fresh()
    assert strokes.fresh()[1].shape == (0, 12)
    strokes.live.points += [step("random", 0, 2, loss=1.0), accuracy_at("random", 0, 2, 0.75)]
    anew, rows = strokes.fresh()
    assert not anew and rows[:, :3].tolist() == [[0, 0, 1], [1, 0, 0]] and rows[1, 9] == 0.75
    assert len(strokes.whole()) == 3


def test_of_more_steps_each_row_is_the_mean_of_neighbours():
    long = [step("random", 0, n, loss=float(n)) for n in range(1, 2 * MOST + 1)]
    short = [step("curriculum 1, level", 0, n, loss=1.0) for n in (1, 2, 3)]
    strokes = strokes_of(*short, *long)
    anew, rows = strokes.fresh()
    mine = rows[rows[:, 1] == 1]
    assert anew and len(mine) == MOST and strokes.width == 2
    assert mine[:, 9].tolist() == [1.5 + 2 * k for k in range(MOST)] and mine[:, 3].tolist() == mine[:, 9].tolist()
    assert rows[rows[:, 1] == 0][:, 3].tolist() == [1.5, 3.0]
    strokes.live.points.append(step("random", 0, 2 * MOST + 1, loss=0.0))
    assert strokes.fresh()[0]  # the width doubled: all of it is sent again
    assert strokes.width == 4


def test_of_several_solvers_the_first_is_drawn():
    vote = {**accuracy_at("random", 0, 0, 0.9), "solver": "vote"}
    _, rows = strokes_of(accuracy_at("random", 0, 0, 0.5), vote, accuracy_at("random", 0, 4, 0.6)).fresh()
    np.testing.assert_allclose(rows[:, 9], [0.5, 0.6], rtol=1e-6)
