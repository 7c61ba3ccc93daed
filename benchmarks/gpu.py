"""What a GPU does with this package: `make gpu` on a machine that has one, into data/benchmarks/gpu.json.

    right      losses, gradients and greedy answers of the embedded model against the CPU's, at 32, 16, 8 and 4 bits
    ceiling    a plain product of matrices and a plain copy on the same device, which shares are taken of
    training   tokens a second, share of the ceiling's flops, memory predicted and measured; TRL on the same rows
    decoding   tokens a second, share of the ceiling's bytes a second

Training and decoding are of Qwen2.5's shapes with random weights, 1 and 8 variants, at 16 and at 4 bits: speed does
not depend on what weights say, and nothing is downloaded. `python -m benchmarks.gpu --tiny --device cpu` goes through
all of it in tiny shapes, on the way of a GPU, without a GPU; its figures mean nothing, and are not kept.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.__main__ import quiet
from benchmarks.measure import machine
from curriculab.data.files import data_path
from curriculab.data.loading import load_pool
from curriculab.engine.adapter import Adapter
from curriculab.engine.footprint import MIB
from curriculab.engine.generation import Prompt, write
from curriculab.engine.loading import free_models, load_model
from curriculab.engine.memory import tokens_for
from curriculab.engine.model import Model
from curriculab.engine.packing import likelihood, read_tokens, run_batch, work_of
from curriculab.engine.route import forced
from curriculab.engine.training import train_steps
from curriculab.objectives.sft import Sft

RECORD, PAGE = Path("data/benchmarks/gpu.json"), Path("docs/gpu.md")
NO_GPU = "make gpu: torch finds no CUDA device here; nothing was run, and data/benchmarks/gpu.json stays as it is"
BITS = (32, 16, 8, 4)
SPREADS = 3.0  # times what rounding to its own precision changes on a CPU that a device may differ by
EXACT = 1e-3  # nats at 32 bits, as the check at load allows


@dataclass(frozen=True)
class Size:
    """The shape of a model and of the work."""

    name: str
    hidden: int
    layers: int
    heads: int
    key_heads: int
    intermediate: int
    vocabulary: int
    rows: int = 8  # a step and variant
    tokens: int = 512  # a row
    answers: int = 16  # a variant
    written: int = 128  # tokens an answer


# config.json of Qwen/Qwen2.5-0.5B and Qwen/Qwen2.5-1.5B on the hub (Qwen Team 2024, arXiv:2412.15115, table 1)
SIZES = (
    Size("Qwen2.5-0.5B", 896, 24, 14, 2, 4864, 151_936),
    Size("Qwen2.5-1.5B", 1536, 28, 12, 2, 8960, 151_936),
)
TINY = (Size("tiny", 32, 2, 4, 2, 64, 512, rows=2, tokens=48, answers=2, written=8),)


def main(given: Sequence[str] | None = None) -> dict[str, object]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description="Correctness and speed on a GPU.")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, or cpu to try this program out (default cuda)")
    parser.add_argument("--tiny", action="store_true", help="tiny shapes")
    parser.add_argument("--repeats", type=int, default=5, help="timed turns of each figure (default 5)")
    parser.add_argument("--no-trl", action="store_true", help="leave TRL out")
    parser.add_argument("--to", type=Path, help=f"where figures go (default {RECORD}, of a trial nowhere)")
    parser.add_argument("--page", type=Path, help=f"where the page goes (default {PAGE}, of a trial nowhere)")
    asked = parser.parse_args(given)
    device = torch.device(asked.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SystemExit(NO_GPU)
    quiet()
    print(machine(), flush=True)
    found: dict[str, object] = {"date": date.today().isoformat(), "machine": machine(), "device": name_of(device)}
    sizes = TINY if asked.tiny else SIZES
    found["right"] = shown(right(device))
    found["ceiling"] = ceiling(device, 256 if asked.tiny else 8192)
    found["speed"] = shown(speeds(device, sizes, asked.repeats, found["ceiling"], trl=not asked.no_trl))
    trial = asked.tiny or device.type != "cuda"
    for path, text in (
        (asked.to or (None if trial else RECORD), json.dumps(found, indent=1) + "\n"),
        (asked.page or (None if trial else PAGE), page(found)),
    ):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"{path} is written")
    return found


def shown(figures: Iterator[dict[str, object]]) -> list[dict[str, object]]:
    """All figures, each printed as it comes."""
    found = []
    for figure in figures:
        print(", ".join(f"{name} {value}" for name, value in figure.items()), flush=True)
        found.append(figure)
    return found


def way(device: torch.device, *, reference: bool = False) -> AbstractContextManager:
    """A GPU takes its own way; a CPU takes a GPU's where it stands in for one."""
    return nullcontext() if device.type != "cpu" else forced(batched=not reference)


