"""Tasks of the package reasoning-gym: "gym:chain_sum", with the task's own knobs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from curriculab.data.registry import source
from curriculab.data.validation import PoolError, closest, one_line, validate


@source("gym:", rest="<task>")
def load(name: str, /, *, n: int | None = None, seed: int = 0, **knobs: Any) -> pd.DataFrame:
    """Rows of a Reasoning Gym task. The package seeds item i of seed s by s + i; here seeds are spread far apart."""
    try:
        import reasoning_gym
    except ImportError:
        raise PoolError(
            f"{name} needs the package reasoning-gym: pip install 'curriculab[gym]' (one of its dependencies has no "
            "wheel and needs a C compiler)"
        ) from None
    task = name.removeprefix("gym:")
    known = sorted(reasoning_gym.factory.DATASETS)
    if task not in known:
        raise PoolError(f"unknown task {task!r} in {name!r};{closest(task, known)} known are {', '.join(known)}")
    start = int(np.random.SeedSequence([seed, 0]).generate_state(1)[0])
    try:
        items = reasoning_gym.create_dataset(task, size=500 if n is None else n, seed=start, **knobs)
    except (AssertionError, TypeError) as error:
        raise PoolError(f"{name}: {one_line(error)}") from None
    rows = [(entry["question"], str(entry["answer"]), json.dumps(entry["metadata"], default=str)) for entry in items]
    frame = pd.DataFrame(rows, columns=["prompt", "answer", "metadata"])
    frame.index = pd.Index([f"gym/{task}/{seed}/{i:05d}" for i in range(len(frame))], name="id")
    return validate(frame.assign(topic=task, task=f"gym:{task}"), name)
