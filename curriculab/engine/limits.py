"""How much memory a bench may take at once: what is computed again, tokens of a forward, bytes of keys and values."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class MemoryLimits:
    """Limits that a bench sets; None leaves one to the device.

    gradient_checkpointing: layers are computed again on the way back, which changes no number; max_tokens_per_forward:
    of training, scoring and the reading of prompts, which changes rounding; kv_cache_bytes: keys and values of the
    answers that are written at once.

    Examples
    --------
    >>> MemoryLimits(max_tokens_per_forward=4096).given()
    {'max_tokens_per_forward': 4096}
    """

    gradient_checkpointing: bool = False
    max_tokens_per_forward: int | None = None
    kv_cache_bytes: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.gradient_checkpointing, bool):
            raise ValueError(f"gradient_checkpointing={self.gradient_checkpointing!r}; give True or False")
        for name, example in (("max_tokens_per_forward", 4096), ("kv_cache_bytes", 2**30)):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if value is not None and (not whole or value < 1):
                raise ValueError(f"{name}={value!r}; give a whole number from 1 on, such as {name}={example}, or None")

    def given(self) -> dict[str, object]:
        """What was set, as plain JSON."""
        return {name: value for name, value in asdict(self).items() if value not in (None, False)}


class KvCacheBytes(int):
    """Bytes of keys and values at once, where a plain number would mean tokens of one forward.

    Examples
    --------
    >>> KvCacheBytes(2**20) == 2**20, isinstance(KvCacheBytes(1), int)
    (True, True)
    """
