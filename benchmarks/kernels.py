"""How many kernels a GPU would start: for a step of training and for a token written, with one adapter and with eight.

No GPU is needed. A 28-layer Qwen2 with tiny widths (a bfloat16 base, float32 adapters) takes the way of a GPU on a CPU,
and a dispatch mode counts its operators. Operators that only make another view of a tensor are left out: they start no
kernel. An operator counts as one, as far as PyTorch starts one for it on a GPU; bitsandbytes' 4-bit product too.

A token is what 8 more tokens of every answer cost, divided by 8.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, partial

import numpy as np
import pandas as pd
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.grpo import endless
from benchmarks.measure import single
from curriculab.data.files import data_path
from curriculab.engine.generation import Prompt, write
from curriculab.engine.loading import load_model
from curriculab.engine.model import Model
from curriculab.engine.route import forced
from curriculab.engine.training import train_steps
from curriculab.objectives.sft import Sft

LAYERS = 28  # as Qwen2.5-1.5B and 7B have
ROWS, ANSWERS = 2, 8  # of each adapter
SHORT, LONG = 8, 16  # tokens of an answer

# Operators that start no kernel: they look at the same memory in another shape.
VIEWS = frozenset(
    (
        *("view", "_unsafe_view", "reshape", "_reshape_alias", "alias", "detach", "as_strided", "is_same_size"),
        *("t", "transpose", "permute", "expand", "unsqueeze", "squeeze", "unfold", "lift_fresh"),
        *("slice", "select", "narrow", "split", "split_with_sizes", "unbind", "diagonal"),
    )
)


class Kernels(TorchDispatchMode):
    """Counts operators by name while it is open, those that make views left out."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name not in VIEWS:
            self.counts[name] += 1
        return func(*args, **(kwargs or {}))

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def run(*, repeats: int = 1, layers: int = LAYERS, say: Callable[[str], None] = print) -> Iterator[dict[str, object]]:
    """The figures of this family, one by one; they are counts, so that repeats change nothing."""
    model = deep(layers)
    for name, what, count in (
        ("training", f"forward, backward and step of {ROWS} rows an adapter", training),
        ("decoding", f"a token of {ANSWERS} answers an adapter", decoding),
    ):
        say(f"kernels: {name}, {layers} layers")
        one, eight = count(model, 1), count(model, 8)
        about = f"{what}, {layers} layers, bfloat16"
        yield single(f"kernels_{name}_one", one, unit="kernels", note=about)
        yield single(
            f"kernels_{name}_eight", eight, unit="kernels", note=f"{about}; {eight / one:.2f} times one adapter's"
        )


@cache
def deep(layers: int, dtype: torch.dtype = torch.bfloat16) -> Model:
    """A Qwen2 of many layers and tiny widths with random weights."""
    from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(data_path("pocket"))
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.08,
        tie_word_embeddings=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_model(Qwen2ForCausalLM(config).to(dtype), tokenizer=tokenizer)


def training(model: Model, adapters: int) -> int:
    """Kernels of one step of so many adapters on rows of their own."""
    own = [model.adapter(i) for i in range(adapters)]
    tables = [table()] * adapters
    step = partial(train_steps, model, own, tables, [Sft()] * adapters)
    return counted(step)


def decoding(model: Model, adapters: int) -> float:
    """Kernels of one more token of every answer of so many adapters."""
    model, prompt = endless(model), model.prompt("hello there")

    def written(tokens: int) -> list:
        return write(model, [Prompt(prompt, a, ANSWERS, 1.0, tokens, (), (0, i)) for i, a in enumerate(own)])

    own = [model.adapter(i) for i in range(adapters)]
    short, long = (counted(partial(written, tokens)) for tokens in (SHORT, LONG))
    return (long - short) / (LONG - SHORT)


def counted(run: Callable[[], object]) -> int:
    """Kernels of the second of two equal calls, for the first may set things up."""
    with forced(batched=True):
        run()
        with Kernels() as kernels:
            run()
    return kernels.total


def table() -> pd.DataFrame:
    """Rows to learn."""
    words = "word " * 20
    return pd.DataFrame(
        {"prompt": [f"{words}{i}" for i in range(ROWS)], "answer": [f"a few words of answer {i}" for i in range(ROWS)]},
        index=[f"row {i}" for i in np.arange(ROWS)],
    )
