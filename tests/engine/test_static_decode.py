"""Decoding in steps of fixed shapes writes what the decode of a CPU writes, and a step never asks the host."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from curriculab.engine import generation
from curriculab.engine.generation import Prompt, draw, write
from curriculab.engine.loading import load_model
from curriculab.engine.model import Model
from curriculab.engine.route import forced
from curriculab.engine.static_decode import PART, UNREAD, Replayed, StaticDecode, draw_in_parts
from tests.engine.architectures import build, tokenizer

# Operators whose result has a shape that depends on data, or that wait for the device.
ASKING = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "unique_consecutive", "item"}


def loaded(name: str) -> Model:
    return load_model(build(name), tokenizer=tokenizer())


def prompts(model: Model, stop: tuple[str, ...] = ()) -> list[Prompt]:
    """Of two adapters and of the bare base: unlike lengths, numbers of answers, temperatures and limits."""
    rng, owners = np.random.default_rng(0), [model.adapter(0), None, model.adapter(1)]
    for i in (0, 2):
        noise = torch.randn(owners[i].weights.shape, generator=torch.Generator().manual_seed(i))
        owners[i].weights.data += 0.05 * noise
    asked = [(5, 1.0, 20), (9, 0.0, 7), (30, 1.0, 33), (3, 0.7, 1), (12, 1.0, 16)]
    return [
        Prompt(rng.integers(20, 400, n), owners[i % 3], 1 + i % 3, temperature, most, stop, (0, i))
        for i, (n, temperature, most) in enumerate(asked)
    ]


@pytest.mark.parametrize("name", ["qwen3", "mistral", "gemma2", "gpt-oss", "gpt2", "qwen3-moe", "deepseek-v3"])
def test_answers_are_those_of_a_cpu(name: str) -> None:
    """Windows, caps, sinks, learned positions, experts and latent attention among them."""
    model = loaded(name)
    asked = prompts(model)
    expected = write(model, asked)
    with forced(batched=True):
        found = write(model, asked)
    for mine, other in zip(sum(found, []), sum(expected, []), strict=True):
        assert (mine.tokens, mine.ended, mine.prompt) == (other.tokens, other.ended, other.prompt)
        np.testing.assert_allclose(mine.logprobs, other.logprobs, atol=2e-5)
        np.testing.assert_allclose(mine.entropies, other.entropies, atol=1e-4)


def test_stops_and_ends_cut_an_answer_where_they_do_on_a_cpu() -> None:
    model = loaded("qwen3")
    plain = write(model, prompts(model))
    said = model.tokenizer.decode(plain[2][0].tokens)
    stop = (said[20:23], said[9:11])
    asked = prompts(model, stop)
    expected = write(model, asked)
    with forced(batched=True):
        found = write(model, asked)
    assert [a.ended for own in expected for a in own] == [a.ended for own in found for a in own]
    assert [a.tokens for own in expected for a in own] == [a.tokens for own in found for a in own]
    assert expected[2][0].ended in stop and len(expected[2][0].tokens) < len(plain[2][0].tokens)


class Asks(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        by_mask = name.startswith("index") and any(
            i is not None and i.dtype == torch.bool for i in (args[1] if isinstance(args[1], (list, tuple)) else ())
        )
        if name in ASKING or by_mask:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def test_no_step_asks_the_host_and_it_looks_every_few_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    model, asks, looks, steps = loaded("mistral"), Asks(), [], []
    step, read = StaticDecode.step, StaticDecode.read

    def watched(self) -> None:
        steps.append(len(self.length))
        with asks:
            step(self)

    monkeypatch.setattr(StaticDecode, "step", watched)
    monkeypatch.setattr(StaticDecode, "read", lambda self: looks.append(self.drawn) or read(self))
    with forced(batched=True):
        write(model, prompts(model))
    assert asks.found == []
    assert looks == list(range(UNREAD, 33 + UNREAD, UNREAD))  # 33 tokens are the most
    assert len(steps) == looks[-1] - 1
    # 4 + 2 + 3 answers of 3 owners, 12 places; those with one token and with 7 leave no room to be saved, 16 tokens do
    assert steps[0] == 12 and steps[-1] == 3 and steps == sorted(steps, reverse=True)
    with asks:
        torch.arange(3)[torch.tensor([True, False, True])]
        bool(torch.ones(()).all())
    assert set(asks.found) == {"index", "_local_scalar_dense"}  # what is looked for is found


# -- replay -----------------------------------------------------------------------------------------------------------
def test_a_step_is_captured_the_second_time_and_replayed_from_then_on() -> None:
    ran: list[str] = []

    def capture(step):
        ran.append("capture")
        return lambda: ran.append("replay")

    replayed = Replayed(lambda: ran.append("run"), capture)
    assert [replayed() for _ in range(4)] == [True] * 4
    assert ran == ["run", "capture", "replay", "replay", "replay"]


def test_a_step_that_cannot_be_captured_is_run_each_time_and_that_is_said_once(monkeypatch) -> None:
    tried: list[int] = []

    def capture(step):
        tried.append(1)
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore of it")

    model, begin = loaded("qwen3"), StaticDecode._begin
    asked = prompts(model)
    with forced(batched=True):
        expected = write(model, asked)

    def capturing(self) -> None:
        if not tried:
            self.capture = capture
        begin(self)

    monkeypatch.setattr(StaticDecode, "_begin", capturing)
    with forced(batched=True), pytest.warns(UserWarning) as warned:
        found = write(model, asked)
    assert [str(w.message) for w in warned] == [
        "decoding is not replayed as a CUDA graph, which is slower: CUDA error: operation not permitted when stream is "
        "capturing"
    ]
    assert tried == [1]
    assert [a.tokens for own in found for a in own] == [a.tokens for own in expected for a in own]


@pytest.mark.needs("cuda")
def test_a_graph_writes_what_steps_do(monkeypatch) -> None:
    model = load_model("pocket", bits=32, device="cuda")
    asked = prompts(model)
    found = write(model, asked)
    monkeypatch.setattr("curriculab.engine.static_decode.captured", lambda step: step)
    assert [a.tokens for own in found for a in own] == [a.tokens for own in write(model, asked) for a in own]


# -- draws ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [5, PART, PART + 1, 3 * PART - 7])
def test_draws_in_parts_are_those_of_one_cumulative_sum(size: int) -> None:
    generator = torch.Generator().manual_seed(size)
    logits = 3 * torch.randn(400, size, generator=generator)
    temperature = torch.tensor([0.0, 0.5, 1.0, 1.7]).repeat(100)
    u = torch.rand(400, dtype=torch.float64, generator=generator)
    found, expected = draw_in_parts(logits, temperature, u), draw(logits, temperature, u)
    assert found[0].tolist() == expected[0].tolist() and len(set(found[0].tolist())) > min(size, 100) / 2
    for mine, other in zip(found[1:], expected[1:], strict=True):
        torch.testing.assert_close(mine, other)


def test_what_has_no_probability_is_never_drawn() -> None:
    """Not at either end of u, and not in the pads of the vocabulary's last part."""
    logits = torch.full((4, PART + 3), -torch.inf)
    logits[:, [7, PART + 1]] = torch.tensor([1.0, 2.0])
    u = torch.tensor([0.0, np.nextafter(1.0, 0.0), 0.2, 0.3], dtype=torch.float64)
    token, logprob, _ = draw_in_parts(logits, torch.ones(4), u)
    first = 1 / (1 + np.e)  # probability of token 7, 0.269
    assert token.tolist() == [7, PART + 1, 7, PART + 1]
    np.testing.assert_allclose(logprob.exp(), [first, 1 - first, first, 1 - first], rtol=1e-6)


def test_the_host_loop_is_taken_where_kernels_count(monkeypatch) -> None:
    model, called = loaded("qwen3"), []
    monkeypatch.setattr(generation, "_write_in_steps", lambda *args: called.append(1) or [])
    write(model, prompts(model)[:1])
    assert called == []
    with forced(batched=True):
        write(model, prompts(model)[:1])
    assert called == [1]
