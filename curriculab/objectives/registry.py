"""All objectives by name: this package's files, and those that other packages offer as "curriculab.objectives"."""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Callable, Mapping
from typing import Any

from curriculab.objectives.objective import Objective
from curriculab.registry.registry import Registry

OBJECTIVES = Registry("objective", "curriculab.objectives")

ALIASES = {"lr": "learning_rate", "warmup_ratio": "warmup_steps"}  # accepted when an objective is made
ELSEWHERE = {  # settings of TRL and of the bench that are not an objective's here
    "per_device_train_batch_size": "Bench(batch_size=)",
    "batch_size": "Bench(batch_size=)",
    "num_generations": "Bench(num_generations=)",
    "rollouts": "Bench(num_generations=)",
    "temperature": "Bench(temperature=)",
    "max_steps": "Budget(steps=)",
    "num_train_epochs": "Budget(steps=)",
    "steps": "Budget(steps=)",
    "tokens": "Budget(tokens=)",
    "seed": "bench.run(seeds=)",
    "bf16": "load_model(dtype=)",
    "max_new_tokens": "max_completion_length",
}


def objective(name: str) -> Callable[[type[Objective]], type[Objective]]:
    """Decorate the class of an objective to enter it by this name.

    Parameters
    ----------
    name : str
        By which a bench, a simulation or a Train asks for it with its default settings.

    Raises
    ------
    TypeError
        Where the class is no frozen dataclass that derives from `Objective`.
    """

    def enter(kind: type[Objective]) -> type[Objective]:
        frozen = dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen
        if not (frozen and issubclass(kind, Objective)):
            raise TypeError(
                f"the objective {name!r}: {kind.__name__} must be a frozen dataclass derived from Objective"
            )
        kind.name = name
        kind.__init__ = _naming(kind)
        return OBJECTIVES.register(name)(kind)

    return enter


def as_objective(wanted: str | Objective) -> Objective:
    """The settings that a name stands for (its defaults), or the settings themselves."""
    if isinstance(wanted, Objective):
        return wanted
    if isinstance(wanted, str) and wanted in OBJECTIVES:
        return OBJECTIVES[wanted]()
    raise ValueError(
        f"objective={wanted!r}; choose among {', '.join(OBJECTIVES)}, or give a setting such as Sft(lr=1e-3)"
    )


def resolve(objectives: Mapping[str, Objective], wanted: str | Objective | None = None) -> Objective:
    """The settings that a Train means: its own, the bench's of that name, or the bench's first.

    Parameters
    ----------
    objectives : mapping of str to Objective
        The bench's settings of each objective by name, the first being the default.
    wanted : str or Objective, optional
        `Train.objective`.
    """
    wanted = wanted or next(iter(objectives))
    return as_objective(objectives.get(wanted, wanted) if isinstance(wanted, str) else wanted)


def _naming(kind: type[Objective]) -> Callable[..., None]:
    """The class's `__init__`, which takes other names for settings too and answers unknown ones in one line."""
    plain = kind.__init__
    known = [f.name for f in dataclasses.fields(kind) if f.init]

    @functools.wraps(plain)
    def init(self: Objective, *args: Any, **settings: Any) -> None:
        plain(self, *args, **_settled(kind, known, settings))

    return init


def _settled(kind: type[Objective], known: list[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for given, value in settings.items():
        name = ALIASES.get(given, given)
        if name not in known:
            raise TypeError(_refusal(kind, known, given, value))
        if name != given and name in settings:
            raise TypeError(f"{kind.__name__}({name}=, {given}=): both mean the same; give one")
        if given == "warmup_ratio" and not 0 <= value < 1:
            raise ValueError(f"{kind.__name__}(warmup_ratio={value!r}); give a share of the steps from 0 to below 1")
        found[name] = value
    return found


def _refusal(kind: type[Objective], known: list[str], given: str, value: object) -> str:
    """One line: what to write instead."""
    call = f"{kind.__name__}({given}={value!r})"
    instead = kind.renamed.get(given) or ELSEWHERE.get(given)
    if instead:
        return f"{call}: write {instead}"
    near = difflib.get_close_matches(given, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{call}: {kind.__name__} has no setting {given!r}; {hint}it has {', '.join(known)}"
