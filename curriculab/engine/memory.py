"""What a step takes of memory, as predicted and as measured."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from curriculab.engine.footprint import MIB
from curriculab.engine.model import Model

STATM = Path("/proc/self/statm")  # Linux: pages that this process holds


def memory_line(model: Model, adapters: int, tokens: int) -> str:
    """What a step takes, as predicted and as measured, in one line. tokens: of a forward and backward."""
    parts = model.memory(tokens)
    predicted = parts.weights + adapters * parts.adapter + parts.activations
    what = f"weights {parts.weights:.1f}, {adapters} adapters {adapters * parts.adapter:.1f}, {tokens:,} tokens"
    return f"memory: {predicted:,.1f} MiB predicted ({what} {parts.activations:.1f}), {_measured(model)}"


def _measured(model: Model) -> str:
    if model.device.type == "cuda":
        return f"{torch.cuda.max_memory_allocated(model.device) / MIB:,.0f} MiB measured on the device"
    if not STATM.exists():
        return "not measured on this system"
    pages = int(STATM.read_text().split()[1])
    return f"{pages * os.sysconf('SC_PAGE_SIZE') / MIB:,.0f} MiB resident in this process, torch and all"