def name_of(device: torch.device) -> str:
    if device.type != "cuda":
        return "cpu, on the way of a GPU"
    major, minor = torch.cuda.get_device_capability(device)
    return f"{torch.cuda.get_device_name(device)}, compute capability {major}.{minor}"


# -- right ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Seen:
    """What one device makes of the embedded model: nats of learned tokens, gradients of two adapters, answers."""

    losses: np.ndarray
    gradients: torch.Tensor
    answers: list[list[int]]


def right(device: torch.device) -> Iterator[dict[str, object]]:
    """At each precision, how far this device is from the CPU, and how far that is from 32 bits: the spread."""
    cpu = torch.device("cpu")
    exact = seen(32, "float32", cpu, reference=True)
    for bits in BITS:
        dtype = "float32" if bits == 32 else "bfloat16"
        expected = exact if bits == 32 else seen(bits, dtype, cpu, reference=True)
        found = seen(bits, dtype, device)
        apart = float(np.abs(found.losses - expected.losses).mean())
        spread = float(np.abs(expected.losses - exact.losses).mean())
        same = [first_difference(a, b) / len(b) for a, b in zip(found.answers, expected.answers, strict=True)]
        yield {
            "bits": bits,
            "losses_apart": apart,
            "losses_spread": spread,
            "gradients_apart": float((found.gradients - expected.gradients).norm() / expected.gradients.norm()),
            "gradients_spread": float((expected.gradients - exact.gradients).norm() / exact.gradients.norm()),
            "greedy_same": float(np.mean(same)),
            "right": apart <= max(EXACT, SPREADS * spread),
        }


def seen(bits: int, dtype: str, device: torch.device, *, reference: bool = False) -> Seen:
    rows = load_pool("ladder", n=60, seed=0).iloc[:12]
    model = load_model("pocket", bits=bits, dtype=dtype, device=str(device))
    adapters = [shaken(model, seed) for seed in (0, 1)]
    works = [work_of(model, a, model.encode(rows.iloc[i::2])) for i, a in enumerate(adapters)]
    for adapter in adapters:
        adapter.open()
    asked = [Prompt(model.prompt(p), a, 1, 0.0, 24, (), (0,)) for a in adapters for p in rows.prompt[:4]]
    with way(device, reference=reference):
        losses = np.concatenate(sum(read_tokens(model, works), []))
        values, _ = run_batch(model, works, [(i, work.packs) for i, work in enumerate(works)], likelihood, grad=True)
        values.sum().backward()
        answers = [own[0].tokens for own in write(model, asked)]
    return Seen(losses, torch.cat([a.weights.grad.float().cpu() for a in adapters]), answers)


def shaken(model: Model, seed: int) -> Adapter:
    """An adapter that changes something: a fresh one's B is zero."""
    adapter = model.adapter(seed)
    noise = torch.randn(adapter.weights.shape, generator=torch.Generator().manual_seed(seed))
    adapter.weights.data += 0.02 * noise.to(adapter.weights)
    return adapter


