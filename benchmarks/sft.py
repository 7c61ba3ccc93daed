"""Six variants side by side, against six runs of TRL and against the same six one after another by our own loop.

All sides train the same LoRA (r = 16 on every linear layer, float32, equal initial weights) with the same AdamW on the
same ladder rows in the same order, and learn the answers only (prompts are read, not learned). On the clock: training,
ours from the first request to the last answer, records included; TRL's whole `train()`. Off the clock is what stands
before it: loading, tokenising, building trainers and adapters. TRL runs without evaluation, checkpoints, gradient
checkpointing and progress output, on rows that are tokens already, padded to the longest of their batch as it does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch

from benchmarks.measure import Clock, figure, in_turns, missing
from curriculab.bench.budget import Budget
from curriculab.bench.job import Job, open_job
from curriculab.bench.scheduler import Scheduler
from curriculab.data.files import data_path
from curriculab.data.loading import load_pool
from curriculab.engine.backend import ModelBackend
from curriculab.engine.loading import load_model
from curriculab.engine.model import Model
from curriculab.engine.training import train_steps
from curriculab.objectives.sft import Sft
from curriculab.protocol import Run, Train

SETTING = Sft(learning_rate=1e-3)
LORA = dict(r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
SAME_LOSS = 1e-4  # relative difference of the first step's loss; both sides start from the same weights
LONG = 16  # from so many rows a step on: half the steps, so that the whole stays within half an hour
Rows = pd.DataFrame


def run(
    *,
    rows: Sequence[int] = (4, 2, 8, 16, 32),
    steps: int = 30,
    variants: int = 6,
    repeats: int = 3,
    nf4: bool = True,
    say: Callable[[str], None] = print,
) -> Iterator[dict[str, object]]:
    """The figures of this family, one by one."""
    pool = load_pool("ladder", n=3000, seed=0)
    for bits, sizes in ((32, rows), (4, rows[:1] if nf4 else ())):
        for n in sizes:
            say(f"sft: {variants} variants, {n} rows a step, {bits} bits")
            work = tables(pool, n, steps if n < LONG else -(-steps // 2), variants)
            yield from compare(load_model("pocket", bits=bits), work, n, repeats if bits == 32 else 1)


def tables(pool: Rows, rows: int, steps: int, variants: int) -> list[list[Rows]]:
    """What each variant trains: its own random order, cut into steps."""
    cut = []
    for variant in range(variants):
        order = np.random.default_rng([variant, rows]).permutation(len(pool))[: rows * steps]
        cut.append([pool.iloc[order[k * rows : (k + 1) * rows]] for k in range(steps)])
    return cut


def compare(model: Model, work: list[list[Rows]], rows: int, repeats: int) -> list[dict[str, object]]:
    tokens = sum(int(model.lengths(t).sum()) for steps in work for t in steps)  # also warms the tokeniser's cache up
    end = ("" if rows == 4 else f"_rows{rows}") + ("" if model.bits == 32 else "_nf4")
    about = f"{len(work)} variants x {len(work[0])} steps x {rows} rows, {tokens} tokens, loss on answers, "
    about += "float32" if model.bits == 32 else "NF4 base, float32 adapters (not judged)"
    contestants = {"ours": partial(side_by_side, model, work), "sequential": partial(one_by_one, model, work)}
    for train in contestants.values():
        train(Clock(), steps=1)
    lines, why = [], ""
    try:
        off = first_loss_apart(model, work[0][0])
        contestants["trl"] = partial(by_trl, model, work)
    except ImportError:
        why = "TRL is not installed: pip install -c constraints.txt -e '.[bench]'"
    except (RuntimeError, ValueError) as error:  # of a quantised base on a CPU
        if model.bits == 32:
            raise
        why = f"TRL does not train here: {' '.join(str(error).split())[:120]}"
    if not why and model.bits == 32 and off > SAME_LOSS:
        raise AssertionError(
            f"TRL's first loss is {off:.1e} from ours, at most {SAME_LOSS:.0e} is rounding; the data differ"
        )
    clocks = in_turns(contestants, repeats, once=("trl",) if rows >= 8 else ())
    if why:
        lines.append(missing(f"sft_six_vs_trl{end}", unit="tokens/s", note=why))
    else:
        theirs = "" if model.bits == 32 else ", TRL's adapters bfloat16"
        lines.append(
            figure(
                f"sft_six_vs_trl{end}",
                clocks["ours"],
                clocks["trl"],
                work=tokens,
                unit="tokens/s",
                note=f"{about}{theirs}, first losses {off:.0e} apart",
            )
        )
    lines.append(
        figure(
            f"sft_six_vs_sequential{end}",
            clocks["ours"],
            clocks["sequential"],
            work=tokens,
            unit="tokens/s",
            note=about,
        )
    )
    return lines


# -- ours ------------------------------------------------------------------------------------------
def in_order(pool: Rows, run: Run, *, work: list[Rows]) -> Generator:
    """A method that trains the tables it was given."""
    for rows in work:
        yield Train(rows)


def pool_of(work: list[Rows]) -> Rows:
    """All rows of the tables, each once."""
    whole = pd.concat(work)
    return whole[~whole.index.duplicated()]


def side_by_side(model: Model, work: list[list[Rows]], clock: Clock, *, steps: int | None = None) -> ModelBackend:
    """All variants in one loop."""
    learner, jobs, loop = _open(model, work, range(len(work)), steps)
    clock.time(lambda: loop.drive(jobs))
    _demand_all(jobs, steps or len(work[0]))
    return learner


def one_by_one(model: Model, work: list[list[Rows]], clock: Clock, *, steps: int | None = None) -> None:
    """The same loop once per variant; one turn is the time of all."""
    opened = [_open(model, work, [i], steps) for i in range(len(work))]
    clock.time(lambda: [loop.drive(jobs) for _, jobs, loop in opened])
    for _, jobs, _ in opened:
        _demand_all(jobs, steps or len(work[0]))


def _open(
    model: Model, work: list[list[Rows]], which: Sequence[int], steps: int | None
) -> tuple[ModelBackend, list[Job], Scheduler]:
    learner = ModelBackend(model, {"sft": SETTING})
    jobs = [
        open_job(
            f"variant {i}",
            partial(in_order, work=work[i]),
            pool_of(work[i]),
            seed=i,
            batch=len(work[i][0]),
            rollouts=1,
            objective=learner.setting,
        )
        for i in which
    ]
    for i, job in zip(which, jobs, strict=True):
        learner.adapters[job.variant, job.seed] = {"learner": model.adapter(i)}
    return learner, jobs, Scheduler(learner, Budget(steps=steps or len(work[0])))


def _demand_all(jobs: Sequence[Job], steps: int) -> None:
    short = [f"{j.variant}: {j.run.step} of {steps} steps, {j.ended}" for j in jobs if j.run.step != steps]
    if short:
        raise AssertionError("; ".join(short))


# -- TRL ------------------------------------------------------------------------------------------
def by_trl(model: Model, work: list[list[Rows]], clock: Clock, *, steps: int | None = None) -> None:
    """One trainer per variant; one turn is the time of all their `train()`."""
    turn = Clock()
    for i, own in enumerate(work):
        with tempfile.TemporaryDirectory() as folder:
            made = trainer(model, own[:steps], folder, seed=i)
            turn.time(made.train)
        read, wanted = made._total_train_tokens, sum(int(model.lengths(t).sum()) for t in own[:steps])
        if read != wanted:
            raise AssertionError(f"TRL trained {read} tokens of variant {i}, ours {wanted}; the data differ")
    clock.wall.append(sum(turn.wall))
    clock.cpu.append(sum(turn.cpu))


def trainer(
    model: Model,
    work: list[Rows],
    folder: str,
    *,
    seed: int,
    logging_steps: int = 10,
    base: torch.nn.Module | None = None,
    use_cpu: bool = True,
) -> object:
    """TRL's trainer with our initial adapter, on a base of its own: the pocket model where none is given."""
    from datasets import Dataset
    from peft import LoraConfig, set_peft_model_state_dict
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    texts = [text for rows in work for text in model.encode(rows)]
    labels = [np.where(t.learned, t.tokens, -100).tolist() for t in texts]
    config = SFTConfig(
        output_dir=folder,
        per_device_train_batch_size=len(work[0]),
        max_steps=len(work),
        learning_rate=SETTING.learning_rate,
        weight_decay=SETTING.weight_decay,
        max_grad_norm=SETTING.max_grad_norm,
        lr_scheduler_type="constant",
        max_length=None,
        train_sampling_strategy="sequential",
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=use_cpu,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        logging_steps=logging_steps,
    )
    made = SFTTrainer(
        model=base or plain_base(model.bits),
        args=config,
        processing_class=model.tokenizer,
        peft_config=LoraConfig(**LORA),
        train_dataset=Dataset.from_dict({"input_ids": [t.tokens.tolist() for t in texts], "labels": labels}),
    )
    made.remove_callback(PrinterCallback)
    set_peft_model_state_dict(made.model, model.adapter(seed).tensors())
    return made


def plain_base(bits: int) -> torch.nn.Module:
    """The pocket model as transformers loads it."""
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    nf4 = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32,
    )
    how = {"quantization_config": nf4} if bits == 4 else {}
    return AutoModelForCausalLM.from_pretrained(data_path("pocket"), dtype=torch.float32, device_map={"": "cpu"}, **how)


def first_loss_apart(model: Model, rows: Rows) -> float:
    """Relative difference of TRL's first loss from ours, on the same rows; also warms TRL up."""
    (theirs,) = losses_by_trl(model, [rows])
    answer = train_steps(model, [model.adapter(0)], [rows], [SETTING])[0]
    ours = float(np.average(answer.reply["loss"], weights=answer.learned))
    return abs(theirs - ours) / ours


def losses_by_trl(model: Model, work: list[Rows]) -> list[float]:
    """TRL's loss at every step, from our adapter of seed 0 on."""
    with tempfile.TemporaryDirectory() as folder:
        made = trainer(model, work, folder, seed=0, logging_steps=1)
        made.train()
    return [float(entry["loss"]) for entry in made.state.log_history if "loss" in entry]
