"""A bench of a real instruct model, SmolLM2-135M: `python -m benchmarks.real` (`make real`).

Does easy to hard help it on word problems? Random order, the curriculum, its reverse, its shuffled scores and three
null orders, in float32 with several seeds. Judged by the loss of the reference solutions of test rows, with accuracy
beside it; and what measures of difficulty agree about. Results go to data/reference/, with date and versions. Stopped
and called again it goes on: finished runs are kept in the store.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

CURRICULUM = "easy to hard"
MEASURED = ("level", "reasoning_steps", "token_length", "answer_loss", "answer_entropy", "instruction_difficulty")
LONGEST = {"word_problems": 96, "gsm8k": 110}  # tokens of a row that is trained: 90 minutes on two cores, reckoned
ROWS = 400  # to train on; 30 steps of 8 see 240 of them


def settings(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real", description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2", help="what cl.load_model takes (default smollm2)")
    parser.add_argument(
        "--data", choices=LONGEST, default="word_problems", help="gsm8k: from the folder CURRICULAB_DATA"
    )
    parser.add_argument("--seeds", type=int, default=5, help="repetitions of every variant (default 5)")
    parser.add_argument("--first", type=int, default=0, help="first seed: several processes can share the seeds")
    parser.add_argument("--steps", type=int, default=30, help="optimiser steps of 8 rows (default 30)")
    parser.add_argument("--tests", type=int, default=60, help="test rows (default 60)")
    parser.add_argument("--longest", type=int, help="tokens of the longest row (default: by the data)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of torch (default: all cores)")
    parser.add_argument("--store", type=Path, default=Path("runs/real"), help="finished runs are kept and found here")
    parser.add_argument("--to", type=Path, default=Path("data/reference"), help="where results go")
    parser.add_argument("--train-only", action="store_true", help="fill the store, write no results")
    asked = parser.parse_args(given)
    asked.longest = asked.longest or LONGEST[asked.data]
    return asked


def problems(data: str) -> pd.DataFrame:
    """The rows: those that ship, or GSM8K's training file."""
    import curriculab as cl

    if data == "word_problems":
        return cl.load_pool("word_problems", levels=[1, 2, 3])
    columns = {"prompt": "question", "solution": "answer", "answer": cl.text_after("answer", "####")}
    columns["level"] = cl.count_solution_steps("answer")
    return cl.load_pool(Path(os.environ.get("CURRICULAB_DATA", ".")) / "gsm8k_train.jsonl", columns=columns)


def bench_of(asked: argparse.Namespace) -> object:
    """The bench: supervised, plain rendering (no template around prompts, so that rows are short)."""
    import curriculab as cl

    model = cl.load_model(asked.model, bits=32, device="cpu", chat=False)
    pool = problems(asked.data)
    pool = pool[model.lengths(pool) <= asked.longest]
    train, test = cl.split(pool, test=asked.tests, by="level", seed=0)
    train = train.iloc[np.random.default_rng(0).permutation(len(train))[:ROWS]]
    return cl.Bench(
        model, train, test, budget=cl.Budget(steps=asked.steps), batch_size=8, store=asked.store, valid=None
    )


def reference_losses(bench: object, chosen: object) -> pd.DataFrame:
    """Loss (nats a token) of the reference solution of every test row after training: variant, seed, id, loss."""
    import curriculab as cl
    from curriculab.protocol import Ask

    parts = []
    for (variant, seed), digest in chosen.digests.items():
        (folder,) = bench.store.root.glob(f"*-{digest}")
        adapter = bench.model.load_adapter(folder / "adapter")
        backend = bench.model.backend(adapters={(variant, seed): {"learner": adapter}})
        (answer,) = backend.answer([Ask((variant, seed), 1, 0, (0,), cl.Score(bench.test, "nll"))])
        if isinstance(answer, Exception):
            raise answer
        parts.append(
            pd.DataFrame({"variant": variant, "seed": seed, "id": bench.test.index, "loss": answer.reply["nll"]})
        )
    return pd.concat(parts, ignore_index=True)


def table_of(losses: pd.DataFrame, runs: object, variants: Sequence[str]) -> pd.DataFrame:
    """A line a variant: loss and accuracy over seeds, and their differences to random order with t intervals.

    loss_p is Holm's over the variants that are no null orders.
    """
    from curriculab import statistics

    loss = losses.groupby(["variant", "seed"]).loss.mean().unstack("seed")
    last = runs.items[runs.items.share == 1.0]
    accuracy = last.groupby(["variant", "seed"]).correct.mean().unstack("seed")
    lines = {}
    for name in variants:
        line = {"loss": loss.loc[name].mean(), "loss_sd": loss.loc[name].std(ddof=1)}
        line |= {"accuracy": accuracy.loc[name].mean(), "accuracy_sd": accuracy.loc[name].std(ddof=1)}
        if name != "random":
            for what, values in (("loss", loss), ("accuracy", accuracy)):
                found = statistics.paired_t((values.loc[name] - values.loc["random"]).to_numpy())
                line |= {f"{what}_difference": found.mean, f"{what}_low": found.low, f"{what}_high": found.high}
                line[f"{what}_p"] = found.p
        lines[name] = line
    table = pd.DataFrame.from_dict(lines, orient="index").rename_axis("variant")
    tested = [name for name in variants if name != "random" and name not in runs.null]
    for what in ("loss", "accuracy"):
        table.loc[[n for n in variants if n not in tested], f"{what}_p"] = np.nan
        table.loc[tested, f"{what}_p"] = statistics.holm(table.loc[tested, f"{what}_p"].to_numpy())
    return table


