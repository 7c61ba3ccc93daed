"""Which way a device computes in, and that the choice can be forced and is given back."""

from __future__ import annotations

import pytest
import torch

from curriculab.engine.check_at_load import probe
from curriculab.engine.loading import load_model
from curriculab.engine.route import batched, forced
from tests.engine.architectures import build, tokenizer
from tests.engine.test_check_at_load import NAMES

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


@pytest.mark.engine
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_on_the_way_of_a_gpu_every_architecture_is_its_own_forward(name: str, grouped: bool) -> None:
    """Scores and answers of two adapters' rows, against transformers and PEFT a row at a time."""
    model = load_model(build(name), tokenizer=tokenizer())
    with forced(batched=True, grouped=grouped):
        found = probe(model)
    assert found.apart < 2e-5, found