def first_difference(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two answers have in common from their beginning on."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


# -- ceiling ----------------------------------------------------------------------------------------------------------
def ceiling(device: torch.device, n: int) -> dict[str, float]:
    """What the device does of plain work in bfloat16: flops of an (n, n) product, bytes of a copy; both a second."""
    x = torch.randn(n, n, device=device, dtype=torch.bfloat16)
    flops = 2 * n**3 / timed(device, lambda: x @ x, 10)
    source = torch.empty(16 * n * n, dtype=torch.bfloat16, device=device)
    target = torch.empty_like(source)
    copied = 2 * source.nbytes / timed(device, lambda: target.copy_(source), 10)  # read and written
    return {"flops_a_second": flops, "bytes_a_second": copied}


def timed(device: torch.device, run: Callable[[], object], repeats: int) -> float:
    """Median seconds of a call, after one that is not counted."""
    run()
    seconds = []
    for _ in range(repeats):
        wait(device)
        began = time.perf_counter()
        run()
        wait(device)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


# -- speed ------------------------------------------------------------------------------------------------------------
def speeds(
    device: torch.device, sizes: Sequence[Size], repeats: int, ceiling: Mapping[str, float], *, trl: bool
) -> Iterator[dict[str, object]]:
    """Training and decoding of each size at 16 and 4 bits, with 1 and 8 variants."""
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            save(size, folder, device)
            for bits in (16, 4):
                free_models()
                gc.collect()
                model = load_model(folder, bits=bits, dtype="bfloat16", device=str(device))
                how = {"model": size.name, "bits": bits}
                theirs = by_trl(model, size, folder, device, repeats) if trl and bits == 16 else {}
                if theirs:
                    yield how | theirs
                for variants in (1, 8):
                    with way(device):
                        ours = training(model, size, variants, repeats, ceiling)
                        wrote = decoding(model, size, variants, repeats, ceiling)
                    peer = theirs.get("tokens_a_second")
                    yield how | ours | {"times_trl": peer and round(ours["tokens_a_second"] / peer, 2)}
                    yield how | wrote


def save(size: Size, folder: str, device: torch.device) -> None:
    """A model of this shape with random weights, in the hub's format, with the embedded model's tokenizer."""
    from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        vocab_size=size.vocabulary,
        hidden_size=size.hidden,
        intermediate_size=size.intermediate,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.key_heads,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        dtype="bfloat16",
    )
    torch.manual_seed(0)
    with torch.device(device):
        base = Qwen2ForCausalLM(config)
    base.to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(data_path("pocket")).save_pretrained(folder)


def table(size: Size, variant: int, step: int = 0) -> pd.DataFrame:
    """Rows of so many tokens, half of them learned; the tokenizer's are bytes."""
    half = size.tokens // 2 - 2
    rng = np.random.default_rng([variant, step])
    words = ["".join(rng.choice(list("abcdefgh "), half)) for _ in range(2 * size.rows)]
    names = [f"row {step * size.rows + i}" for i in range(size.rows)]
    return pd.DataFrame({"prompt": words[::2], "answer": words[1::2]}, index=names)


def weights_of(model: Model) -> tuple[int, int]:
    """Numbers in the layers' frozen matrices, and in the head."""
    layers = sum(e.in_features * e.out_features for e in model.layout.entries)
    return layers, model.base.get_output_embeddings().weight.numel()


def training(model: Model, size: Size, variants: int, repeats: int, ceiling: Mapping[str, float]) -> dict[str, object]:
    """Steps of all variants side by side. flops: 2 a weight and token on the way there, 2 on the way back, for the
    frozen weights learn nothing; the head only where tokens are learned; attention and adapters not counted."""
    device, adapters = model.device, [model.adapter(seed) for seed in range(variants)]
    tables = [table(size, variant) for variant in range(variants)]
    texts = [text for own in tables for text in model.encode(own)]
    tokens, learned = sum(map(len, texts)), sum(len(text.targets) for text in texts)
    for adapter in adapters:
        adapter.open()
    budget = tokens_for(model, variants, adapters)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    seconds = timed(device, lambda: train_steps(model, adapters, tables, [Sft()] * variants, budget=budget), repeats)
    parts, (layers, head) = model.memory(min(tokens, budget)), weights_of(model)
    peak = torch.cuda.max_memory_allocated(device) / MIB if device.type == "cuda" else None
    return {
        "what": "training",
        "variants": variants,
        "tokens_a_second": round(tokens / seconds, 1),
        "share": (4 * layers * tokens + 4 * head * learned) / seconds / ceiling["flops_a_second"],
        "tokens_a_forward": budget,
        "mib_predicted": round(float(parts.weights + variants * parts.adapter + parts.activations), 1),
        "mib_measured": None if peak is None else round(peak, 1),
    }


