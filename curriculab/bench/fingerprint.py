"""What decides a run beside its method: the modules of the training session, with the engine and the objectives."""

from __future__ import annotations

from collections.abc import Iterable

from curriculab.registry.fingerprint import modules

SESSION = "curriculab.bench.session"  # where the imports are followed from: a name, since the session imports this


def run_modules(objectives: Iterable[object]) -> dict[str, str]:
    """Digests of all modules that train and test a run, by name."""
    return modules(SESSION, *map(type, objectives))
