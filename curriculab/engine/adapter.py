"""LoRA adapters: one flat vector with views, saved in PEFT's format."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from curriculab.engine.lora import refuse_other_adapter

FEWEST = 8  # tokens in a forward: below, a CPU multiplies rows in another order and bits depend on the neighbours


@dataclass(frozen=True)
class Entry:
    """One adapted weight: where its A (r, in) and, behind it, its B (out, r) stand in the flat vector.

    experts: of a mixture's stack of weights, each with r rows of A and r columns of B of its own, as PEFT's
    `target_parameters` has them; 1 for a linear layer.
    """

    name: str
    in_features: int
    out_features: int
    start: int
    experts: int = 1

    def size(self, rank: int) -> int:
        """Numbers in A and B together."""
        return rank * self.experts * (self.in_features + self.out_features)


@dataclass(frozen=True)
class Layout:
    """How a flat adapter vector is cut into matrices; shared by all adapters of a model."""

    entries: tuple[Entry, ...]
    rank: int
    alpha: float
    rank_stabilised: bool = False

    @property
    def scale(self) -> float:
        """What B A x is multiplied by: alpha / r, or alpha / sqrt(r) (Kalajdzievski 2023, rsLoRA)."""
        return self.alpha / (math.sqrt(self.rank) if self.rank_stabilised else self.rank)

    @property
    def size(self) -> int:
        last = self.entries[-1]
        return last.start + last.size(self.rank)

    def cut(self, flat: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Views (A, B) of every layer; B lies transposed in memory, which multiplies faster."""
        views = []
        for e in self.entries:
            rank = self.rank * e.experts
            middle = e.start + rank * e.in_features
            a = flat[e.start : middle].view(rank, e.in_features)
            views.append((a, flat[middle : middle + rank * e.out_features].view(rank, e.out_features).T))
        return views


