"""The mixed-adapter forward beside plain PEFT, beside itself alone, and beside a reference written out in full."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import cross_entropy

from curriculab.data.files import data_path
from curriculab.data.loading import load_pool
from curriculab.engine.adapter import Adapter, Entry, Layout, blend
from curriculab.engine.attention import Buckets, RowAttention, window_mask
from curriculab.engine.forward import forward
from curriculab.engine.linear import MixedLinear
from curriculab.engine.loading import free_models, load_model
from curriculab.engine.model import Model
from curriculab.engine.plan import Span
from curriculab.engine.products import BySpan
from curriculab.engine.training import train_steps
from curriculab.objectives.sft import Sft

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def model() -> Iterator[Model]:
    yield load_model("pocket", bits=32)


def table(*pairs: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["prompt", "answer"], index=[f"row {i}" for i in range(len(pairs))])


def variants() -> list[pd.DataFrame]:
    """Six tables of unlike lengths, from one row of five tokens up."""
    long = "sort " + " ".join(str(7 * n % 31) for n in range(30))
    return [
        table(("a", "b")),
        table(("add 2 + 3", "5"), ("reverse Sam", "maS")),
        table(("add 12 + 30 + 4", "46"), ("legs 3 giraffe, 2 bird", "16"), ("double 4", "8")),
        table((long, "0 1 2"), ("x", "y")),
        table(("reverse curriculum", "mulucirruc")),
        table((long[:60], "3"), (long[:33], "4"), (long[:11], "5"), ("é", "ü")),
    ]


def shaken(model: Model, seed: int) -> Adapter:
    """An adapter that changes something: a fresh one's B is zero."""
    adapter = model.adapter(seed)
    adapter.weights.data += 0.02 * torch.randn(adapter.weights.shape, generator=torch.Generator().manual_seed(seed))
    return adapter


def plain_peft(folder: Path, bits: int) -> torch.nn.Module:
    """The saved adapter as anybody else would load it."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    quantised = {
        4: BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.float32,
        ),
        8: BitsAndBytesConfig(load_in_8bit=True),
    }
    how = {"quantization_config": quantised[bits]} if bits in quantised else {}
    base = AutoModelForCausalLM.from_pretrained(data_path("pocket"), dtype=torch.float32, device_map={"": "cpu"}, **how)
    return PeftModel.from_pretrained(base, folder, is_trainable=True).train()


def mixed(model: Model, adapters: list[Adapter], rows: list[list[np.ndarray]], *, grad: bool) -> list[torch.Tensor]:
    """Logits of every adapter's rows at every token, from one forward."""
    spans, at = [], 0
    for adapter, own in zip(adapters, rows, strict=True):
        spans.append(Span(adapter, at, at + sum(map(len, own))))
        at = spans[-1].end
    logits = forward(model, [t for own in rows for t in own], spans, np.arange(at), grad=grad)
    return [logits[s.start : s.end] for s in spans]


# -- beside plain PEFT ------------------------------------------------------------------------------------------
@pytest.mark.pocket
@pytest.mark.parametrize("bits", [32, 4, 8])
def test_one_forward_of_many_adapters_equals_plain_peft_of_each(bits: int, tmp_path: Path) -> None:
    model = load_model("pocket", bits=bits)
    adapters = [shaken(model, seed) for seed in range(3)]
    rows = [[t.tokens for t in model.encode(own)] for own in variants()[1:4]]
    for adapter in adapters:
        adapter.open()
    logits = mixed(model, adapters, rows, grad=True)
    sum(
        cross_entropy(x[:-1], torch.as_tensor(np.concatenate(own)[1:])) for x, own in zip(logits, rows, strict=True)
    ).backward()
    for i, (adapter, own) in enumerate(zip(adapters, rows, strict=True)):
        peer = plain_peft(model.save_adapter(adapter, tmp_path / str(i)), bits)
        expected = torch.cat([peer(input_ids=torch.as_tensor(t)[None], use_cache=False).logits[0] for t in own])
        assert (logits[i] - expected).abs().max() <= 1e-5 * max(1.0, expected.abs().max())
        cross_entropy(expected[:-1], torch.as_tensor(np.concatenate(own)[1:])).backward()
        theirs = {name: p.grad for name, p in peer.named_parameters() if p.requires_grad}
        assert len(theirs) == 2 * len(model.layout.entries)
        for entry, (ga, gb) in zip(model.layout.entries, adapter.gradients, strict=True):
            torch.testing.assert_close(
                ga, theirs[f"base_model.model.{entry.name}.lora_A.default.weight"], atol=1e-5, rtol=1e-4
            )
            torch.testing.assert_close(
                gb, theirs[f"base_model.model.{entry.name}.lora_B.default.weight"], atol=1e-5, rtol=1e-4
            )
    free_models()


