"""curriculab: does this curriculum help?  A workbench for curriculum learning of language models."""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

_HOME = {
    "load_pool": "data.sources",
    "split": "data.splitting",
    "after": "data.mapping",
    "steps": "data.mapping",
    "PoolError": "data.validation",
    "load_model": "engine.loading",
    "check": "widgets.machine",
    "Bench": "bench.bench",
    "Budget": "bench.budget",
    "compare": "statistics",
    "simulate": "bench.simulate",
    "Runs": "runs",
    "load_runs": "runs",
    "import_runs": "runs",
    "truth_test": "bench.sanity",
    "Check": "methods.check",
    "Sft": "objectives.sft",
    "Grpo": "objectives.grpo",
    "Pair": "objectives.pair",
    **{name: "environments.turns" for name in ("say", "tell", "splice", "ask")},
    **{name: "protocol" for name in ("Sample", "Score", "Train", "Copy", "Use", "Piece", "Run")},
}
_PACKAGES = (
    "bench",
    "data",
    "difficulty",
    "engine",
    "environments",
    "figures",
    "methods",
    "objectives",
    "paper",
    "protocol",
    "registry",
    "rewards",
    "runs",
    "simulation",
    "statistics",
    "widgets",
)
_MODULES = {"tables": "paper.tables", "report": "paper.report"}
__all__ = sorted([*_HOME, *_PACKAGES, *_MODULES])


def __getattr__(name: str) -> object:
    """Modules are imported when they are first used, so that `import curriculab` costs next to nothing."""
    if name in _HOME:
        value = getattr(importlib.import_module(f"curriculab.{_HOME[name]}"), name)
    elif name in _PACKAGES:
        value = importlib.import_module(f"curriculab.{name}")
    elif name in _MODULES:
        value = importlib.import_module(f"curriculab.{_MODULES[name]}")
    else:
        raise AttributeError(f"curriculab has no {name!r}; it has {', '.join(__all__)}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
