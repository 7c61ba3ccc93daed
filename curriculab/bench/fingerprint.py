"""What decides a run beside its method: the modules of the session, engine, objectives, verifiers and measures."""

from __future__ import annotations

from collections.abc import Iterable

from curriculab.difficulty.registry import MEASURES
from curriculab.registry.fingerprint import describe, modules, texts
from curriculab.rewards.registry import VERIFIERS

REQUESTS = "curriculab.difficulty.survey"  # where methods ask for scores by the names of measures
SESSION = "curriculab.bench.session"  # where the imports are followed from: a name, since the session imports this


def run_modules(model: object, objectives: Iterable[object], tasks: Iterable[object], method: object) -> dict[str, str]:
    """Digests of all modules that train and test a run, by name.

    tasks: of training and test rows, whose verifiers judge answers; method: where it asks for scores, the measures
    that its text or knobs name count too, since nothing imports them.
    """
    engine = getattr(model, "backend_class", None)  # the class that trains, samples and scores with this model
    found = [VERIFIERS.unit(task).module for task in tasks if task in VERIFIERS]
    if REQUESTS in describe(method).get("modules", ()):
        found += [MEASURES.unit(name).module for name in sorted(texts(method)) if name in MEASURES]
    return modules(SESSION, type(model), *([engine] if engine else []), *map(type, objectives), *dict.fromkeys(found))
