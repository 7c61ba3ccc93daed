"""The head of a model and what is read off its logits, in chunks where the logits of all wanted tokens would be large.

2,048 learned tokens of a vocabulary of 152,000 have 1.2 GB of logits in float32, and three times that while their loss
goes forward and back. Above `LOGITS_BYTES` the states behind the last layer are kept instead; the logits of a chunk of
them are made, read and dropped, and made again on the way back. The head is what the model's own class does with these
states, caps and scales included.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.utils.checkpoint import checkpoint

from curriculab.engine.adapter import FEWEST
from curriculab.engine.plan import Plan, running

# Bytes of float32 logits at once. Models with small vocabularies stay below it: there chunks would only cost time.
LOGITS_BYTES = 2**28

# What is made of logits (n, vocabulary) of the wanted tokens at these places among all of them: (..., n).
ReadPlaces = Callable[[torch.Tensor, slice], torch.Tensor]


def body_of(base: torch.nn.Module) -> torch.nn.Module:
    """The model beneath the head."""
    inner = base.base_model
    return base.model if inner is base else inner  # Llama 4's text model goes by the name it has beside images


def vocabulary(base: torch.nn.Module) -> int:
    """How many logits a token has."""
    return int(base.get_output_embeddings().weight.shape[0])


def exceeds(base: torch.nn.Module, tokens: int) -> bool:
    """Whether the logits of so many tokens are more than may be there at once."""
    return 4 * tokens * vocabulary(base) > LOGITS_BYTES


def chunks(tokens: int, vocabulary: int) -> list[slice]:
    """Equal stretches whose logits are at most `LOGITS_BYTES`, but never of fewer than `FEWEST` tokens, of which the
    rounding would depend on the chunk.

    Examples
    --------
    >>> [(c.start, c.stop) for c in chunks(2048, 152_000)]
    [(0, 409), (409, 819), (819, 1228), (1228, 1638), (1638, 2048)]
    """
    most = max(FEWEST, LOGITS_BYTES // (4 * vocabulary))
    count = min(-(-tokens // most), max(1, tokens // FEWEST))
    ends = [tokens * i // count for i in range(count + 1)]
    return [slice(start, end) for start, end in zip(ends[:-1], ends[1:], strict=True)]


def read_in_chunks(
    base: torch.nn.Module, plan: Plan, body: object, states: torch.Tensor, read: ReadPlaces
) -> torch.Tensor:
    """What `read` makes of the logits behind states (n, d), (..., n).

    body: what the model made beneath its head, all else of which goes to the head as it is.
    """
    parts = chunks(len(states), vocabulary(base))
    return torch.cat([read_once(base, plan, body, states[part], read, part) for part in parts], -1)


def read_once(
    base: torch.nn.Module,
    plan: Plan,
    body: object,
    states: torch.Tensor,
    read: ReadPlaces,
    places: slice,
    pick: torch.Tensor | None = None,
) -> torch.Tensor:
    """The same of one chunk, whose logits are made again on the way back. pick: of which of these states."""

    def head(states: torch.Tensor) -> torch.Tensor:
        with running(plan), _in_place_of_body(base, body, states):
            logits = base(inputs_embeds=states[None], use_cache=False).logits[0]
        return read((logits if pick is None else logits[pick]).float(), places)

    if not torch.is_grad_enabled():
        return head(states)
    return checkpoint(head, states, use_reentrant=False, preserve_rng_state=False)


@contextmanager
def _in_place_of_body(base: torch.nn.Module, body: object, states: torch.Tensor) -> Iterator[None]:
    """While this is open, the model beneath the head gives these states and computes nothing."""
    called = []

    def forward(*args: object, **kwargs: object) -> object:
        called.append(True)
        return dataclasses.replace(body, last_hidden_state=states[None])

    inner = [m for m in {body_of(base), base.get_decoder()} if m is not base]  # OPT's head stands on its decoder
    own = [vars(module).get("forward") for module in inner]
    for module in inner:
        module.forward = forward
    try:
        yield
    finally:
        for module, before in zip(inner, own, strict=True):
            if before is None:
                del module.forward
            else:
                module.forward = before
    if len(called) != 1:
        raise NotImplementedError(f"the head of {base.config.model_type!r} cannot be computed in chunks")
