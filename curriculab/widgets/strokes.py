"""What the curves of a bench in training are drawn from, thinned out: numbers for the browser, new ones first.

strokes = Strokes(live)
anew, rows = strokes.fresh()      # rows (n, 12) float32: kind, run, place, six axes, loss, reward, length
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from curriculab.figures.training import AXES

if TYPE_CHECKING:
    from curriculab.bench.background import BackgroundRun

MOST = 240  # points of a run's line; of more steps, means of neighbours
QUANTITIES = ("loss", "reward", "length")  # of a step; a test has its accuracy in the first place
NUMBERS = len(AXES) + len(QUANTITIES)
STEP, TEST = 0.0, 1.0


class Strokes:
    """Every run's steps as means of `width` neighbours, and its tests; the width doubles as lines grow.

    A row is (kind, run, place, *axes in the order of AXES, *values): kind 0 is a step and 1 a test, run is a place in
    `runs`, and a later row of the same kind, run and place takes the place of an earlier one. NaN: not measured.
    """

    def __init__(self, live: BackgroundRun) -> None:
        self.live = live
        self._begin()

    def _begin(self) -> None:
        self._points, self._read, self.width = self.live.points, 0, 1
        self.runs: list[tuple[str, int]] = []
        self._number: dict[tuple[str, int], int] = {}
        self._trained: list[float] = []  # rows so far, by run
        self._taken: list[int] = []  # steps so far, by run
        # Of each run's places, sums and counts of the numbers of its steps: (runs, places, numbers).
        self._sums, self._counts = np.zeros((0, 2 * MOST, NUMBERS)), np.zeros((0, 2 * MOST, NUMBERS), np.int32)
        self._tests: list[list[list[float]]] = []
        self._solver: list[str | None] = []
        self._new_tests: list[tuple[int, int]] = []
        self._changed = np.zeros((0, 2 * MOST), bool)
        self.anew = True  # is all of it to be sent, not only what is new?

    def read(self) -> None:
        """Take in the points that are new."""
        if self.live.points is not self._points:
            self._begin()
        points = self._points[self._read :]
        self._read += len(points)
        where, numbers = [], []
        for p in points:
            if p["kind"] not in ("step", "test"):
                continue
            run = self._run(str(p["variant"]), int(p["seed"]))
            self._trained[run] += p.get("rows") or 0
            at = [self._trained[run] if a == "examples" else p.get(a) or 0.0 for a in AXES]
            if p["kind"] == "test":
                self._take_test(run, p, at)
                continue
            if self._taken[run] >= self.width * 2 * MOST:
                self._add(where, numbers)
                where, numbers = [], []
                self._halve()
            where.append((run, self._taken[run] // self.width))
            numbers.append([*at, *(_number(p.get(name)) for name in QUANTITIES)])
            self._taken[run] += 1
        self._add(where, numbers)
        while max(self._taken, default=0) > self.width * MOST:
            self._halve()

    def _run(self, variant: str, seed: int) -> int:
        run = self._number.setdefault((variant, seed), len(self.runs))
        if run == len(self.runs):
            self.runs.append((variant, seed))
            self._trained.append(0.0)
            self._taken.append(0)
            self._tests.append([])
            self._solver.append(None)
        return run

    def _take_test(self, run: int, p: Mapping, at: list[float]) -> None:
        self._solver[run] = self._solver[run] or str(p.get("solver"))
        if self._solver[run] == str(p.get("solver")):  # of several ways to answer, the first
            self._new_tests.append((run, len(self._tests[run])))
            self._tests[run].append([*at, float(p["accuracy"]), math.nan, math.nan])

    def _add(self, where: list[tuple[int, int]], numbers: list[list[float]]) -> None:
        """Add steps, numbers (n, numbers), at their runs and places."""
        more = len(self.runs) - len(self._sums)
        if more:
            self._sums, self._counts, self._changed = (
                np.concatenate([old, np.zeros((more, *old.shape[1:]), old.dtype)])
                for old in (self._sums, self._counts, self._changed)
            )
        if where:
            values, (run, place) = np.array(numbers, float), np.array(where).T
            known = np.isfinite(values)
            np.add.at(self._sums, (run, place), np.where(known, values, 0.0))
            np.add.at(self._counts, (run, place), known)
            self._changed[run, place] = True

    def _halve(self) -> None:
        """Means of twice as many neighbours."""
        self.width *= 2
        for table in (self._sums, self._counts):
            table[:, :MOST] = table[:, ::2] + table[:, 1::2]
            table[:, MOST:] = 0
        self.anew = True

    def fresh(self) -> tuple[bool, np.ndarray]:
        """Whether all that was sent before is void, and the rows to send, (n, 12)."""
        self.read()
        anew, tests, changed = self.anew, self._new_tests, self._changed
        self.anew, self._new_tests, self._changed = False, [], np.zeros_like(changed)
        return anew, self.whole() if anew else self._rows(changed, tests)

    def whole(self) -> np.ndarray:
        """All rows, (n, 12)."""
        tests = [(run, place) for run, own in enumerate(self._tests) for place in range(len(own))]
        return self._rows(self._counts[:, :, 0] > 0, tests)

    def _rows(self, steps: np.ndarray, tests: list[tuple[int, int]]) -> np.ndarray:
        """Rows of the places where `steps` (runs, places) is true, and of tests as (run, place)."""
        run, place = np.nonzero(steps)
        counts = self._counts[run, place]
        means = np.divide(self._sums[run, place], counts, out=np.full(counts.shape, np.nan), where=counts > 0)
        rows = np.column_stack([np.full(len(run), STEP), run, place, means])
        if tests:
            rows = np.concatenate([rows, [[TEST, run, place, *self._tests[run][place]] for run, place in tests]])
        return rows.astype(np.float32)


def _number(value: object) -> float:
    return math.nan if value is None else float(value)
