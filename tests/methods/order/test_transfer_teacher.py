"""Transfer teacher: one reading by the base, and any schedule on what it says."""

from __future__ import annotations

from functools import partial

import numpy as np

from curriculab import methods
from curriculab.bench.budget import Budget
from curriculab.bench.simulate import simulate
from curriculab.methods.pacing import Linear, Stairs
from curriculab.protocol import Clock, Run, Score
from curriculab.simulation.rows import row_bytes
from curriculab.simulation.student import Student
from tests.methods.made import asked, make, reply, trained_ids


def test_the_teacher_is_asked_once_and_any_schedule_goes_by_what_it_says():
    pool = make([1, 2, 3, 4])
    student = Student(start=0.0, varies=0.0, spread=1.0)
    requests = asked("transfer_teacher", pool, 4, learner=student)
    assert isinstance(requests[0], Score) and requests[0].role == "base" and len(requests) == 5
    assert set(requests[1].rows.index) == set("ab")
    walk = trained_ids("transfer_teacher", pool, 4, learner=student, schedule=methods.hard_to_easy, span="pass")
    assert walk == ["dc", "ba"] * 2
    paced = trained_ids("transfer_teacher", pool, 60, learner=student, pacing=Linear(0.25), until=1.0, batch_size=1)
    assert "c" not in paced[:40] and "c" in paced  # .25 + .75 t reaches 3/4 at t = 2/3


def test_the_stairs_of_the_paper():
    # .04 * 1.9^k of 25 rows: 1, 1.9, 3.6, 6.9, 13.03, 24.8, then all
    clock = Clock()
    method = methods.transfer_teacher(make(range(25)), Run(0, batch=1, clock=clock))
    request, hardest = method.send(reply(next(method), nll=np.arange(25.0))), []
    for progress in (0.0, 0.1, 0.2, 0.35, 0.45, 0.55, 0.6):
        clock.progress, seen = progress, []
        for _ in range(200):
            request = method.send(reply(request, loss=1.0))
            seen.append(request.rows.level.max())
        hardest.append(max(seen) + 1)
    assert hardest == [1, 1, 3, 6, 13, 24, 25]


def test_reading_does_not_skip_the_first_stair():
    """Of a ceiling of four passes over the rows reading takes one: 12 steps are left, a stair is 6 of them."""
    pool = make(range(24))
    ceiling = 4 * int(row_bytes(pool).sum())
    student = Student(start=0.0, varies=0.0, spread=1.0)
    paced = partial(methods.transfer_teacher, pacing=Stairs(start=0.25, increase=2.0, length=0.5))
    budget = Budget(steps=1000, max_total_tokens=ceiling)
    runs = simulate(paced, pool, budget=budget, batch_size=6, learner=student, name="paced")
    highest = runs.exposure.join(pool["level"], on="id").groupby("step")["level"].max()
    assert len(highest) == 12
    assert (highest.iloc[:6] < 6).all() and (highest.iloc[6:] < 12).all() and (highest.iloc[6:] >= 6).any()