def sentence(table: pd.DataFrame, null: Sequence[str], seeds: int) -> str:
    """What was found about the curriculum, in words."""
    found = table.loc[CURRICULUM]
    band = table.loc[[*null, "random"], "loss"]
    known = "is lower" if found.loss_difference < 0 else "is higher"
    if not found.loss_p < 0.05:
        known = "does not differ detectably"
    spread = f", {found.accuracy_low:+.3f} to {found.accuracy_high:+.3f}"
    if not np.isfinite(found.accuracy_low):
        spread = " in every seed"
    return (
        f"After training by {CURRICULUM} the loss of the reference solutions {known}: {found.loss_difference:+.4f} "
        f"nats a token against random order, 95% interval {found.loss_low:+.4f} to {found.loss_high:+.4f}, Holm's p "
        f"{found.loss_p:.3f}, {seeds} seeds; random orders alone lie between {band.min():.4f} and {band.max():.4f}, "
        f"it at {found.loss:.4f}. Accuracy {found.accuracy:.3f} against {table.loc['random', 'accuracy']:.3f} "
        f"({found.accuracy_difference:+.3f}{spread})."
    )


def agreement(bench: object) -> pd.DataFrame:
    """Spearman's correlation between measures of difficulty of the training rows, before training."""
    import curriculab as cl

    return cl.difficulty.measure(bench.train, bench.model, list(MEASURED)).corr(method="spearman")


def main(given: Sequence[str] | None = None) -> dict[str, object] | None:
    """Train what is not recorded yet, seed after seed, and write what came of it; None with --train-only."""
    asked = settings(given)
    import torch

    import curriculab as cl
    from benchmarks import measure
    from curriculab.registry.fingerprint import versions
    from curriculab.registry.writing import write_whole

    torch.set_num_threads(asked.threads)
    bench, variants = bench_of(asked), {CURRICULUM: cl.methods.easy_to_hard}
    seeds = range(asked.first, asked.seeds)
    for seed in seeds:
        bench.run(variants, seeds=[seed], controls=True, progress=sys.stderr.isatty())
        print(f"seed {seed}: {asked.seeds - seed - 1} to go", flush=True)
    if asked.train_only:
        return None
    runs = bench.run(variants, seeds=asked.seeds, controls=True, progress=False)
    losses = reference_losses(bench, bench.ask(variants, seeds=asked.seeds, controls=True))
    table = table_of(losses, runs, [*runs.variants, *runs.null])
    start = runs.items[runs.items.share == 0.0].correct.mean()
    about = {
        "question": f"Does {CURRICULUM} help {asked.model} on {asked.data}?",
        "date": date.today().isoformat(),
        "verdict": sentence(table, runs.null, asked.seeds),
        "accuracy_before_training": round(float(start), 4),
        "command": f"python -m benchmarks.real --data {asked.data} --seeds {asked.seeds} --steps {asked.steps}",
        "settings": {
            "model": bench.model.record(),
            "objective": repr(bench.objectives["sft"]),
            "steps": asked.steps,
            "batch_size": 8,
            "training_rows": len(bench.train),
            "test_rows": len(bench.test),
            "longest_row_tokens": asked.longest,
            "seeds": asked.seeds,
            "variants": list(runs.variants),
            "null_orders": list(runs.null),
        },
        "versions": versions(),
        "machine": measure.machine(),
        "failed": {f"{v}, seed {s}": why for (v, s), why in runs.failed.items()},
    }
    stem = f"real_{asked.data}"
    results = {
        f"{stem}_table.csv": table.round(6).to_csv(),
        f"{stem}_losses.csv": losses.round(6).to_csv(index=False),
        f"{stem}_measures.csv": agreement(bench).round(4).rename_axis("measure").to_csv(),
        f"{stem}.json": json.dumps(about, indent=1, default=str) + "\n",  # last: it describes the others
    }
    asked.to.mkdir(parents=True, exist_ok=True)
    for name, text in results.items():
        write_whole(asked.to / name, text.encode())
    print(table.round(4).to_string())
    print(about["verdict"])
    return about


if __name__ == "__main__":
    main()
