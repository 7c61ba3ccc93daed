"""Which of two ways a device computes in.

A CPU computes adapters and rows one after the other, without padding. On a GPU the start of a small kernel costs more
than its work: there all adapters of a forward share their products, and rows are padded to
share a call of attention. Every place that differs asks here, so that tests and counts can take the GPU's way anywhere:

with forced(batched=True):
    train_steps(model, adapters, tables, settings)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_forced: list[tuple[bool, bool]] = []


def batched(device: torch.device) -> bool:
    """Whether adapters and rows are taken together on this device: everywhere but on a CPU.

    Examples
    --------
    >>> batched(torch.device("cpu")), batched(torch.device("cuda"))
    (False, True)
    """
    return _forced[-1][0] if _forced else device.type != "cpu"


def grouped(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether `torch.nn.functional.grouped_mm` is one kernel: in bfloat16, on compute capability 9 (H100, H200); else
    it is as many as it has groups."""
    if _forced:
        return _forced[-1][1]
    return device.type == "cuda" and dtype == torch.bfloat16 and torch.cuda.get_device_capability(device)[0] == 9


@contextmanager
def forced(*, batched: bool, grouped: bool = False) -> Iterator[None]:
    """While this is open, every device computes in the way of a GPU (batched; grouped: that has `grouped_mm` in one
    kernel) or of a CPU."""
    _forced.append((batched, grouped))
    try:
        yield
    finally:
        _forced.pop()
