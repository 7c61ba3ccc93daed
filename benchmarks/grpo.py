"""Policy gradient beside `trl.GRPOTrainer`, which generates in its own process: one variant, and six side by side.

All sides train the same LoRA (r = 16 on every linear layer, float32, equal initial weights) with the same AdamW and the
same loss, without a divergence (beta 0, one update a batch), on the same ladder prompts in the same order: 4 prompts x
8 answers a step. So that every answer has the same number of tokens, both sides are given a tokenizer whose end of text
is a token that the model has no logit for: nothing is suppressed, both sample freely and go on to the limit. In real
runs answers end; ours then leave the batch.

On the clock: training, ours from the first request to the last answer, with sampler, verifier and records; TRL's whole
`train()`. TRL runs without evaluation, checkpoints, gradient checkpointing and progress output. The reward is the same
cheap function of the text on both sides.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from benchmarks.measure import Clock, figure, in_turns, missing
from benchmarks.sft import LORA, plain_base, pool_of
from curriculab.bench.budget import Budget
from curriculab.bench.job import open_job
from curriculab.bench.scheduler import Scheduler
from curriculab.data.loading import load_pool
from curriculab.data.validation import render_prompt
from curriculab.engine.backend import ModelBackend
from curriculab.engine.loading import load_model
from curriculab.engine.model import Model
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Run, Sample, Train

SETTING = Grpo(learning_rate=3e-4)  # the loss that TRL calls dapo, its default, with both clips at 0.2
PROMPTS, GROUP = 4, 8  # a step; 32 answers
LONGEST = 16  # tokens of every answer
Rows = pd.DataFrame


@dataclass
class Count:
    """What one contestant did in one turn, so that both can be held to the same."""

    steps: int = 0
    generated: int = 0  # tokens of answers
    trained: int = 0  # tokens of prompts and answers


def run(
    *, steps: int = 30, variants: int = 6, repeats: int = 3, say: Callable[[str], None] = print
) -> Iterator[dict[str, object]]:
    """The figures of this family, one by one."""
    model, pool = endless(load_model("pocket", bits=32)), load_pool("ladder", n=3000, seed=0)
    for name, many in (("grpo_one_vs_trl", 1), ("grpo_six_vs_trl", variants)):
        say(f"{name}: {many} variants, {PROMPTS} prompts x {GROUP} answers of {LONGEST} tokens a step")
        yield compare(name, model, tables(pool, steps, many), repeats)


def endless(model: Model) -> Model:
    """The same model with a tokenizer whose end of text it cannot write: the first number behind its logits."""
    tokenizer, size = copy.deepcopy(model.tokenizer), int(model.base.config.vocab_size)
    tokenizer.add_tokens([f"<|unused {i}|>" for i in range(len(tokenizer), size)])
    tokenizer.add_special_tokens({"eos_token": "<|never|>"})
    if tokenizer.eos_token_id != size:
        raise AssertionError(f"the end of text is token {tokenizer.eos_token_id}, not {size}; answers would end")
    never = replace(model, tokenizer=tokenizer)
    never.texts = replace(never.texts, stops=())  # the model's own configuration names the end that it can write
    return never


def tables(pool: Rows, steps: int, variants: int) -> list[list[Rows]]:
    """What each variant is asked: its own random order, cut into steps."""
    cut = []
    for variant in range(variants):
        order = np.random.default_rng([variant, PROMPTS]).permutation(len(pool))[: PROMPTS * steps]
        cut.append([pool.iloc[order[k * PROMPTS : (k + 1) * PROMPTS]] for k in range(steps)])
    return cut


def worth(texts: Sequence[str]) -> list[float]:
    """The reward: how many different characters an answer has, over its number of tokens."""
    return [len(set(text)) / LONGEST for text in texts]


def compare(name: str, model: Model, work: list[list[Rows]], repeats: int) -> dict[str, object]:
    counts = {"ours": Count(), "trl": Count()}
    side_by_side(model, [own[:1] for own in work], Count(), Clock())
    try:
        by_trl(model, [work[0][:1]], Count(), Clock())
    except ImportError:
        why = "TRL is not installed: pip install -c constraints.txt -e '.[bench]'"
        return missing(name, unit="steps/s", note=why)
    clocks = in_turns(
        {
            "ours": partial(side_by_side, model, work, counts["ours"]),
            "trl": partial(by_trl, model, work, counts["trl"]),
        },
        repeats,
    )
    if counts["ours"] != counts["trl"]:
        raise AssertionError(f"{name}: the work differs, ours {counts['ours']}, TRL's {counts['trl']}")
    steps, done = len(work) * len(work[0]), counts["ours"]
    note = f"{len(work)} x {len(work[0])} steps of {PROMPTS} x {GROUP} answers, {done.generated // repeats} tokens "
    note += f"written and {done.trained // repeats} trained on either side, float32"
    return figure(name, clocks["ours"], clocks["trl"], work=steps, unit="steps/s", note=note)


# -- ours ------------------------------------------------------------------------------------------
def in_order(pool: Rows, run: Run, *, work: list[Rows]) -> Generator:
    """A method that samples the tables it was given, rewards the answers and trains them."""
    for rows in work:
        out = yield Sample(rows, run.rollouts)
        yield Train(out.assign(reward=worth(out.text)))


def side_by_side(model: Model, work: list[list[Rows]], count: Count, clock: Clock) -> None:
    """All variants in one loop."""
    steps = len(work[0])
    learner = ModelBackend(model, {"grpo": SETTING}, max_new_tokens=LONGEST)
    jobs = [
        open_job(
            f"variant {i}",
            partial(in_order, work=own),
            pool_of(own),
            seed=i,
            batch=PROMPTS,
            rollouts=GROUP,
            objective=learner.setting,
        )
        for i, own in enumerate(work)
    ]
    for i, job in enumerate(jobs):
        learner.adapters[job.variant, job.seed] = {"learner": model.adapter(i)}
    loop = Scheduler(learner, Budget(steps=steps))
    clock.time(lambda: loop.drive(jobs))
    for job in jobs:
        if job.run.step != steps:
            raise AssertionError(f"{job.variant}: {job.run.step} of {steps} steps, {job.ended}")
        count.steps += job.run.step
        count.generated += job.spent.generated
        count.trained += job.spent.tokens


# -- TRL ------------------------------------------------------------------------------------------
def by_trl(model: Model, work: list[list[Rows]], count: Count, clock: Clock) -> None:
    """One trainer per variant; one turn is the time of all their `train()`."""
    turn = Clock()
    for i, own in enumerate(work):
        with tempfile.TemporaryDirectory() as folder:
            made = trainer(model, own, folder, count, seed=i)
            turn.time(made.train)
        count.steps += made.state.global_step
        count.trained += int(made.state.num_input_tokens_seen)
    clock.wall.append(sum(turn.wall))
    clock.cpu.append(sum(turn.cpu))


def trainer(model: Model, work: list[Rows], folder: str, count: Count, *, seed: int) -> object:
    """TRL's trainer with our initial adapter, on a base of its own; the reward counts the tokens it is shown."""
    from datasets import Dataset
    from peft import LoraConfig, set_peft_model_state_dict
    from transformers import PrinterCallback
    from trl import GRPOConfig, GRPOTrainer

    def reward(completions: list[str], completion_ids: list[list[int]], **others: object) -> list[float]:
        count.generated += sum(map(len, completion_ids))
        return worth(completions)

    base = plain_base(32)
    base.generation_config.eos_token_id = model.tokenizer.eos_token_id
    config = GRPOConfig(
        output_dir=folder,
        per_device_train_batch_size=PROMPTS * GROUP,
        num_generations=GROUP,
        max_steps=len(work),
        max_completion_length=LONGEST,
        temperature=1.0,
        shuffle_dataset=False,
        gradient_accumulation_steps=1,
        num_iterations=1,
        beta=0.0,
        loss_type="dapo",
        epsilon=SETTING.epsilon,
        epsilon_high=SETTING.epsilon_high,
        scale_rewards="group",
        learning_rate=SETTING.learning_rate,
        weight_decay=SETTING.weight_decay,
        seed=seed,
        max_grad_norm=SETTING.max_grad_norm,
        lr_scheduler_type="constant",
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        logging_steps=10,
    )
    prompts = [render_prompt(prompt) for rows in work for prompt in rows["prompt"]]
    made = GRPOTrainer(
        model=base,
        reward_funcs=reward,
        args=config,
        train_dataset=Dataset.from_dict({"prompt": prompts}),
        processing_class=model.tokenizer,
        peft_config=LoraConfig(**LORA),
    )
    made.remove_callback(PrinterCallback)
    set_peft_model_state_dict(made.model, model.adapter(seed).tensors())
    return made
