"""Train a set of runs here and now."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from curriculab.bench.job import Job
from curriculab.bench.locking import Stopped, interruptible
from curriculab.bench.monitor import Monitor
from curriculab.bench.run_set import RunSet
from curriculab.bench.session import TrainingSession
from curriculab.runs import Runs


def finish(chosen: RunSet, show: Callable[[float, Sequence[Job]], None]) -> Runs:
    """Train what is not recorded; an interrupt stops between two calls, and another process may look on and steer.

    show: told between two calls which share of all is done, and the jobs.
    """
    chosen.design.tell_judging()
    with interruptible() as interrupted:
        monitor = Monitor(chosen, halt=interrupted.is_set)

        def watch(session: TrainingSession) -> None:
            show(session.progress, session.jobs)
            monitor.between(session)
            if interrupted.is_set():
                raise Stopped

        try:
            return chosen.runs(chosen.train(watch))
        except Stopped:
            kept = "ask again to go on from there" if chosen.design.store else "without a store nothing of it is kept"
            raise KeyboardInterrupt(f"stopped after the current call; {kept}") from None
        finally:
            monitor.close()
