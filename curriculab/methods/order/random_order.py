"""Random order: every pass over the pool is a new permutation. The baseline of everything here.

Title    Random order
Role     control
Adapts   no
Paper    none; what every trainer does by default
Kept     each row once a pass
Changed  a batch may reach from one pass into the next, so that every step has `run.batch` rows
"""

from __future__ import annotations

from collections.abc import Generator

import pandas as pd

from curriculab.methods.samplers import Queue
from curriculab.protocol import Run, Train


def random_order(pool: pd.DataFrame, run: Run) -> Generator:
    """Rows in an order that knows nothing about them."""
    queue = Queue.shuffled(range(len(pool)), run.rng)
    while True:
        yield Train(pool.take(queue.take(run.batch)))