@pytest.mark.pocket
def test_a_trained_adapter_is_a_folder_that_peft_loads(model: Model, tmp_path: Path) -> None:
    adapter, rows = model.adapter(3), variants()[5]
    for _ in range(3):
        train_steps(model, [adapter], [rows], [Sft()])
    own = [t.tokens for t in model.encode(rows)]
    (logits,) = mixed(model, [adapter], [own], grad=False)
    peer = plain_peft(model.save_adapter(adapter, tmp_path / "adapter"), 32).eval()
    with torch.no_grad():
        expected = torch.cat([peer(input_ids=torch.as_tensor(t)[None]).logits[0] for t in own])
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)
    (bare,) = mixed(model, [Adapter.zero(model.layout, model.device)], [own], grad=False)
    assert (logits - bare).abs().max() > 0.01


# -- alone and side by side ------------------------------------------------------------------------------------------
def train_both_ways(model: Model, work: list[list[pd.DataFrame]]) -> tuple[list[Adapter], list[Adapter], list, list]:
    """Every variant's tables, one a step, side by side and alone, through the step function: adapters and losses."""
    beside, alone = ([model.adapter(seed) for seed in range(len(work))] for _ in range(2))
    together, apart = [], []
    for tables in zip(*work, strict=True):
        answers = train_steps(model, beside, tables, [Sft()] * len(tables))
        together.append([float(a.reply.loss.mean()) for a in answers])
        answers = [train_steps(model, [a], [t], [Sft()])[0] for a, t in zip(alone, tables, strict=True)]
        apart.append([float(a.reply.loss.mean()) for a in answers])
    return beside, alone, together, apart


@pytest.mark.pocket
def test_six_variants_side_by_side_and_alone_end_in_equal_bits(model: Model) -> None:
    beside, alone, together, apart = train_both_ways(model, [[own] * 50 for own in variants()])
    assert [torch.equal(a.weights, b.weights) for a, b in zip(beside, alone, strict=True)] == [True] * 6
    assert together == apart
    assert np.mean(together[-1]) < np.mean(together[0]) / 2


def ladder_work() -> list[list[pd.DataFrame]]:
    """Six variants of 50 steps of one to three ladder rows."""
    pool = load_pool("ladder", n=600, seed=0)
    sizes = (1, 2, 3, 2, 1, 2)
    starts = np.cumsum((0, *sizes)) * 50
    return [[pool.iloc[at + n * k :][:n] for k in range(50)] for at, n in zip(starts, sizes, strict=False)]


@pytest.mark.pocket
def test_with_two_threads_side_by_side_and_alone_end_close_by() -> None:
    code = (
        "import torch; torch.set_num_threads(2)\n"
        "from tests.engine.test_adapter import ladder_work, train_both_ways\n"
        "from curriculab.engine.loading import load_model\n"
        "beside, alone, *_ = train_both_ways(load_model('pocket', bits=32), ladder_work())\n"
        "print(max(float((a.weights - b.weights).abs().max()) for a, b in zip(beside, alone, strict=True)))\n"
    )
    threads = {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"}
    environment = {**os.environ, **threads, "HF_HUB_OFFLINE": "1"}
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert float(ran.stdout.split()[-1]) <= 1e-4


@pytest.mark.pocket
def test_the_micro_batch_changes_nothing_but_rounding(model: Model) -> None:
    """Rows of many forwards add up to the gradient of one."""
    tables, found = variants(), []
    for budget in (16, 4096):
        adapters = [model.adapter(seed) for seed in range(6)]
        answers = train_steps(model, adapters, tables, [Sft()] * 6, budget=budget)
        found.append(([a.weights.data for a in adapters], pd.concat([a.reply.loss for a in answers])))
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-5)
    for small, large in zip(*(weights for weights, _ in found), strict=True):
        assert float((small - large).abs().mean()) < 1e-5


