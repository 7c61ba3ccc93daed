"""Gradient checkpointing (Chen et al. 2016): layers keep their input alone and are computed again on the way back.

What a layer needs beside its input stands in the plan of the forward, which is over by then: it is put back for as long
as the layer is computed again. Gradients are those of a step without checkpointing (on a CPU bit-identical); a step
takes about a third longer, for one more forward.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from types import MethodType

import torch
from torch.utils.checkpoint import checkpoint

from curriculab.engine.plan import active_plans, running


def decoder_layers(base: torch.nn.Module) -> list[torch.nn.Module]:
    """The layers of a model that transformers lets be computed again, outermost ones only; empty where none is."""
    from transformers.modeling_layers import GradientCheckpointingLayer

    found: dict[str, torch.nn.Module] = {}
    for name, module in base.named_modules():  # a layer comes before what is in it
        if isinstance(module, GradientCheckpointingLayer) and not any(name.startswith(f"{n}.") for n in found):
            found[name] = module
    return list(found.values())


def checkpoint_layers(base: torch.nn.Module) -> None:
    """Let the layers of a model follow `Plan.recompute`; done once a model, and without effect on other plans.

    Raises
    ------
    ValueError
        The model has no layers that can be computed again.
    """
    layers = decoder_layers(base)
    if not layers:
        raise ValueError(
            f"the layers of {base.config.model_type!r} cannot be computed again on the way back; leave "
            "gradient_checkpointing out, or lower max_tokens_per_forward"
        )
    for layer in layers:
        if not getattr(layer.forward, "recomputes", False):
            layer.forward = MethodType(_recomputing(layer.forward), layer)


def _recomputing(own: Callable) -> Callable:
    def forward(self, *args: object, **kwargs: object) -> object:
        plan = active_plans[-1] if active_plans else None
        if plan is None or not plan.recompute or not torch.is_grad_enabled():
            return own(*args, **kwargs)
        return checkpoint(
            own,
            *args,
            use_reentrant=False,
            preserve_rng_state=False,  # nothing is drawn: dropout is off
            context_fn=lambda: (nullcontext(), running(plan)),
            **kwargs,
        )

    forward.recomputes = True
    return forward