def decoding(model: Model, size: Size, variants: int, repeats: int, ceiling: Mapping[str, float]) -> dict[str, object]:
    """Answers of all variants in one wave. bytes: what the weights take as they lie, once a token of all answers;
    keys and values not counted."""
    device, adapters = model.device, [shaken(model, seed) for seed in range(variants)]
    prompt = model.prompt("a" * (size.tokens // 4))
    asked = [Prompt(prompt, a, size.answers, 1.0, size.written, (), (0, i)) for i, a in enumerate(adapters)]
    written: list[int] = []

    def run() -> None:
        answers = [answer for own in write(model, asked) for answer in own]
        written.append(sum(len(answer.tokens) for answer in answers))

    seconds = timed(device, run, repeats)
    own = [p for name, p in model.base.named_parameters() if "lora_" not in name]
    taken = sum(p.nbytes for p in own)  # a tied head's once
    return {
        "what": "decoding",
        "variants": variants,
        "tokens_a_second": round(statistics.median(written) / seconds, 1),
        "share": taken * size.written / seconds / ceiling["bytes_a_second"],
        "answers": variants * size.answers,
    }


def by_trl(model: Model, size: Size, folder: str, device: torch.device, repeats: int) -> dict[str, object]:
    """The same rows, one variant, by TRL's SFTTrainer on a base of its own; variants it trains one after another."""
    figure = {"what": "training by TRL", "variants": 1}
    try:
        import trl
        from transformers import AutoModelForCausalLM

        from benchmarks.sft import trainer
    except ImportError:
        return figure | {"tokens_a_second": None, "note": "TRL is not installed: pip install -e '.[bench]'"}
    work = [table(size, 0, step) for step in range(repeats)]
    tokens = sum(int(model.lengths(own).sum()) for own in work)
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, device_map={"": str(device)})
    seconds = []
    for _ in range(2):  # the first sets up what the second finds there
        with tempfile.TemporaryDirectory() as scratch:
            made = trainer(model, work, scratch, seed=0, base=base, use_cpu=device.type == "cpu")
            wait(device)
            began = time.perf_counter()
            made.train()
            wait(device)
            seconds.append(time.perf_counter() - began)
            base = made.model.unload()
    note = f"TRL {trl.__version__}, {repeats} steps"
    return figure | {"tokens_a_second": round(tokens / seconds[-1], 1), "note": note}


# -- the page ---------------------------------------------------------------------------------------------------------
HEAD = """# On a GPU

`make gpu` on a machine with an NVIDIA GPU holds it against the CPU, measures training and decoding of Qwen2.5's shapes
with random weights, and writes this page and `data/benchmarks/gpu.json`. Nothing is downloaded.
"""
NOT_RUN = """
**Not run yet.** No GPU was at hand while this was written: all that is said of CUDA was computed, counted or tried on a
CPU that takes the way of a GPU (`make bench ONLY=kernels`, and the tests). CUDA graphs, `grouped_mm` in one kernel and
bitsandbytes' own kernels have not been run.
"""


def page(found: Mapping[str, object] | None) -> str:
    """The page of the documentation from a record; None: nothing was run."""
    if found is None:
        return HEAD + NOT_RUN
    lines = [HEAD, f"Run on {found['date']}: {found['device']}.", "", "## Against the CPU", ""]
    lines += [
        "Mean differences of losses (nats a token) and relative ones of gradients; the spread is what rounding to"
    ]
    lines += [
        "that precision changes on the CPU; of greedy answers, the share of tokens before the first that differs."
    ]
    lines += ["", "| bits | losses | spread | gradients | spread | greedy | right |", "|---|---|---|---|---|---|---|"]
    for each in found["right"]:
        numbers = [
            f"{each[name]:.1e}" for name in ("losses_apart", "losses_spread", "gradients_apart", "gradients_spread")
        ]
        verdict = "yes" if each["right"] else "**no**"
        lines.append(f"| {each['bits']} | {' | '.join(numbers)} | {each['greedy_same']:.0%} | {verdict} |")
    peak = found["ceiling"]
    lines += [
        "",
        "## Speed",
        "",
        "Shares are of a plain product's flops in training and of a plain copy's bytes in decoding:",
    ]
    lines += [
        f"{peak['flops_a_second'] / 1e12:.3g} Tflop/s and {peak['bytes_a_second'] / 1e9:.3g} GB/s on this device."
    ]
    lines += ["", "| model | bits | what | variants | tokens/s | times TRL | share | MiB predicted | MiB measured |"]
    lines += ["|---|---|---|---|---|---|---|---|---|"]
    for each in found["speed"]:
        cells = [str(each[name]) for name in ("model", "bits", "what", "variants")]
        cells += [_cell(each.get("tokens_a_second"), ",.0f"), _cell(each.get("times_trl"), ".2f")]
        cells.append(_cell(each.get("share"), ".1%"))
        cells += [_cell(each.get("mib_predicted"), ",.0f"), _cell(each.get("mib_measured"), ",.0f")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(value: float | None, how: str) -> str:
    return "-" if value is None else format(value, how)


if __name__ == "__main__":
    main()
