"""Which way a device computes in, and that the choice can be forced and is given back."""

from __future__ import annotations

import pytest
import torch

from curriculab.engine.route import batched, forced

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_a_cpu_goes_one_by_one_and_all_else_is_batched() -> None:
    assert not batched(CPU)
    assert batched(CUDA) and batched(torch.device("mps"))


def test_a_forced_way_holds_while_it_is_open_even_when_what_is_inside_fails() -> None:
    with forced(batched=True):
        assert batched(CPU)
        with forced(batched=False):
            assert not batched(CUDA)
        assert batched(CPU)
    with pytest.raises(ZeroDivisionError), forced(batched=True):
        raise ZeroDivisionError
    assert not batched(CPU)
