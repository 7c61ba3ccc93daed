"""Every architecture is computed as transformers and PEFT compute it, or is refused at load in one line."""

from __future__ import annotations

import copy
import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from peft import PeftModel

from curriculab.bench.sanity import SanityCheckError, truth_test
from curriculab.data.loading import load_pool
from curriculab.engine import attention, check_at_load, generation
from curriculab.engine.adapter import Adapter
from curriculab.engine.generation import Prompt, write
from curriculab.engine.loading import load_model
from curriculab.engine.model import Model
from curriculab.engine.packing import likelihood, micro_batches, read_tokens, run_batch, work_of
from curriculab.engine.products import BySpan
from curriculab.engine.texts import Text
from curriculab.engine.training import train_steps
from curriculab.objectives.sft import Sft
from tests.engine.architectures import ARCHITECTURES, WITH_IMAGES, build, tokenizer

pytestmark = pytest.mark.slow

# Two of state-space kind that PEFT adapts no layer of, and one that transformers itself cannot run.
REFUSED = {
    "mamba2": "incompatible with Mamba",
    "falcon-h1": "incompatible with Mamba",
    "gemma4-kvshared": "its own forward fails",
}

# What reads one row at a time; all others are packed.
ONE_AT_A_TIME = {
    *("bloom", "codegen", "diffllama", "doge", "falcon-7b", "falcon-alibi", "gemma3n", "gpt-neo", "gptj"),
    *("granite4-hybrid", "lfm2", "llama4", "mpt", "qwen3-next", "qwen3.5", "qwen3.5-moe"),
    *("qwen3.5-images", "xglm"),
}

LONG = "measure how difficult training examples are and train variants side by side on one model with adapters "
ROWS = pd.DataFrame(
    [
        ("add 2 + 3", "5"),
        (LONG + LONG[:60], "a longer answer that has several tokens 12 34"),
        ("double 4", "it is 8, no more"),
        (LONG, "no"),
        (LONG, "one two three"),
        ("reverse Sam", "maS"),
    ],
    columns=["prompt", "answer"],
    index=[f"r{i}" for i in range(6)],
)
RATE = 1e-3


@dataclass
class Pair:
    """A model as we compute it, and the same base with PEFT around it, its adapter loaded from what we saved."""

    model: Model
    adapter: Adapter
    peer: PeftModel


def loaded(name: str) -> tuple[Model, torch.nn.Module]:
    base = build(name)
    twin = copy.deepcopy(base)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_model(base, tokenizer=tokenizer()), twin


def pair(name: str, folder: Path) -> Pair:
    model, twin = loaded(name)
    adapter = shaken(model, 1)
    model.save_adapter(adapter, folder)
    return Pair(model, adapter, PeftModel.from_pretrained(twin, folder, is_trainable=True).eval())


def shaken(model: Model, seed: int) -> Adapter:
    adapter = model.adapter(seed)
    adapter.weights.data += 0.05 * torch.randn(adapter.weights.shape, generator=torch.Generator().manual_seed(seed))
    return adapter


def own_losses(peer: torch.nn.Module, text: Text) -> torch.Tensor:
    """Negative log-likelihoods of a row's learned tokens by plain transformers and PEFT, the row alone."""
    logits = peer(input_ids=torch.as_tensor(text.tokens)[None], use_cache=False).logits[0].float()
    targets = text.targets
    return -torch.log_softmax(logits, -1)[targets - 1, torch.as_tensor(text.tokens[targets])]