class Adapter:
    """Weights of one variant (float32), with gradient and AdamW state once it has been trained."""

    def __init__(self, layout: Layout, weights: torch.Tensor) -> None:
        self.layout, self.weights = layout, torch.nn.Parameter(weights)
        self.matrices = layout.cut(self.weights.data)
        self.gradients: list[tuple[torch.Tensor, torch.Tensor]] | None = None
        self.optimizer: torch.optim.AdamW | None = None
        self.steps = 0

    @classmethod
    def fresh(cls, layout: Layout, *, seed: int, device: torch.device) -> Adapter:
        """A uniform in +-1/sqrt(in) as PEFT draws it (Kaiming with a = sqrt 5), B zero."""
        generator = torch.Generator().manual_seed(int(np.random.SeedSequence([seed, 0x61646170]).generate_state(1)[0]))
        flat = torch.zeros(layout.size)
        for a, _ in layout.cut(flat):
            a.uniform_(-1 / math.sqrt(a.shape[1]), 1 / math.sqrt(a.shape[1]), generator=generator)
        return cls(layout, flat.to(device))

    @classmethod
    def zero(cls, layout: Layout, device: torch.device) -> Adapter:
        """The adapter that changes nothing."""
        return cls(layout, torch.zeros(layout.size, device=device))

    def open(self) -> None:
        """Get ready to be trained: a zero gradient to accumulate into, and moments, so that a step needs no memory."""
        if self.weights.grad is None:
            self.weights.grad = torch.zeros_like(self.weights)
            self.gradients = self.layout.cut(self.weights.grad)
        if self.optimizer is None:
            zero = torch.zeros((), device=self.weights.device)
            moments = {k: torch.zeros_like(self.weights) for k in ("exp_avg", "exp_avg_sq")}
            self._optimize({"step": zero, **moments})

    def _optimize(self, state: dict[str, torch.Tensor]) -> None:
        self.optimizer = torch.optim.AdamW([self.weights], fused=True)
        self.optimizer.state[self.weights] = state

    def clear(self) -> None:
        """Forget a gradient that was begun."""
        if self.weights.grad is not None:
            self.weights.grad.zero_()

    def step(self, *, lr: float, weight_decay: float, clip: float) -> float:
        """Clip the gradient's norm, take one AdamW step, clear the gradient; returns the norm before clipping."""
        self.optimizer.param_groups[0].update(lr=lr, weight_decay=weight_decay)
        norm = float(torch.linalg.vector_norm(self.weights.grad))
        if not math.isfinite(norm):
            self.weights.grad.zero_()
            raise not_finite(norm, self.steps)
        if norm > clip:
            self.weights.grad.mul_(clip / (norm + 1e-6))
        self.optimizer.step()
        self.weights.grad.zero_()
        self.steps += 1
        return norm

    def fingerprint(self) -> int:
        """A number that equal weights have in common, and other weights have not: the sum of their bits as integers,
        which comes out the same in any order."""
        return int(self.weights.data.view(torch.int32).sum(dtype=torch.int64))

    def copy(self) -> Adapter:
        """The same weights and optimiser state, independent from here on."""
        twin = Adapter(self.layout, self.weights.data.clone())
        twin.steps = self.steps
        if self.optimizer is not None:
            twin._optimize({k: v.clone() for k, v in self.optimizer.state[self.weights].items()})
        return twin

    def state(self) -> dict[str, torch.Tensor]:
        """All that training goes on from: weights, and the optimiser's two moments and step count once it has any."""
        found = {"weights": self.weights.data, "steps": torch.tensor(self.steps)}
        return found | (dict(self.optimizer.state[self.weights]) if self.optimizer is not None else {})

    @classmethod
    def from_state(cls, layout: Layout, state: dict[str, torch.Tensor], device: torch.device) -> Adapter:
        """An adapter that goes on training where `state` was taken, bit-identical to the one it was taken of."""
        adapter = cls(layout, state["weights"].to(device))
        adapter.steps = int(state["steps"])
        moments = {k: v.to(device) for k, v in state.items() if k not in ("weights", "steps")}
        if moments:
            adapter._optimize(moments)
        return adapter

    def tensors(self) -> dict[str, torch.Tensor]:
        """Names as in a PEFT adapter file."""
        named = {}
        for entry, (a, b) in zip(self.layout.entries, self.matrices, strict=True):
            named[f"base_model.model.{entry.name}.lora_A.weight"] = a.detach().cpu().contiguous().clone()
            named[f"base_model.model.{entry.name}.lora_B.weight"] = b.detach().cpu().contiguous().clone()
        return named

    def save(self, folder: str | Path, config: object) -> Path:
        from safetensors.torch import save_file

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.tensors(), folder / "adapter_model.safetensors")
        settings = {k: sorted(v) if isinstance(v, set) else v for k, v in config.to_dict().items()}
        (folder / "adapter_config.json").write_text(
            json.dumps({**settings, "inference_mode": True}, indent=1, default=str)
        )
        return folder

    @classmethod
    def load(cls, layout: Layout, folder: str | Path, device: torch.device) -> Adapter:
        """An adapter from a folder that `save` or PEFT wrote; its layers and its scale must be this layout's."""
        from safetensors.torch import load_file

        refuse_other_adapter(folder, layout.rank, layout.alpha, layout.rank_stabilised)
        named, adapter = load_file(Path(folder) / "adapter_model.safetensors"), cls.zero(layout, device)
        for entry, pair in zip(layout.entries, adapter.matrices, strict=True):
            for own, kind in zip(pair, "AB", strict=True):
                name = f"base_model.model.{entry.name}.lora_{kind}.weight"
                if name not in named:
                    raise ValueError(f"{folder} adapts no layer {entry.name}, which this model does")
                own.copy_(named.pop(name))
        if named:
            raise ValueError(f"{folder} adapts layers this model does not: {', '.join(sorted(named)[:3])}")
        return adapter


def not_finite(norm: float, steps: int) -> FloatingPointError:
    """The error of a gradient's norm after so many steps."""
    return FloatingPointError(f"the gradient's norm is {norm} at step {steps + 1}; lower lr, or look at the rows")


def blend(parts: dict[Adapter, float]) -> Adapter:
    """Weighted sum of adapters' weights, without optimiser state."""
    first = next(iter(parts))
    return Adapter(first.layout, sum(w * a.weights.data for a, w in parts.items()))
