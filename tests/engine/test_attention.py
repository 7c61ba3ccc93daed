"""Attention: shared prompts and every kernel compute the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import curriculab as cl
from curriculab.engine.attention import KERNELS, RowAttention, Scores, Shape, packed_attention
from curriculab.engine.loading import load_model
from curriculab.engine.packing import Work, read_tokens
from curriculab.engine.route import forced
from curriculab.engine.training import train_steps
from curriculab.environments.turns import say, tell
from curriculab.objectives.sft import Sft
from tests.engine.loaded import ROWS, loss


@pytest.fixture(scope="module")
def model():
    return load_model("pocket", bits=32)


@pytest.fixture(scope="module")
def pool():
    return cl.load_pool("ladder", n=60, seed=0)


@pytest.mark.pocket
def test_prompts_shared_under_a_sliding_window_and_over_turns_read_like_rows_alone(pool, model):
    rows = say(tell(say(pool.iloc[[0, 0, 1, 1]], ["12", "3", "45", "6"]), "and?"), ["7", "89", "1", "23"])
    texts = model.encode(rows)
    shared, alone = (read_tokens(model, [Work(None, texts, share)])[0] for share in (True, False))
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(shared, alone, strict=True))
    packs = Work(None, texts).packs
    assert [p.rows for p in packs] == [[0, 1], [2, 3]]
    for pack in packs:  # who may look at whom, row by row
        mask = RowAttention([len(pack)], torch.device("cpu"), [pack.shape]).masks(3, torch.float32)[0]
        seen = (mask == 0).numpy()
        prompt = int(np.argmax(texts[pack.rows[0]].learned))
        start = prompt
        for row in pack.rows:
            n = len(texts[row]) - prompt
            own = np.r_[np.arange(prompt), start + np.arange(n)]
            plain = np.tril(np.ones((len(own), len(own)), bool)) & ~np.tril(np.ones((len(own), len(own)), bool), -3)
            assert (seen[np.ix_(own, own)][prompt:] == plain[prompt:]).all()
            assert not np.delete(seen[start : start + n], own, axis=1).any()
            start += n


@pytest.fixture(scope="module")
def qwen(tmp_path_factory, save_tiny) -> Path:
    return save_tiny(tmp_path_factory.mktemp("qwen") / "folder", "qwen2")


@pytest.mark.parametrize("kernel", ["sdpa", "eager"])
def test_every_attention_computes_the_same(qwen, kernel, monkeypatch):
    inner, rows = KERNELS[kernel], []

    def counted(q, *more) -> torch.Tensor:
        rows.append(q.shape[2])
        return inner(q, *more)

    monkeypatch.setitem(KERNELS, kernel, counted)

    def trained(**how: object) -> tuple[np.ndarray, torch.Tensor]:
        model = load_model(str(qwen), bits=32, **how)
        adapter = model.adapter(seed=0)
        train_steps(model, [adapter], [ROWS], [Sft(lr=1e-3)])
        return loss(model, adapter), adapter.weights.detach()

    values, weights = trained()
    assert not rows
    other_values, other_weights = trained(attn_implementation=kernel)
    assert other_values == pytest.approx(values, abs=1e-5)
    assert torch.linalg.vector_norm(other_weights - weights) < 0.02 * torch.linalg.vector_norm(weights)
    assert (
        load_model(str(qwen), bits=32).digest() != load_model(str(qwen), bits=32, attn_implementation=kernel).digest()
    )


@pytest.mark.parametrize(
    ("argument", "value"), [("position_bias", torch.zeros(1)), ("head_mask", torch.ones(2)), ("dropout", 0.1)]
)
def test_an_argument_that_changes_scores_and_is_not_computed_is_an_error(argument, value):
    x = torch.zeros(1, 2, 3, 4)
    with pytest.raises(NotImplementedError, match=f"attention over packed rows does not compute {argument}="):
        packed_attention(torch.nn.Module(), x, x, x, None, **{argument: value})


def test_caps_and_sinks_are_those_of_a_plain_softmax():
    generator = torch.Generator().manual_seed(0)
    scores, sinks = torch.randn(1, 2, 3, 3, generator=generator), torch.tensor([0.3, -1.0])
    hidden = torch.ones(3, 3, dtype=torch.bool).triu(1)
    found = Scores(cap=2.0, sinks=sinks).weights(scores, hidden, None)
    for head in range(2):
        for row in range(3):
            seen = np.exp(2 * np.tanh(scores[0, head, row, : row + 1].numpy() / 2))
            wanted = seen / (seen.sum() + np.exp(float(sinks[head])))
            np.testing.assert_allclose(found[0, head, row], [*wanted, *[0] * (2 - row)], rtol=1e-5)


# -- rows padded to a call, as on a GPU -------------------------------------------------------------------------------
def prompts_shared(prompt: int, *answers: int) -> Shape:
    """A prompt and answers behind it, each of which looks at the prompt and at itself."""
    owner = np.repeat(np.arange(-1, len(answers)), (prompt, *answers))
    at = np.arange(len(owner))
    positions = np.concatenate([np.arange(prompt), *(prompt + np.arange(n) for n in answers)])
    return Shape(positions, (at[:, None] >= at) & ((owner[:, None] == owner) | (owner == -1)))


CAPPED = Scores(cap=2.0, sinks=torch.tensor([0.3, -1.0, 2.0, 0.0]))


@pytest.mark.parametrize("scores", [Scores(), CAPPED], ids=["plain", "capped with sinks"])
@pytest.mark.parametrize("window", [None, 5])
@pytest.mark.parametrize("shapes", [(), (None, prompts_shared(9, 4, 7), None, prompts_shared(30, 6, 6))])
def test_padded_rows_are_those_of_a_cpu(shapes, window, scores):
    lengths = [40, 20, 3, 42]
    draw = torch.Generator().manual_seed(0)
    plain = [torch.randn(heads, sum(lengths), 8, generator=draw).requires_grad_() for heads in (4, 2, 2)]
    pull = torch.randn(sum(lengths), 4, 8, generator=draw)
    found = []
    for way in (False, True):
        with forced(batched=way):
            out = RowAttention(lengths, torch.device("cpu"), shapes)(0, *plain, None, window, scores)
            found.append((out.detach(), *torch.autograd.grad((out * pull).sum(), plain)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_a_mask_goes_without_shared_heads_which_only_the_plain_kernel_takes(monkeypatch):
    calls = []

    def listening(q, k, v, attn_mask=None, **how):
        calls.append((attn_mask is not None, how["enable_gqa"]))
        return sdpa(q, k, v, attn_mask=attn_mask, **how)

    sdpa = torch.nn.functional.scaled_dot_product_attention
    monkeypatch.setattr("curriculab.engine.attention.F.scaled_dot_product_attention", listening)
    q, k = torch.ones(4, 60, 8), torch.ones(2, 60, 8)
    with forced(batched=True):
        RowAttention([20, 40], torch.device("cpu"), [prompts_shared(10, 5, 5), None])(0, q, k, k, None, None)
        RowAttention([20, 40], torch.device("cpu"))(0, q, k, k, None, 30)
    # shaped rows of 32 places, plain ones of 64; then a window shorter than either
    assert calls == [(True, False), (False, True), (True, False), (True, False)]
