"""Null band: one more random order, apart from every other; the best of k such orders is what luck alone can do.

Title    Null band of random orders (control)
Role     control
Paper    Yang et al. 2024 (system 9) report the best of six orders; the best of six shuffles is above the mean too
Kept     as many draws as there are curricula to choose from
Changed  shown as a band beside every comparison instead of being left out
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.samplers import Queue
from curriculab.protocol import Run, Train
from curriculab.registry.knobs import Knob, check_bounds


def null_band(
    pool: pd.DataFrame, run: Run, *, draw: Annotated[int, Knob(help="number of the random order", least=0)] = 0
) -> Generator:
    """The random order number `draw`: its own stream of chance, split off from the seed's."""
    check_bounds(null_band, locals())
    seed = run.rng.bit_generator.seed_seq
    child = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, draw))  # spawn(draw + 1)[draw], alone
    queue = Queue.shuffled(range(len(pool)), np.random.default_rng(child))
    while True:
        yield Train(pool.take(queue.take(run.batch)))
