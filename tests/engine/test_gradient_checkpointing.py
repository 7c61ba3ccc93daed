"""Layers that are computed again on the way back give the same values and gradients, and hold less meanwhile."""

from __future__ import annotations

import warnings
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

import curriculab as cl
from curriculab import methods
from curriculab.engine.gradient_checkpointing import checkpoint_layers, decoder_layers
from curriculab.engine.loading import load_model
from curriculab.engine.packing import likelihood, micro_batches, run_batch, work_of
from curriculab.engine.plan import active_plans
from curriculab.engine.scoring import score
from tests.bench.test_session import same
from tests.engine.architectures import build, tokenizer
from tests.engine.test_check_at_load import ROWS, shaken

# Attention: grouped, with a cap, with sinks, latent, shared between layers; experts; Conv1D; and four that read one row
# at a time: with positions of their own, a short convolution, a state-space layer, a gated delta net.
PACKED = ["qwen2.5", "gemma2", "gpt-oss", "deepseek-v3", "gemma4-ple-kvshared", "qwen3-moe", "gpt2", "phi3-longrope"]
ONE_AT_A_TIME = ["falcon-alibi", "lfm2", "granite4-hybrid", "qwen3.5"]


def loaded(name: str):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_model(build(name), tokenizer=tokenizer())


def step(model, adapters, *, recompute: bool) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Losses of all rows under each adapter, and the adapters' gradients of an uneven sum of them."""
    works = []
    for adapter in adapters:
        adapter.open()
        adapter.clear()
        works.append(replace(work_of(model, adapter, model.encode(ROWS)), recompute=recompute))
    found = []
    for batch in micro_batches(works, 2048):
        values, _ = run_batch(model, works, batch, likelihood, grad=True)
        (values * torch.linspace(0.5, 1.5, len(values))).sum().backward()
        found.append(values.detach())
    assert not active_plans
    return torch.cat(found), [adapter.weights.grad.clone() for adapter in adapters]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*PACKED, *ONE_AT_A_TIME])
def test_gradients_are_the_same_bits(name):
    model = loaded(name)
    assert model.packed == (name in PACKED)
    adapters = [shaken(model, seed) for seed in (1, 2)]
    values, gradients = step(model, adapters, recompute=False)
    again, recomputed = step(model, adapters, recompute=True)
    assert torch.equal(values, again)
    for one, two in zip(gradients, recomputed, strict=True):
        assert float(one.abs().max()) > 0 and torch.equal(one, two)
    assert not torch.equal(gradients[0], gradients[1])


def saved(model, adapter, *, recompute: bool) -> int:
    """Bytes that a forward keeps for the way back, each tensor once."""
    held: dict[int, int] = {}

    def keep(x: torch.Tensor) -> torch.Tensor:
        held[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    adapter.open()
    work = replace(work_of(model, adapter, model.encode(ROWS)), recompute=recompute)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        run_batch(model, [work], [(0, work.packs)], likelihood, grad=True)
    return sum(held.values())


def test_what_layers_made_is_not_kept():
    model = loaded("qwen2.5")
    adapter = shaken(model, 1)
    assert saved(model, adapter, recompute=True) < saved(model, adapter, recompute=False) / 2


def test_layers_are_found_once_and_changed_once():
    base = build("gemma3")
    assert [type(layer).__name__ for layer in decoder_layers(base)] == ["Gemma3DecoderLayer"] * 4
    checkpoint_layers(base)
    first = [layer.forward.__func__ for layer in decoder_layers(base)]
    checkpoint_layers(base)
    assert [layer.forward.__func__ for layer in decoder_layers(base)] == first
    plain = torch.nn.Linear(1, 1)
    plain.config = SimpleNamespace(model_type="plain")
    line = "the layers of 'plain' cannot be computed again on the way back; leave gradient_checkpointing out, or lower "
    with pytest.raises(ValueError, match=f"^{line}max_tokens_per_forward$"):
        checkpoint_layers(plain)


@pytest.mark.slow
def test_a_bench_with_checkpointing_records_the_same_runs_under_the_same_digest(tiny_model, small_pools, tmp_path):
    variants = {"random": methods.random_order, "self paced": methods.self_paced}

    def bench(store, **how):
        budget = cl.Budget(steps=3, max_total_tokens=10**7)
        return cl.Bench(
            tiny_model, *small_pools, budget=budget, batch_size=8, evaluate_every=3, store=store, **how, valid=None
        )

    plain = bench(tmp_path / "plain").run(variants, seeds=1, progress=False)
    benches = [bench(tmp_path / "again", gradient_checkpointing=how) for how in (True, False)]
    same(benches[0].run(variants, seeds=1, progress=False), plain)
    assert not benches[1].ask(variants, seeds=1).todo  # it is the same run
    spec = benches[0].store.load("random", benches[0].design.digest(methods.random_order, 0)).spec
    assert spec["memory"] == {"gradient_checkpointing": True}


def test_the_norm_of_a_gradient_is_the_same_number(tiny_model, small_pools):
    rows, adapter = small_pools[0].iloc[:3], tiny_model.adapter(0)
    one, two = (score(tiny_model, [adapter], [rows], "grad_norm", "row", gradient_checkpointing=c)[0] for c in (0, 1))
    assert one.reply["grad_norm"].tolist() == two.reply["grad_norm"].tolist()
    assert (one.reply["grad_norm"] > 0).all()
