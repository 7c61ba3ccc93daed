"""One progress bar for all variants."""

from __future__ import annotations

import math
import multiprocessing
import threading
from collections.abc import Sequence

from tqdm.auto import tqdm

from curriculab.bench.design import Design
from curriculab.bench.job import Job
from curriculab.bench.planning import memory_parts
from curriculab.engine.memory import held_bytes, memory_line

BEAT_SECONDS = 1.0  # between two states of the bar, also in the middle of a call


class ProgressBar:
    """One progress bar for all variants: what is being done, how far all of it is, and how long it still takes.

    It moves every second, from the first one on.
    """

    def __init__(self, wanted: bool, design: Design) -> None:
        layout = "{desc} {percentage:3.0f}% |{bar}| {elapsed}{postfix}"
        self.bar = tqdm(total=1.0, desc="getting ready", disable=not wanted, bar_format=layout, mininterval=0.5)
        self.design, self.before = design, None if wanted else math.nan  # tokens trained when it first looked
        self.held = held_bytes(design.model.device)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="curriculab-bar", daemon=True)
        if wanted:
            self._thread.start()

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            self.bar.refresh()

    def show(self, done: float, jobs: Sequence[Job], phase: str, left: float) -> None:
        """done: share of all of it; phase: what the next call does; left: seconds, NaN where that is not known."""
        self._tell_memory(jobs)
        if self.bar.disable:
            return
        self.bar.set_description_str(phase, refresh=False)
        if math.isfinite(left):
            self.bar.set_postfix_str(f"about {in_words(left)} left", refresh=False)
        self.bar.update(max(0.0, done - self.bar.n))

    def hear(self, share: float) -> None:
        """In the middle of a call, of which this share is done."""
        if not self.bar.disable and self.bar.desc:
            phase = self.bar.desc.partition(" (")[0]
            self.bar.set_description_str(f"{phase} ({share:.0%})" if share < 1.0 else phase, refresh=False)

    def _tell_memory(self, jobs: Sequence[Job]) -> None:
        """One line behind the first step."""
        tokens = sum(j.spent.tokens for j in jobs)
        if self.before is None:
            self.before = tokens
        elif tokens > self.before:
            self.before = math.nan
            processes = 1 + len(multiprocessing.active_children())
            each, seeds = -(-len(jobs) // processes), -(-len({job.seed for job in jobs}) // processes)
            parts = memory_parts(self.design, each, seeds)
            if parts:
                now = held_bytes(self.design.model.device)
                added = None if now is None or self.held is None else now - self.held
                self.bar.write(memory_line(parts, len(jobs), added, processes=processes))

    def close(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self.bar.close()


def in_words(seconds: float) -> str:
    """`40 s`, `3 min`, `1.5 h`."""
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(seconds, 1):.0f} s"
