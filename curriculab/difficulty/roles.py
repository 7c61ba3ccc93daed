"""The models and adapters that a measure asks, by role."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from curriculab.protocol import Ask, Backend
from curriculab.registry.fingerprint import modules

ROLES = ("role", "roles", "teacher", "judge")  # knobs that name who is asked
OWNER = "difficulty"  # variant of a measure's adapters, as a backend keeps them


class LanguageModel(Protocol):
    """What a measure needs of a model; `load_model` returns such a one."""

    def tokens(self, text: str) -> np.ndarray:
        """Token numbers of a text, (tokens,)."""

    def lengths(self, rows: pd.DataFrame, *, answers_only: bool = False) -> pd.Series:
        """Tokens of every row, prompt and learned answer, or of the answer alone."""

    def digest(self) -> str:
        """What decides the model's numbers."""

    def load_adapter(self, folder: str | Path) -> object:
        """An adapter that was saved."""

    def backend(self, objectives: Mapping | None = None, **settings: object) -> Backend:
        """The backend that answers requests with this model."""


class ModelRoles:
    """The model with an adapter ("learner"; without one the bare base, "base"), and others that knobs name."""

    def __init__(self, model: LanguageModel | None, adapter: object | str | Path | None = None) -> None:
        self.model, self.reference_models, self.adapters = model, {}, {}
        if adapter is not None:
            if model is None:
                raise ValueError("an adapter is of a model; give the model too")
            self.adapters["learner"] = self.loaded(adapter)

    def settle(self, measure: Callable, given: Mapping[str, object], seed: int) -> dict[str, object]:
        """All knobs of a measure as they will be used: roles by name, the base where no adapter was given."""
        name, known = measure.__name__, inspect.signature(measure.requests).parameters
        for knob in given:
            if knob not in known or knob == "pool":
                options = ", ".join(k for k in known if k != "pool") or "none"
                raise ValueError(f"{name} has no knob {knob!r}; it has {options}")
        knobs = {k: p.default for k, p in known.items() if k != "pool"} | dict(given)
        if "seed" in knobs:
            knobs["seed"] = seed
        for knob in knobs.keys() & set(ROLES):
            value = knobs[knob]
            many = isinstance(value, list | tuple)
            roles = tuple(self._role(name, knob, v) for v in (value if many else [value]))
            knobs[knob] = roles if many else roles[0]
        return knobs

    def _role(self, name: str, knob: str, value: object) -> str:
        if value is None:
            raise ValueError(f"{name}: nobody to ask; give {knob}=, a model or an adapter of the model")
        if isinstance(value, str):
            if value == "learner" and "learner" not in self.adapters:
                return "base"
            if value not in ("learner", "base", "init", *self.reference_models, *self.adapters):
                raise ValueError(f"{name}: {knob}={value!r} is a role of methods; give the model or adapter itself")
            return value
        if value is self.model:
            return "base"
        home = self.reference_models if hasattr(value, "tokenizer") else self.adapters
        known = next((role for role, one in home.items() if one is value), None)
        if known is None:
            known = f"{knob} {len(self.reference_models) + len(self.adapters)}"
            home[known] = value
        return known

    def modules(self, measure: Callable) -> dict[str, str]:
        """Digests of the modules that decide a measure's numbers, those of the engine that answers it included."""
        engine = getattr(self.model, "backend_class", None)
        return modules(measure.requests, *([type(self.model), engine] if engine else []))

    def digests(self, knobs: Mapping[str, object]) -> dict[str, str]:
        """What decides the numbers of everybody a measure asks, by role."""
        if self.model is None:
            return {}
        roles = [r for k in ROLES if k in knobs for r in (knobs[k] if isinstance(knobs[k], tuple) else [knobs[k]])]
        return {"model": self.model.digest()} | {role: self._digest(role) for role in roles}

    def _digest(self, role: str) -> str:
        if role in self.reference_models:
            return self.reference_models[role].digest()
        if role in self.adapters:
            weights = self.adapters[role].weights.detach().cpu().numpy()
            return hashlib.blake2b(weights.tobytes(), digest_size=8).hexdigest()
        return role

    def loaded(self, adapter: object | str | Path) -> object:
        """An adapter, read where it is given as the folder of a saved one."""
        return self.model.load_adapter(adapter) if isinstance(adapter, str | Path) else adapter

    def backend(self, seed: int, max_new_tokens: int | None = None) -> Backend:
        """The backend that answers for these roles."""
        if self.model is None:
            return NoModel()
        adapters = {(OWNER, seed): self.adapters}
        how = {"adapters": adapters, "max_new_tokens": max_new_tokens}
        return self.model.backend(reference_models=self.reference_models, **how)


def longest_answer(pool: pd.DataFrame, model: LanguageModel) -> int | None:
    """Tokens of the longest text to learn in the pool, its end included: room for an answer, as on a bench."""
    if not {"prompt", "answer"} <= {*pool}:
        return None
    # A prompt that is no text is refused by the measure that reads it, in a line that names the row.
    texts = [isinstance(p, str) and isinstance(a, str) for p, a in zip(pool["prompt"], pool["answer"], strict=True)]
    known = pool[np.array(texts, bool)]
    return int(model.lengths(known, answers_only=True).max()) if len(known) else None


class NoModel:
    """Stands where no model was given: measures from what was observed need none, all others say so."""

    def answer(self, asks: Sequence[Ask]) -> list[Exception]:
        return [ValueError("reads the rows with a model; give one, such as cl.load_model()") for _ in asks]