# -- seeds and copies ------------------------------------------------------------------------------------------
LAYOUT = Layout((Entry("q", 24, 16, 0), Entry("down", 40, 24, 4 * 40)), rank=4, alpha=8)


def test_equal_seeds_start_equal_and_others_differ() -> None:
    one, same, other = (Adapter.fresh(LAYOUT, seed=s, device=torch.device("cpu")) for s in (1, 1, 2))
    assert torch.equal(one.weights, same.weights)
    assert not torch.equal(one.weights, other.weights)
    for (a, b), entry in zip(one.matrices, LAYOUT.entries, strict=True):
        assert (a.shape, b.shape) == ((4, entry.in_features), (entry.out_features, 4))
        assert 0.5 * entry.in_features**-0.5 < float(a.abs().max()) <= entry.in_features**-0.5
        assert not b.any()


def train(adapter: Adapter, seeds: range) -> None:
    for seed in seeds:
        adapter.open()
        adapter.weights.grad.copy_(torch.randn(adapter.weights.shape, generator=torch.Generator().manual_seed(seed)))
        adapter.step(lr=1e-2, weight_decay=0.0, clip=1.0)


def test_a_copy_goes_on_as_the_original_would_and_leaves_it_alone() -> None:
    original = Adapter.fresh(LAYOUT, seed=0, device=torch.device("cpu"))
    train(original, range(3))
    copy, before = original.copy(), original.weights.data.clone()
    train(copy, range(3, 6))
    assert torch.equal(original.weights.data, before)
    assert (original.steps, copy.steps) == (3, 6)
    train(original, range(3, 6))
    assert torch.equal(original.weights.data, copy.weights.data)
    restarted = Adapter(LAYOUT, before.clone())
    train(restarted, range(3, 6))
    assert not torch.equal(restarted.weights.data, copy.weights.data)


def test_a_step_clips_the_norm_and_clears_the_gradient() -> None:
    adapter, same = (Adapter.fresh(LAYOUT, seed=0, device=torch.device("cpu")) for _ in range(2))
    reference = torch.nn.Parameter(same.weights.data.clone())
    optimizer = torch.optim.AdamW([reference], lr=1e-2, weight_decay=0.1, fused=False)
    for seed in range(4):
        gradient = 3 * torch.randn(reference.shape, generator=torch.Generator().manual_seed(seed))
        adapter.open()
        adapter.weights.grad.copy_(gradient)
        assert adapter.step(lr=1e-2, weight_decay=0.1, clip=1.0) == pytest.approx(float(gradient.norm()), rel=1e-5)
        assert not adapter.weights.grad.any()
        reference.grad = gradient
        torch.nn.utils.clip_grad_norm_([reference], 1.0)
        optimizer.step()
    torch.testing.assert_close(adapter.weights.data, reference.data, atol=1e-6, rtol=1e-5)


def test_a_gradient_that_is_not_finite_is_not_stepped() -> None:
    adapter = Adapter.fresh(LAYOUT, seed=0, device=torch.device("cpu"))
    before = adapter.weights.data.clone()
    adapter.open()
    adapter.weights.grad[5] = torch.nan
    with pytest.raises(FloatingPointError) as error:
        adapter.step(lr=1e-2, weight_decay=0.0, clip=1.0)
    assert str(error.value) == "the gradient's norm is nan at step 1; lower lr, or look at the rows"
    assert torch.equal(adapter.weights.data, before) and not adapter.weights.grad.any()


def test_blend_is_the_weighted_sum() -> None:
    one, two = (Adapter.fresh(LAYOUT, seed=s, device=torch.device("cpu")) for s in (1, 2))
    torch.testing.assert_close(
        blend({one: 0.25, two: 0.75}).weights.data, 0.25 * one.weights.data + 0.75 * two.weights.data
    )


