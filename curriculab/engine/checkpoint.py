"""Adapters of all owners on disk: weights and optimiser states in one `adapters.safetensors`, without the base.

Its keys are JSON lists: '["easy first", 0, "learner", "weights"]' is variant, seed, role and part.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open

from curriculab.engine.adapter import Adapter
from curriculab.engine.model import Model
from curriculab.protocol import Owner

FILE = "adapters.safetensors"


def write_adapters(
    adapters: Mapping[Owner, Mapping[str, Adapter]], folder: Path, limits: Mapping[str, int | None]
) -> None:
    """Write every adapter with its optimiser state, and limits by name, such as the tokens of one forward."""
    from safetensors.torch import save_file

    named = {}
    for owner, own in adapters.items():
        for role, adapter in own.items():
            for name, tensor in adapter.state().items():
                named[json.dumps([*owner, role, name])] = tensor.contiguous().cpu().clone()
    save_file(named, folder / FILE, metadata={k: str(v) for k, v in limits.items() if v is not None})


def read_adapters(model: Model, folder: Path) -> dict[Owner, dict[str, Adapter]]:
    """The adapters of a checkpoint by owner and role; training them goes on to the same bits."""
    states: dict[tuple[str, int, str], dict[str, torch.Tensor]] = {}
    with safe_open(folder / FILE, "pt") as file:
        for key in file.keys():  # noqa: SIM118, it is no dictionary
            variant, seed, role, name = json.loads(key)
            copied = file.get_tensor(key).clone()  # else it would stay a window on the file
            states.setdefault((variant, seed, role), {})[name] = copied
    found: dict[Owner, dict[str, Adapter]] = {}
    for (variant, seed, role), state in states.items():
        if state["weights"].shape != (model.layout.size,):
            raise ValueError(f"{folder} holds adapters of another shape than {model!r}")
        found.setdefault((variant, seed), {})[role] = Adapter.from_state(model.layout, state, model.device)
    return found


def read_limits(folder: Path) -> dict[str, int]:
    """The limits that held when the checkpoint was written, those that were set; older ones have `micro_batch` alone.

    Raises
    ------
    ValueError
        One of them is not a number.
    """
    with safe_open(folder / FILE, "pt") as file:
        return {name: int(value) for name, value in (file.metadata() or {}).items() if name != "format"}
