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


def write_adapters(adapters: Mapping[Owner, Mapping[str, Adapter]], folder: Path, micro_batch: int) -> None:
    """Write every adapter with its optimiser state, and the tokens that one forward may hold."""
    from safetensors.torch import save_file

    named = {}
    for owner, own in adapters.items():
        for role, adapter in own.items():
            for name, tensor in adapter.state().items():
                named[json.dumps([*owner, role, name])] = tensor.contiguous().cpu().clone()
    save_file(named, folder / FILE, metadata={"micro_batch": str(micro_batch)})


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


def read_micro_batch(folder: Path) -> int:
    """Tokens that one forward could hold when the checkpoint was written."""
    with safe_open(folder / FILE, "pt") as file:
        return int(file.metadata()["micro_batch"])