# -- beside references written out in full ---------------------------------------------------------------------------
@pytest.mark.parametrize("bias", [False, True])
def test_the_mixed_layer_equals_autograd_of_its_formula(bias: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    base = torch.nn.Linear(24, 16, bias=bias).requires_grad_(False)
    adapters = [Adapter(LAYOUT, 0.3 * torch.randn(LAYOUT.size, generator=generator)) for _ in range(2)]
    spans = [Span(adapters[0], 0, 9), Span(adapters[1], 11, 40)]  # two tokens of the bare base between
    x = torch.randn(40, 24, generator=generator, requires_grad=True)
    probe = torch.randn(40, 16, generator=generator)
    for adapter in adapters:
        adapter.open()
    y = MixedLinear.apply(x, torch.zeros((), requires_grad=True), base, 0, LAYOUT.scale, BySpan(spans))
    (y * probe).sum().backward()

    copy = x.detach().clone().requires_grad_(True)
    flats = [a.weights.data.clone().requires_grad_(True) for a in adapters]
    expected = copy @ base.weight.T + (base.bias if bias else 0)
    parts = [torch.zeros(40, 16), torch.zeros(40, 16)]
    for flat, span, part in zip(flats, spans, parts, strict=True):
        a, b = LAYOUT.cut(flat)[0]
        part[span.start : span.end] = LAYOUT.scale * (copy[span.start : span.end] @ a.T) @ b.T
    expected = expected + sum(parts)
    (expected * probe).sum().backward()
    torch.testing.assert_close(y, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(x.grad, copy.grad, atol=1e-5, rtol=1e-5)
    for adapter, flat in zip(adapters, flats, strict=True):
        torch.testing.assert_close(adapter.weights.grad, flat.grad, atol=1e-5, rtol=1e-5)


def written_out(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, lengths: list[int], window: int | None
) -> torch.Tensor:
    """Softmax attention row by row from its definition: (heads, n, dim) -> (n, heads, dim)."""
    outs, at = [], 0
    for n in lengths:
        own = [x[:, at : at + n].repeat_interleave(q.shape[0] // x.shape[0], 0) for x in (q, k, v)]
        scores = own[0] @ own[1].transpose(1, 2) / q.shape[-1] ** 0.5
        i, j = torch.arange(n)[:, None], torch.arange(n)[None]
        hidden = (j > i) | (j <= i - window if window else torch.zeros(n, n, dtype=torch.bool))
        outs.append((torch.softmax(scores.masked_fill(hidden, -torch.inf), -1) @ own[2]).transpose(0, 1))
        at += n
    return torch.cat(outs)


@pytest.mark.parametrize("window", [None, 5])
@pytest.mark.parametrize("key_heads", [4, 2])
@pytest.mark.parametrize("way", ["rows", "buckets"])
def test_attention_stays_within_rows(way: str, key_heads: int, window: int | None) -> None:
    generator, lengths = torch.Generator().manual_seed(0), [1, 7, 33, 3, 64]
    q, k, v = (
        torch.randn(h, sum(lengths), 8, generator=generator, requires_grad=True) for h in (4, key_heads, key_heads)
    )
    probe = torch.randn(sum(lengths), 4, 8, generator=generator)
    cpu = torch.device("cpu")
    found = (
        RowAttention(lengths, cpu)(0, q, k, v, None, window)
        if way == "rows"
        else Buckets(lengths, cpu).attend(q, k, v, None, window)
    )
    expected = written_out(q, k, v, lengths, window)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    for mine, theirs in zip(
        torch.autograd.grad((found * probe).sum(), (q, k, v)),
        torch.autograd.grad((expected * probe).sum(), (q, k, v)),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def test_a_window_as_long_as_the_row_needs_no_mask() -> None:
    assert window_mask(5, None, torch.device("cpu")) is None and window_mask(5, 5, torch.device("cpu")) is None
    assert window_mask(3, 2, torch.device("cpu")).tolist() == [
        [True, False, False],
        [True, True, False],
        [False, True, True],
    ]
