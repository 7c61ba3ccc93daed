"""Answers that are written at once: within the bytes of their keys and values, whatever the architecture."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from curriculab.engine import generation
from curriculab.engine.generation import write
from curriculab.engine.loading import load_model
from curriculab.engine.waves import Prompt, Room, heads, place_bytes, split, waves
from tests.engine.architectures import ARCHITECTURES, build, tokenizer
from tests.engine.test_check_at_load import ONE_AT_A_TIME, REFUSED


def prompt(tokens: int, n: int = 1, most: int = 20, adapter: object = None) -> Prompt:
    return Prompt(np.arange(tokens), adapter, n, 1.0, most, (), (0, tokens, n))


def test_a_place_of_published_sizes():
    """Llama 2 7B: 32 layers x 32 heads x 128, twice; Llama 3.1 8B: 8 heads. 2 bytes a number."""
    import transformers

    old = transformers.LlamaConfig(num_hidden_layers=32, num_attention_heads=32, hidden_size=4096)
    new = transformers.LlamaConfig(
        num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, hidden_size=4096
    )
    assert (2 * sum(heads(old)), 2 * sum(heads(new))) == (524_288, 131_072)


# Its build is given a number of key heads, which nothing in its class reads.
OTHERWISE = {"persimmon"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in ARCHITECTURES if n not in {*ONE_AT_A_TIME, *REFUSED, *OTHERWISE}])
def test_a_place_is_what_a_cache_keeps_of_a_token(name, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = load_model(build(name), tokenizer=tokenizer())
    inner, kept = generation._Part.__init__, []

    def init(self, *given):
        inner(self, *given)
        kept.append(sum(x.nbytes / (x.shape[0] * x.shape[2]) for pair in self.layers.values() for x in pair))

    monkeypatch.setattr(generation._Part, "__init__", init)
    write(model, [Prompt(np.arange(20, 40), None, 1, 0.0, 2, (), (0,))])
    assert kept == [place_bytes(model)]


def test_answers_of_a_prompt_that_have_no_room_together_are_written_in_parts():
    room = Room(places=3 * 64 + 10, tokens=np.inf, sorted_by_length=True)
    parts = split([prompt(10, 7), prompt(10, 2)], room)
    assert [(at, p.first, p.n) for at, p in parts] == [(0, 0, 3), (0, 3, 3), (0, 6, 1), (1, 0, 2)]
    assert [(at, p.n) for at, p in split([prompt(10, 7)], Room(np.inf, np.inf, True))] == [(0, 7)]
    assert [p.n for _, p in split([prompt(10, 3)], Room(1, np.inf, True))] == [1, 1, 1]  # less cannot be


def test_waves_hold_their_bytes_and_lose_no_prompt():
    rng = np.random.default_rng(0)
    adapters = [object() for _ in range(3)]
    asked = [prompt(int(rng.integers(5, 300)), int(rng.integers(1, 4)), 30, adapters[i % 3]) for i in range(60)]
    for by_length in (True, False):
        room = Room(4000, np.inf, by_length)
        found = waves(asked, range(60), room)
        assert sorted(i for wave in found for i in wave) == list(range(60))
        for wave in found:
            kinds: dict[int, list[int]] = {}
            for i in wave:  # 4: finished answers stay until the next rhythm
                final = len(asked[i].tokens) + 34
                kinds.setdefault(room.kind(final), []).extend([final] * asked[i].n)
            places = sum(len(own) * int(np.ceil(max(own) / 64)) * 64 for own in kinds.values())
            assert places + sum(len(asked[i].tokens) for i in wave) <= 4000
    assert len(waves(asked, range(60), Room(np.inf, np.inf, True))) == 1


@pytest.mark.slow
def test_a_tight_cache_and_short_forwards_change_no_answer(tiny_model, monkeypatch):
    texts = ["1 + 1", "sort 7 3 9 1 4", "reverse abc", "x", "caesar 3 DEF GHI JKL MNO"] * 3
    asked = [
        Prompt(tiny_model.prompt(t), tiny_model.adapter(i % 2), 5, 1.0, 9, (), (0, 1, i)) for i, t in enumerate(texts)
    ]
    whole = write(tiny_model, asked)
    read: list[int] = []
    inner = generation._read_some

    def read_some(model, own):
        read.append(sum(len(p.tokens) for p in own))
        return inner(model, own)

    monkeypatch.setattr(generation, "_read_some", read_some)
    tight = write(tiny_model, asked, cache_bytes=200 * place_bytes(tiny_model), budget=40)
    assert len(read) > 15 and max(read) <= 40  # every prompt is read at least twice, some three times
    for one, two in zip(whole, tight, strict=True):
        assert [(a.prompt, a.tokens, a.logprobs) for a in one] == [(a.prompt, a.tokens, a.logprobs) for a in two]
