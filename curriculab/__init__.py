"""curriculab: does this curriculum help?  A workbench for curriculum learning of language models."""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

_HOME = {
    "load_pool": "pool",
    "split": "pool",
    "after": "pool",
    "steps": "pool",
    "PoolError": "pool",
    "load_model": "models",
    "check": "check",
    "Bench": "bench",
    "Budget": "loop",
    "compare": "statistics",
    "simulate": "simulation",
    "Runs": "runs",
    "load_runs": "runs",
    "import_runs": "runs",
    "truth_test": "truth",
    **{
        name: "requests"
        for name in (
            "Sample",
            "Score",
            "Train",
            "Copy",
            "Use",
            "Piece",
            "say",
            "tell",
            "splice",
            "ask",
            "Run",
            "Check",
            "Sft",
            "Grpo",
            "Pair",
        )
    },
}
_ROOMS = (
    "difficulty",
    "draws",
    "figures",
    "methods",
    "models",
    "pool",
    "report",
    "requests",
    "rewards",
    "runs",
    "simulation",
    "statistics",
    "tables",
    "tasks",
    "widgets",
)
__all__ = sorted([*_HOME, *_ROOMS])


def __getattr__(name: str) -> object:
    """Modules are imported when they are first used, so that `import curriculab` costs next to nothing."""
    if name in _HOME:
        value = getattr(importlib.import_module(f"curriculab.{_HOME[name]}"), name)
    elif name in _ROOMS:
        value = importlib.import_module(f"curriculab.{name}")
    else:
        raise AttributeError(f"curriculab has no {name!r}; it has {', '.join(__all__)}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
