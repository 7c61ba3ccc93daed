"""One progress bar for all variants."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from tqdm.auto import tqdm

from curriculab.bench.job import Job
from curriculab.engine.memory import memory_line, resident_bytes
from curriculab.engine.model import Model
from curriculab.engine.packing import MICRO_BATCH


class ProgressBar:
    """One progress bar for all variants, with the time left and the last accuracies."""

    def __init__(self, wanted: bool, model: Model) -> None:
        layout = "{l_bar}{bar}| {elapsed} elapsed, {remaining} left{postfix}"
        self.bar = tqdm(total=1.0, disable=not wanted, bar_format=layout, mininterval=0.5)
        self.model, self.before = model, None if wanted else math.nan  # tokens trained when it first looked
        self.resident = resident_bytes()

    def show(self, done: float, jobs: Sequence[Job]) -> None:
        self.bar.update(max(0.0, done - self.bar.n))
        self._tell_memory(jobs)
        latest: dict[str, list[float]] = {}
        for job in jobs:
            if job.items:
                latest.setdefault(job.variant, []).append(float(job.items[-1]["correct"].mean()))
        if not self.bar.disable:
            self.bar.set_postfix_str(
                ", ".join(f"{k} {np.mean(v):.2f}" for k, v in list(latest.items())[:4]), refresh=False
            )

    def _tell_memory(self, jobs: Sequence[Job]) -> None:
        """One line behind the first step."""
        tokens = sum(j.spent.tokens for j in jobs)
        if self.before is None:
            self.before = tokens
        elif tokens > self.before:
            step = min(tokens - self.before, MICRO_BATCH)
            self.bar.write(memory_line(self.model, len(jobs), step, self.resident))
            self.before = math.nan

    def close(self) -> None:
        self.bar.close()
