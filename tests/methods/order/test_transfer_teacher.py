"""Transfer teacher: one reading by the base, and any schedule on what it says."""

from __future__ import annotations

import pytest

from curriculab import methods
from curriculab.methods.order import transfer_teacher
from curriculab.methods.pacing import Linear
from curriculab.protocol import Clock, Run, Score
from curriculab.simulation.student import Student
from tests.methods.made import asked, make, trained_ids


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


def test_reading_does_not_skip_the_first_stair():
    clock = Clock(progress=0.2)
    run = Run(0, batch=2, clock=clock)
    view = transfer_teacher.FromHere(run)
    assert view.progress == 0.0 and view.batch == 2 and view.rng is run.rng
    clock.progress = 0.6
    assert view.progress == pytest.approx(0.5)
    clock.progress = 1.0
    assert view.progress == 1.0
