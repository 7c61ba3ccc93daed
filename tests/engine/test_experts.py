"""Stacks of experts with LoRA: weights and gradients as PEFT has them, and every adapter on its own tokens."""

from __future__ import annotations

import pytest
import torch

from curriculab.engine.adapter import Adapter, Entry, Layout
from curriculab.engine.experts import Stack, StackWithAdapter, follow_plan
from curriculab.engine.plan import Plan, Span, running
from curriculab.engine.products import BySpan

EXPERTS, RANK, IN, OUT = 3, 2, 5, 4
LAYOUT = Layout((Entry("experts", IN, OUT, 0, EXPERTS),), rank=RANK, alpha=4)


def adapter(seed: int) -> Adapter:
    made = Adapter(LAYOUT, torch.randn(LAYOUT.size, generator=torch.Generator().manual_seed(seed)))
    made.open()
    return made


def change(a: torch.Tensor, b: torch.Tensor, transposed: bool) -> torch.Tensor:
    """scale * B A of every expert, as PEFT 0.21 writes it for parameters with three dimensions."""
    by_expert = a.reshape(EXPERTS, -1, IN), b.reshape(OUT, -1, EXPERTS)
    order = "o r e, e r i -> e i o" if transposed else "o r e, e r i -> e o i"
    return LAYOUT.scale * torch.einsum(order, by_expert[1], by_expert[0])


@pytest.mark.parametrize("transposed", [False, True])
def test_a_stack_and_its_gradients_are_pefts(transposed):
    own = adapter(0)
    shape = (EXPERTS, IN, OUT) if transposed else (EXPERTS, OUT, IN)
    weight, pull = (torch.randn(shape, generator=torch.Generator().manual_seed(s)) for s in (1, 2))
    a, b = (x.detach().clone().contiguous().requires_grad_() for x in own.matrices[0])
    wanted = weight + change(a, b, transposed)
    wanted.backward(pull)

    spark = torch.zeros((), requires_grad=True)
    stack = Stack("weight", 0, EXPERTS, transposed)
    found = StackWithAdapter.apply(weight, spark, Span(own, 0, None), stack, LAYOUT.scale)
    found.backward(pull)
    torch.testing.assert_close(found.detach(), wanted.detach())
    for mine, theirs in zip(own.gradients[0], (a.grad, b.grad), strict=True):
        torch.testing.assert_close(mine, theirs)


class Experts(torch.nn.Module):
    """Every token goes to one expert."""

    def __init__(self) -> None:
        super().__init__()
        draw = torch.randn(EXPERTS, OUT, IN, generator=torch.Generator().manual_seed(3))
        self.weight = torch.nn.Parameter(draw, requires_grad=False)

    def forward(self, hidden_states: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        return torch.einsum("noi, ni -> no", self.weight[index], hidden_states)


class Wrapper(torch.nn.Module):
    """As PEFT wraps it."""

    def __init__(self) -> None:
        super().__init__()
        self.base_layer = Experts()

    def get_base_layer(self) -> Experts:
        return self.base_layer

    def forward(self, hidden_states: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        return self.base_layer(hidden_states, index)


@pytest.mark.parametrize("spans", [[(0, 0, 4), (1, 6, 9)], [(0, 0, 10)], [(1, 2, 3)], [], [(0, 0, None)]])
def test_every_adapter_works_on_its_own_tokens_and_the_rest_is_bare(spans):
    wrapper, own = Wrapper(), [adapter(0), adapter(1)]
    follow_plan(wrapper, [Stack("weight", 0, EXPERTS, False)], LAYOUT.scale)
    generator = torch.Generator().manual_seed(4)
    hidden, index = torch.randn(10, IN, generator=generator), torch.randint(EXPERTS, (10,), generator=generator)
    bare = wrapper.base_layer.weight.detach()
    wanted = torch.einsum("noi, ni -> no", bare[index], hidden)
    for which, start, end in spans:
        weight = bare + change(*(x.detach() for x in own[which].matrices[0]), False)
        wanted[start:end] = torch.einsum("noi, ni -> no", weight[index], hidden)[start:end]
    owners = [Span(own[which], start, end) for which, start, end in spans]
    with running(Plan(owners, None, BySpan(owners))):
        found = wrapper(hidden, index)
    torch.testing.assert_close(found.detach(), wanted)
    torch.testing.assert_close(wrapper(hidden, index), torch.einsum("noi, ni -> no", bare[index], hidden))
