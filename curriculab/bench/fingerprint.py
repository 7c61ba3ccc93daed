"""What decides a run beside its method: the modules of the session, engine, objectives, verifiers and measures."""

from __future__ import annotations

import json
from collections.abc import Iterable

from curriculab.difficulty.registry import MEASURES
from curriculab.registry.fingerprint import describe, modules, texts
from curriculab.rewards.registry import VERIFIERS

REQUESTS = "curriculab.difficulty.survey"  # where methods ask for scores by the names of measures
CHOSEN_VERIFIERS = ("number", "math", "text", "choice")  # by rewards/verifiers/any_task.py, which finds them by name
SESSION = "curriculab.bench.session"  # where the imports are followed from: a name, since the session imports this


def run_modules(model: object, objectives: Iterable[object], tasks: Iterable[object]) -> dict[str, str]:
    """Digests of all modules that train and test the runs of a bench, by name.

    tasks: of training and test rows, whose verifiers judge answers.
    """
    engine = getattr(model, "backend_class", None)  # the class that trains, samples and scores with this model
    named = list(tasks)
    if not all(isinstance(task, str) for task in named):  # a row without a task is judged as its right answer asks
        named += CHOSEN_VERIFIERS
    verifiers = dict.fromkeys(VERIFIERS.unit(task).module for task in named if task in VERIFIERS)
    return modules(SESSION, type(model), *([engine] if engine else []), *map(type, objectives), *verifiers)


def measure_modules(method: object) -> dict[str, str]:
    """Digests of the modules of measures that a method asks for by name, which nothing imports; empty where none is."""
    if f'"{REQUESTS}"' not in json.dumps(describe(method)):  # among the modules of the method, or of what it reaches
        return {}
    return modules(*dict.fromkeys(MEASURES.unit(name).module for name in sorted(texts(method)) if name in MEASURES))