def matrices(model: Model, pairs: list, named: dict[str, torch.Tensor]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Ours beside PEFT's, matrix by matrix."""
    found = []
    for entry, own in zip(model.layout.entries, pairs, strict=True):
        for mine, kind in zip(own, "AB", strict=True):
            found.append((mine, named[f"base_model.model.{entry.name}.lora_{kind}.default.weight"]))
    return found


NAMES = [name for name in (*ARCHITECTURES, *WITH_IMAGES) if name not in REFUSED]


@pytest.mark.parametrize("name", NAMES)
def test_an_architecture_is_computed_as_transformers_and_peft_do(name, tmp_path):
    both = pair(name, tmp_path)
    assert both.model.packed == (name not in ONE_AT_A_TIME)
    texts = both.model.encode(ROWS)
    scores(both, texts)
    gradients(both, texts)
    three_steps(both, texts)
    greedy(both)
    side_by_side(both.model)


def scores(both: Pair, texts: list[Text]) -> None:
    """With the adapter and without, in one forward, to 1e-5 nats."""
    works = [work_of(both.model, adapter, texts) for adapter in (both.adapter, None)]
    with_adapter, bare = read_tokens(both.model, works)
    with torch.no_grad():
        for ours, text in zip(with_adapter, texts, strict=True):
            np.testing.assert_allclose(ours, own_losses(both.peer, text), atol=1e-5, rtol=0)
        with both.peer.disable_adapter():
            for ours, text in zip(bare, texts, strict=True):
                np.testing.assert_allclose(ours, own_losses(both.peer, text), atol=1e-5, rtol=0)


def gradients(both: Pair, texts: list[Text]) -> None:
    """Of the summed losses, to 1e-5 of the largest."""
    both.adapter.open()
    work = work_of(both.model, both.adapter, texts)
    for batch in micro_batches([work], 2048):
        values, _ = run_batch(both.model, [work], batch, likelihood, grad=True)
        values.sum().backward()
    both.peer.zero_grad()
    for text in texts:
        own_losses(both.peer, text).sum().backward()
    named = {}
    for name, parameter in both.peer.named_parameters():
        named[name] = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
    found = matrices(both.model, both.adapter.gradients, named)
    largest = max(float(theirs.abs().max()) for _, theirs in found)
    assert largest > 1e-3
    assert max(float((ours - theirs).abs().max()) for ours, theirs in found) <= 1e-5 * largest
    both.adapter.clear()


def three_steps(both: Pair, texts: list[Text]) -> None:
    """Of AdamW with the mean loss over learned tokens and the norm clipped at 1: weights to 1e-4."""
    adapter, peer = both.adapter.copy(), copy.deepcopy(both.peer)
    parameters = [p for p in peer.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0)
    learned = sum(len(t.targets) for t in texts)
    for _ in range(3):
        (answer,) = train_steps(both.model, [adapter], [ROWS], [Sft(learning_rate=RATE)])
        assert not isinstance(answer, Exception)
        optimizer.zero_grad()
        for text in texts:
            (own_losses(peer, text).sum() / learned).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    for ours, theirs in matrices(both.model, adapter.matrices, dict(peer.named_parameters())):
        np.testing.assert_allclose(ours.detach(), theirs.detach(), atol=1e-4, rtol=0)


def greedy(both: Pair) -> None:
    """Twenty tokens behind prompts of 9 to 200, in one batch, as generate writes them behind each alone."""
    model, prompts = both.model, [both.model.prompt(p) for p in (*ROWS["prompt"], LONG * 2)]
    wrote = write(model, [Prompt(p, both.adapter, 1, 0.0, 20, (), (0, i)) for i, p in enumerate(prompts)])
    for prompt, (answer,) in zip(prompts, wrote, strict=True):
        ids = torch.as_tensor(prompt)[None]
        with torch.no_grad():
            whole = both.peer.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=20,
                do_sample=False,
                eos_token_id=model.tokenizer.eos_token_id,
                pad_token_id=0,
                use_cache=True,
            )
        assert answer.tokens == whole[0, len(prompt) :].tolist()


def side_by_side(model: Model) -> None:
    """Three variants trained together end as each does alone."""
    tables = [ROWS.iloc[:1], ROWS.iloc[1:3], ROWS.iloc[3:]]
    together, alone = ([shaken(model, i) for i in range(3)] for _ in range(2))
    for _ in range(2):
        answers = train_steps(model, together, tables, [Sft(learning_rate=RATE)] * 3)
        assert not [a for a in answers if isinstance(a, Exception)]
        for adapter, table in zip(alone, tables, strict=True):
            train_steps(model, [adapter], [table], [Sft(learning_rate=RATE)])
    for mine, own in zip(together, alone, strict=True):
        assert float((mine.weights - own.weights).detach().abs().max()) <= 1e-5


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_computed_is_refused_at_load_in_one_line(name):
    with pytest.raises(ValueError, match=re.escape(REFUSED[name])) as refused:
        loaded(name)
    assert "\n" not in str(refused.value)


