"""Train a set of runs here and now."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from curriculab.bench.design import tell
from curriculab.bench.job import Job
from curriculab.bench.locking import Stopped, interruptible
from curriculab.bench.monitor import Monitor
from curriculab.bench.run_set import RunSet
from curriculab.bench.session import TrainingSession
from curriculab.registry.progress import listening
from curriculab.runs import Runs


def finish(
    chosen: RunSet,
    show: Callable[[float, Sequence[Job], str, float], None],
    hear: Callable[[float], None] = lambda share: None,
) -> Runs:
    """Train what is not recorded; an interrupt stops between two calls, and another process may look on and steer.

    show: told between two calls which share of all is done, the jobs, what the next call does, and the seconds left;
    hear: told in the middle of a call which share of it is done.
    """
    chosen.refuse_bad_starts()
    tell(chosen.design)
    with interruptible() as interrupted:
        monitor = Monitor(chosen, halt=interrupted.is_set)

        def watch(session: TrainingSession) -> None:
            monitor.between(session)
            show(session.progress, session.jobs, monitor.phase, monitor.left)
            if interrupted.is_set():
                raise Stopped

        try:
            with listening(hear):
                return chosen.runs(chosen.train(watch))
        except Stopped:
            kept = "ask again to go on from there" if chosen.design.store else "without a store nothing of it is kept"
            raise KeyboardInterrupt(f"stopped after the current call; {kept}") from None
        finally:
            monitor.close()
