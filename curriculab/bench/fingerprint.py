"""What decides a run beside its method: the modules of the training session, of the engine and of the objectives."""

from __future__ import annotations

from collections.abc import Iterable

from curriculab.registry.fingerprint import modules

SESSION = "curriculab.bench.session"  # where the imports are followed from: a name, since the session imports this


def run_modules(model: object, objectives: Iterable[object]) -> dict[str, str]:
    """Digests of all modules that train and test a run, by name."""
    engine = getattr(model, "backend_class", None)  # the class that trains, samples and scores with this model
    return modules(SESSION, type(model), *([engine] if engine else []), *map(type, objectives))
