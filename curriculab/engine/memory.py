"""What a step takes of memory, as predicted and as measured."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import torch

from curriculab.engine.adapter import Adapter
from curriculab.engine.footprint import MIB, TRAINED
from curriculab.engine.model import Model
from curriculab.engine.packing import MICRO_BATCH
from curriculab.engine.waves import CPU_BYTES, CUDA_SHARE

FORWARD_SHARE = 0.5  # of what is free on CUDA, for a forward and backward; the rest is the cache's, and a margin
FEWEST_TOKENS, MOST_TOKENS = 512, 65_536  # of a forward on CUDA, where the free memory decides

STATM = Path("/proc/self/statm")  # Linux: pages that this process holds


def resident_bytes() -> int | None:
    """Bytes of memory that this process holds, torch and all; None where the system does not say."""
    if not STATM.exists():
        return None
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def memory_line(model: Model, adapters: int, tokens: int, before: int | None = None) -> str:
    """What a step takes, as predicted and as measured, in one line. tokens: of a forward and backward; before: bytes
    that were resident before the first step."""
    parts = model.memory(tokens)
    predicted = parts.weights + adapters * parts.adapter + parts.activations
    what = f"weights {parts.weights:.1f}, {adapters} adapters {adapters * parts.adapter:.1f}, {tokens:,} tokens"
    return f"memory: {predicted:,.1f} MiB predicted ({what} {parts.activations:.1f}), {_measured(model, before)}"


def _measured(model: Model, before: int | None) -> str:
    if model.device.type == "cuda":
        return f"{torch.cuda.max_memory_allocated(model.device) / MIB:,.0f} MiB measured on the device"
    now = resident_bytes()
    if now is None:
        return "not measured on this system"
    more = "" if before is None else f", {(now - before) / MIB:,.0f} more than before the first step"
    return f"{now / MIB:,.0f} MiB resident in this process, torch and all{more}"


def free_bytes(device: torch.device) -> int:
    """Bytes on a CUDA device that nothing holds, those that torch keeps for itself included."""
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def tokens_for(model: Model, owners: int, adapters: Sequence[Adapter]) -> int:
    """Tokens of one forward: on a CPU `MICRO_BATCH`, on CUDA what is free has room for, as a power of two, so that
    somewhat more or less of it rounds no number otherwise. owners: that will train an adapter each; adapters: that are
    there."""
    if model.device.type != "cuda":
        return MICRO_BATCH
    size = model.layout.size
    there = sum(4 if a.optimizer is None else TRAINED for a in adapters) * size
    to_come = max(0, TRAINED * size * max(owners, len(adapters)) - there)
    a_token = MIB * (model.memory(1025).activations - model.memory(1).activations) / 1024
    room = FORWARD_SHARE * (free_bytes(model.device) - to_come) / a_token
    return int(min(MOST_TOKENS, max(FEWEST_TOKENS, 2 ** math.floor(math.log2(max(1, room))))))


def cache_bytes_for(model: Model) -> int:
    """Bytes of keys and values at once."""
    return CPU_BYTES if model.device.type != "cuda" else int(CUDA_SHARE * free_bytes(model.device))
