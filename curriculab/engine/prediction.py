"""What a bench takes of memory, from shapes: weights, adapters, activations, logits, keys and values.

predict(model, train=[texts] * 6)      # six adapters, each with these rows in one step

The way forward and back is gone through on tensors without memory (`shapes_only`), so the prediction is of the code
that runs: packed rows, checkpointed layers and chunks of logits are counted as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch

from curriculab.engine.adapter import Adapter
from curriculab.engine.footprint import TRAINED, footprint, in_bytes
from curriculab.engine.head import vocabulary
from curriculab.engine.limits import MemoryLimits
from curriculab.engine.live_bytes import LiveBytes, shapes_only
from curriculab.engine.memory import cache_bytes_for, tokens_for
from curriculab.engine.model import Model
from curriculab.engine.packing import Pack, Work, likelihood, micro_batches, run_batch, work_of
from curriculab.engine.route import batched
from curriculab.engine.texts import Text
from curriculab.engine.waves import COMPACT, MOST_TOKENS, STRIDE, Prompt, Room, heads, place_bytes, split, waves

# Bytes of a token's logits while an answer's next token is drawn, a number of the vocabulary: logits, their logarithmic
# probabilities, probabilities (float32 each), and the same and their running sum in float64 (`generation.draw`).
DRAWN = 4 + 4 + 4 + 8 + 8


@dataclass(frozen=True)
class Prediction:
    """Bytes. activations and logits: at the height of a training step; cache: keys and values of the answers written at
    once; sampling: most of all that stands beside weights and adapters while answers are written; exact: found by
    going through the step's shapes, else estimated from the widths of linear layers (mixtures of experts, whose
    shapes depend on the router's choices).
    """

    weights: int
    adapters: int
    activations: int
    logits: int
    cache: int
    sampling: int
    exact: bool = True

    @property
    def peak(self) -> int:
        """The most at once: a training step and sampling take turns."""
        return self.weights + self.adapters + max(self.activations + self.logits, self.sampling)

    def parts(self) -> dict[str, int]:
        """The parts and the peak, by name."""
        found = asdict(self)
        return {name: found[name] for name in ("weights", "adapters", "activations", "logits", "cache")} | {
            "peak": self.peak
        }

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {in_bytes(size)}" for name, size in self.parts().items() if name != "peak" and size)
        return f"{in_bytes(self.peak)} ({parts})" + ("" if self.exact else ", roughly")


def predict(
    model: Model,
    *,
    train: Sequence[Sequence[Text]] = (),
    write: Sequence[Prompt] = (),
    adapters: int | None = None,
    limits: MemoryLimits | None = None,
) -> Prediction:
    """Predict what training steps and sampling take.

    Parameters
    ----------
    model : Model
    train : sequence of sequences of Text
        The rows of one step of each adapter.
    write : sequence of Prompt
        What is continued in one call.
    adapters : int, optional
        How many there are in all; those of `train` if left out.
    limits : MemoryLimits, optional
        Of the bench.

    Returns
    -------
    Prediction

    Examples
    --------
    >>> import curriculab as cl
    >>> model, pool = cl.load_model("pocket", bits=32, device="cpu"), cl.load_pool("ladder", n=40, seed=0)
    >>> found = predict(model, train=[model.encode(pool.iloc[:8])] * 2)
    >>> found.exact, found.adapters == 2 * 16 * model.layout.size, found.peak > found.weights + found.activations
    (True, True, True)
    """
    limits = limits or MemoryLimits()
    adapters = len(train) if adapters is None else adapters
    weights = int(footprint(model.base, model.layout, 0).weights * 2**20)
    weights += min(model.unpacked.needed, model.unpacked.budget)  # out of 4 or 8 bits, kept on a CPU
    budget = limits.max_tokens_per_forward or tokens_for(model, adapters, [])
    activations, logits, exact = _step(model, train, limits, budget) if train else (0, 0, True)
    cache, sampling = _sampling(model, write, limits) if write else (0, 0)
    taken = TRAINED * model.layout.size * adapters
    return Prediction(weights, taken, activations, logits, cache, sampling, exact)


def _step(model: Model, train: Sequence[Sequence[Text]], limits: MemoryLimits, budget: int) -> tuple[int, int, bool]:
    """Bytes of activations and of logits at the height of the largest forward and backward of a step."""
    recompute = limits.gradient_checkpointing
    works = [replace(work_of(model, None, list(texts)), recompute=recompute) for texts in train]
    batch = max(micro_batches(works, budget), key=_tokens)
    try:
        live = _gone_through(model, works, batch)
    except Exception:  # noqa: BLE001, of code whose shapes hang on numbers; the step itself may well run
        parts = footprint(model.base, model.layout, _tokens(batch)) - footprint(model.base, model.layout, 0)
        head = 12 * vocabulary(model.base) * _tokens(batch)
        return max(0, int(parts.activations * 2**20) - head), head, False
    return live.peak - live.logits, live.logits, True


def _gone_through(model: Model, works: Sequence[Work], batch: list[tuple[int, list[Pack]]]) -> LiveBytes:
    used = {i for i, _ in batch}
    with shapes_only(model.base):
        works = [replace(w, adapter=_open(model)) if i in used else w for i, w in enumerate(works)]
        with LiveBytes(vocabulary(model.base)) as live:
            values, _ = run_batch(model, works, batch, likelihood, grad=True)
            values.sum().backward()
            del values
    return live


def _open(model: Model) -> Adapter:
    """An adapter that gradients can be added to, within shapes_only."""
    adapter = Adapter.zero(model.layout, model.device)
    adapter.weights.grad = torch.zeros_like(adapter.weights)
    adapter.gradients = model.layout.cut(adapter.weights.grad)
    return adapter


def _tokens(batch: list[tuple[int, list[Pack]]]) -> int:
    return sum(len(pack) for _, packs in batch for pack in packs)


def _sampling(model: Model, write: Sequence[Prompt], limits: MemoryLimits) -> tuple[int, int]:
    """Bytes of keys and values of the largest wave, and of all that stands beside weights and adapters meanwhile: the
    prompts' own beside the answers' while these are copied, or the logits while tokens are drawn."""
    place, by_length = place_bytes(model), not batched(model.device)
    one = place * max(layers := heads(model.base.config)) // (2 * sum(layers))  # keys, or values, of the widest layer
    size = limits.kv_cache_bytes or cache_bytes_for(model)
    most = np.inf if limits.kv_cache_bytes else MOST_TOKENS[model.device.type]
    room = Room(size // place, most, by_length)
    parts = [prompt for _, prompt in split(write, room)]
    found = []
    for wave in waves(parts, range(len(parts)), room):
        own = [parts[i] for i in wave]
        kinds: dict[int, tuple[int, int, int]] = {}
        for prompt in own:
            final = len(prompt.tokens) + prompt.max_new_tokens + COMPACT
            n, read, longest = kinds.get(room.kind(final), (0, 0, 0))
            kinds[room.kind(final)] = n + prompt.n, read + prompt.n * len(prompt.tokens), max(longest, final)
        cache = place * sum(n * -(-longest // STRIDE) * STRIDE for n, _, longest in kinds.values())
        copied = one * max(read for _, read, _ in kinds.values()) + place * sum(len(prompt.tokens) for prompt in own)
        drawn = DRAWN * vocabulary(model.base) * sum(prompt.n for prompt in own)
        found.append((cache, cache + max(copied, drawn)))
    return max(found, key=lambda pair: pair[1])
