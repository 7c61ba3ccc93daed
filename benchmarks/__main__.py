"""`python -m benchmarks [--only FAMILY]`: prints the ratios and writes them to bench.json."""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

FAMILIES = ("score", "sft", "grpo", "draws", "irt", "bootstrap", "kernels")


def main(given: Sequence[str] | None = None) -> Path:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios to what else you could use.")
    parser.add_argument("--only", choices=FAMILIES, help="one family of benchmarks")
    parser.add_argument("--repeats", type=int, default=3, help="turns of every contestant (default 3)")
    parser.add_argument("--to", type=Path, default=Path("bench.json"), help="where the figures go")
    asked = parser.parse_args(given)
    quiet()

    import torch

    from benchmarks import bootstrap, draws, grpo, irt, kernels, measure, score, sft

    torch.set_num_threads(1)
    print(measure.machine(), flush=True)
    families = (score, sft, grpo, draws, irt, bootstrap, kernels)
    modules = dict(zip(FAMILIES, families, strict=True))
    began, figures = time.time(), []
    for family in (asked.only,) if asked.only else FAMILIES:
        module = modules[family]
        for figure in module.run(repeats=asked.repeats, say=lambda text: print(f"- {text}", flush=True)):
            figures.append(figure)
            print(line(figure), flush=True)
    asked.to.write_text(json.dumps(figures, indent=1) + "\n")
    print(
        f"{asked.to}: {len(figures)} figures in {(time.time() - began) / 60:.1f} minutes, load average {measure.load()}"
    )
    return asked.to


def line(figure: dict[str, object]) -> str:
    if figure["ours"] is None:
        return f"{figure['name']:32s}      -   {figure['note']}"
    ours = short(figure["ours"])
    if figure["ratio"] is None:
        return f"{figure['name']:32s}      -   {ours} {figure['unit']}; {figure['note']}"
    speeds = f"{ours} against {short(figure['peer'])} {figure['unit']}"
    return f"{figure['name']:32s} {figure['ratio']:6.2f}   {speeds}; {figure['note']}"


def short(x: float) -> str:
    """Three digits, or all before the point where these are more."""
    return f"{x:.0f}" if x >= 100 else f"{x:.3g}"


def quiet() -> None:
    """No progress bars and no warnings of others between the figures."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    warnings.filterwarnings("ignore")
    from datasets.utils.logging import disable_progress_bar
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    disable_progress_bar()
    logging.getLogger("trl").setLevel(logging.ERROR)


if __name__ == "__main__":
    main()
