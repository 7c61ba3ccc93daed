"""What a step takes of memory, as predicted and as measured."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from curriculab.engine.adapter import Adapter
from curriculab.engine.allocator import resident_bytes
from curriculab.engine.footprint import MIB, TRAINED, in_bytes
from curriculab.engine.model import Model
from curriculab.engine.packing import MICRO_BATCH
from curriculab.engine.waves import CPU_BYTES, CUDA_SHARE

FORWARD_SHARE = 0.5  # of what is free on CUDA, for a forward and backward; the rest is the cache's, and a margin
# Bytes of shared pages that a copy of this process writes to, reference counts of Python objects above all: two benches
# of the pocket model on two processes took 53 and 118 MiB more than their steps.
COPIED = 80 * MIB
FEWEST_TOKENS, MOST_TOKENS = 512, 65_536  # of a forward on CUDA, where the free memory decides


def memory_line(parts: Mapping[str, int], adapters: int, added: int | None, *, processes: int = 1) -> str:
    """What a bench adds to the memory that was taken before it, as predicted and as measured, in one line.

    parts: bytes by name as `Prediction.parts` gives them, of one process; adapters: in all processes; added: measured.
    """
    step = parts["activations"] + parts["logits"]
    answers = parts["peak"] - parts["weights"] - parts["adapters"]
    what = f"{adapters} adapters {in_bytes(parts['adapters'] * processes)}, a step {in_bytes(step * processes)}"
    if answers > step:  # a step and answers take turns, and the larger counts
        what += f", or answers {in_bytes(answers * processes)}"
    predicted = in_bytes((parts["peak"] - parts["weights"]) * processes + COPIED * (processes - 1))
    shared = f" by {processes} processes" if processes > 1 else ""
    measured = "not measured on this system" if added is None else f"{in_bytes(max(added, 0))} measured{shared}"
    return f"memory added by the bench: {predicted} predicted ({what}), {measured}"


def held_bytes(device: torch.device) -> int | None:
    """Bytes that this process holds on its device: on CUDA the most that tensors took, on a CPU what is resident, with
    what the processes that it started have for themselves; None where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    own = resident_bytes()
    if own is None:
        return None
    return own + sum(private_bytes(process.pid) for process in multiprocessing.active_children())


def private_bytes(process: int) -> int:
    """Bytes that another process holds and shares with none; 0 of one that is gone."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


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