# -- planted faults ---------------------------------------------------------------------------------------------------
@pytest.fixture
def no_cache(monkeypatch):
    monkeypatch.setattr(check_at_load, "_read", lambda note: None)
    monkeypatch.setattr(check_at_load, "_keep", lambda note, known: None)


def test_an_attention_that_is_wrong_over_packed_rows_sends_a_model_its_own_way(no_cache, monkeypatch):
    right = attention.window_mask
    monkeypatch.setattr(attention, "window_mask", lambda length, window, device: right(length, None, device))
    with pytest.warns(UserWarning, match="'mistral' reads one row at a time, .* nats from the model's own forward"):
        model = load_model(build("mistral"), tokenizer=tokenizer())
    assert not model.packed and model.apart < 1e-5


def test_rows_that_see_their_neighbours_are_found(no_cache, monkeypatch):
    right = attention.RowAttention.__init__

    def one_row(self, lengths, device, shapes=(), kernel=None):
        right(self, [sum(lengths)], device, (), kernel)

    monkeypatch.setattr(attention.RowAttention, "__init__", one_row)
    with pytest.warns(UserWarning, match="reads one row at a time"):
        assert not load_model(build("llama3"), tokenizer=tokenizer()).packed


@pytest.mark.parametrize("fault", ["scale", "owner"])
def test_adapters_that_are_computed_wrong_are_refused_in_one_line(no_cache, monkeypatch, fault):
    right = BySpan.add

    def doubled(self, y, x, layer, scale):
        return right(self, y, x, layer, 2 * scale)

    def of_the_first(self, y, x, layer, scale):
        first = [replace(span, adapter=self.spans[0].adapter) for span in self.spans]
        return right(BySpan(first), y, x, layer, scale)

    monkeypatch.setattr(BySpan, "add", {"scale": doubled, "owner": of_the_first}[fault])
    if fault == "owner":  # a row that is read alone has one owner
        with pytest.warns(UserWarning, match="reads one row at a time"):
            assert not load_model(build("qwen3"), tokenizer=tokenizer()).packed
        return
    with pytest.raises(ValueError, match="'Qwen3ForCausalLM' .qwen3. is not computed right, not even") as refused:
        load_model(build("qwen3"), tokenizer=tokenizer())
    assert "\n" not in str(refused.value)


def test_a_cache_that_is_one_place_off_is_found(no_cache, monkeypatch):
    right = generation._Part.prepare

    def late(self, length):
        right(self, (length - 1).clamp(min=0))

    monkeypatch.setattr(generation._Part, "prepare", late)
    with pytest.warns(UserWarning, match="reads one row at a time"):
        assert not load_model(build("qwen3"), tokenizer=tokenizer()).packed


def test_what_was_found_is_looked_for_once(monkeypatch, tmp_path):
    monkeypatch.setattr(check_at_load, "user_cache_path", lambda name: tmp_path / name)
    probes, right = [], check_at_load.probe
    monkeypatch.setattr(check_at_load, "probe", lambda model: probes.append(1) or right(model))
    for seed in (1, 1, 2):
        model = load_model(build("qwen3", seed), tokenizer=tokenizer())
        assert model.packed and model.apart < 1e-5 and model.record()["packed"]
    assert len(probes) == 2


def test_the_truth_test_holds_a_loaded_model_against_its_own_forward(monkeypatch):
    model = load_model("pocket", bits=32, device="cpu")
    right = BySpan.add

    def doubled(self, y, x, layer, scale):
        return right(self, y, x, layer, 2 * scale)

    monkeypatch.setattr(BySpan, "add", doubled)
    with pytest.raises(SanityCheckError, match="packed rows, and the model's own forward"):
        truth_test(model, load_pool("ladder", n=60, seed=0))


def test_at_sixteen_bits_the_models_own_spread_is_what_is_allowed(no_cache):
    base = build("llama3").to(torch.bfloat16)
    model = load_model(base, tokenizer=tokenizer())
    found = check_at_load.probe(model)
    assert model.packed and found.right and 1e-3 <= found.allowed < 1
