"""Memory of a step or of sampling as predicted and as measured, in a process of its own: a line of JSON.

    python -m tests.engine.measured_memory train          # or checkpointed, or sampling

live: the peak of tensors' bytes by torch.profiler, weights added; resident: how far the process grew, beside them.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import transformers
from torch.profiler import ProfilerActivity, profile

from curriculab.engine.generation import write
from curriculab.engine.limits import MemoryLimits
from curriculab.engine.loading import load_model
from curriculab.engine.model import Model
from curriculab.engine.packing import likelihood, micro_batches, run_batch, work_of
from curriculab.engine.prediction import Prediction, predict
from curriculab.engine.texts import Text
from curriculab.engine.waves import Prompt
from tests.engine.architectures import tokenizer

NARROW = dict(hidden_size=256, intermediate_size=704, num_hidden_layers=8, num_attention_heads=4)
WIDE = dict(hidden_size=512, intermediate_size=704, num_hidden_layers=4, num_attention_heads=8, num_key_value_heads=8)
SHAPES = {  # class of the configuration, sizes, vocabulary, limits
    "train": ("LlamaConfig", NARROW, 16_000, MemoryLimits()),
    "checkpointed": ("Qwen2Config", {**NARROW, "num_key_value_heads": 2}, 24_000, MemoryLimits(True, 4096)),
    "sampling": ("LlamaConfig", WIDE, 16_000, MemoryLimits()),
}


def built(name: str) -> Model:
    kind, sizes, vocabulary, _ = SHAPES[name]
    config = getattr(transformers, kind)(**sizes, vocab_size=vocabulary, max_position_embeddings=4096)
    torch.manual_seed(0)
    return load_model(transformers.AutoModelForCausalLM.from_config(config), tokenizer=tokenizer())


def rows(number: int, tokens: int) -> list[Text]:
    rng = np.random.default_rng(0)
    return [Text(rng.integers(0, 250, tokens), np.arange(tokens) > 0) for _ in range(number)]


def training(model: Model, limits: MemoryLimits, texts: list[Text]) -> tuple[Prediction, Callable[[], None]]:
    """Two adapters with half of the rows each."""
    parts = texts[::2], texts[1::2]

    def step() -> None:
        adapters = [model.adapter(seed) for seed in range(2)]
        works = [work_of(model, adapter, part) for adapter, part in zip(adapters, parts, strict=True)]
        works = [replace(work, recompute=limits.gradient_checkpointing) for work in works]
        for adapter in adapters:
            adapter.open()
        for batch in micro_batches(works, limits.max_tokens_per_forward or 2048):
            values, _ = run_batch(model, works, batch, likelihood, grad=True)
            values.sum().backward()
        for adapter in adapters:
            adapter.step(lr=1e-3, weight_decay=0.0, clip=1.0)

    return predict(model, train=parts, limits=limits), step


def sampling(model: Model) -> tuple[Prediction, Callable[[], None]]:
    """Eight answers of at most 8 tokens to each of 20 prompts of 180."""
    rng = np.random.default_rng(0)
    asked = [Prompt(rng.integers(0, 250, 180), None, 8, 1.0, 8, (), (0, i)) for i in range(20)]
    return predict(model, write=asked), lambda: write(model, asked)


def resident(field: str) -> int:
    """Bytes: VmRSS now, or VmHWM, the most since it was last reset."""
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith(field))
    return int(line.split()[1]) * 1024


def profiled(step: Callable[[], None]) -> int:
    """Peak of the bytes that torch allocated, by what it reports of every allocation."""
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        step()
    events = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    return int(np.cumsum([e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())]).max())


def main(name: str) -> None:
    torch.set_num_threads(1)
    model, limits = built(name), SHAPES[name][3]
    texts = rows(32, 128) if name == "checkpointed" else rows(16, 128)
    predicted, step = sampling(model) if name == "sampling" else training(model, limits, texts)
    weights = sum(x.nbytes for n, x in model.base.named_parameters() if "lora_" not in n)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the most that was resident begins anew
    before = resident("VmRSS")
    step()
    grown = resident("VmHWM") - before
    measured = {"live": profiled(step) + weights, "resident": grown + weights}
    print(json.dumps({**predicted.parts(), "exact": predicted.exact, **measured}))
    sys.stdout.flush()
    os._exit(0)  # nothing to take down


if __name__ == "__main__":
    main(sys.argv[1])
