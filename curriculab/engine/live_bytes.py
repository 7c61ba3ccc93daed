"""Bytes of tensors that are alive at once: measured while something runs, or found from shapes alone.

    with LiveBytes(vocabulary=512) as live:
        train_steps(model, adapters, tables, settings)
    live.peak, live.logits          # most bytes at once, and how many of them were logits then

Under `shapes_only` the same code runs on tensors that have a shape and a device but no memory: nothing is computed, and
the peak is the one that the real run will have, up to what single kernels take for themselves.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class LiveBytes(TorchDispatchMode):
    """Counts the storages that operations make while this is open; what is there before is not counted.

    vocabulary: tensors whose last axis is this long are logits.

    Examples
    --------
    >>> import torch
    >>> x = torch.zeros(1000)
    >>> with LiveBytes() as live:
    ...     y = (x + 1).exp()  # the sum is alive beside its exponential, and gone after it
    >>> live.peak, live.now
    (8000, 4000)
    """

    def __init__(self, vocabulary: int = 0) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.now = self.peak = self.logits = self._logits = 0
        self._sizes: dict[int, tuple[int, bool]] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        for x in tree_iter((args, kwargs)):
            if isinstance(x, torch.Tensor):
                self._see(x, counted=False)
        out = func(*args, **(kwargs or {}))
        for x in tree_iter(out):
            if isinstance(x, torch.Tensor):
                self._see(x, counted=True)
        return out

    def _see(self, x: torch.Tensor, *, counted: bool) -> None:
        storage = x.untyped_storage()
        key = storage._cdata
        if key in self._sizes:
            return
        size, logits = storage.nbytes() * counted, bool(x.dim()) and x.shape[-1] == self.vocabulary
        self._sizes[key] = size, logits
        self.now += size
        self._logits += size * logits
        if self.now > self.peak:
            self.peak, self.logits = self.now, self._logits
        weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        size, logits = self._sizes.pop(key, (0, False))
        self.now -= size
        self._logits -= size * logits


@contextmanager
def shapes_only(base: torch.nn.Module) -> Iterator[None]:
    """While this is open, operations give shapes and compute nothing; what modules kept of it is forgotten after."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    before = [(m, dict(vars(m)), dict(m._buffers)) for m in base.modules()]
    states = [(s, dict(vars(s))) for m in base.modules() if hasattr(s := vars(m).get("state"), "__dict__")]
    stores = {id(s): s for m in base.modules() if (s := vars(m).get("unpacked")) is not None}
    budgets = [(store, store.budget) for store in stores.values()]
    for store in stores.values():
        store.budget = 0  # a weight without memory must not be kept
    try:
        with FakeTensorMode(allow_non_fake_inputs=True):
            yield
    finally:
        for store, budget in budgets:
            store.budget = budget
        for module, attributes, buffers in before:
            vars(module).clear()
            vars(module).update(attributes)
            module._buffers.clear()
            module._buffers.update(buffers)
        for state, attributes in states:  # of bitsandbytes' 8-bit layers
            vars(state).clear()
            vars(state).update(attributes)
