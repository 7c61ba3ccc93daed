"""Reinforcement: advantages by hand, the loss and its gradient against TRL's trainer, answers handed in, equal bits."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

import curriculab as cl
from curriculab.bench.budget import Budget
from curriculab.bench.job import open_job
from curriculab.bench.scheduler import Scheduler
from curriculab.data.files import data_path
from curriculab.engine.attention import RowAttention
from curriculab.engine.backend import ModelBackend
from curriculab.engine.generation import Prompt, write
from curriculab.engine.loading import load_model
from curriculab.engine.packing import Work, read_tokens
from curriculab.engine.texts import context_hash
from curriculab.engine.training import train_steps
from curriculab.environments.turns import say, tell
from curriculab.objectives.grpo import Grpo
from curriculab.objectives.sft import Sft
from curriculab.protocol import Piece, Sample, Train

pytestmark = pytest.mark.pocket
CASES = {  # TRL's loss_type, and our setting of it
    "grpo": Grpo(loss_type="grpo"),
    "bnpo": Grpo(loss_type="bnpo"),
    "dapo": Grpo(epsilon_high=0.28),
    "dr_grpo": Grpo(loss_type="dr_grpo", max_completion_length=12, scale_rewards=False),
    "cispo": Grpo(loss_type="cispo", epsilon_high=1.1),
    "grpo, plain kl": Grpo(loss_type="grpo", use_bias_correction_kl=False),
}


@pytest.fixture(scope="module")
def model():
    return load_model("pocket", bits=32)


@pytest.fixture(scope="module")
def pool():
    return cl.load_pool("ladder", n=60, seed=0)


# -- advantages -------------------------------------------------------------------------------------------------------
def answers(**columns) -> pd.DataFrame:
    return pd.DataFrame({"prompt": "q", **columns}, index=[f"r{i}" for i in range(len(next(iter(columns.values()))))])


def test_advantages_by_hand_in_ragged_groups():
    rows = answers(group=[7, 7, 7, 7, 9, 9, 3], reward=[1.0, 0, 0, 1, 1, 0, 1])
    assert np.allclose(Grpo(scale_rewards="none").advantages(rows), [0.5, -0.5, -0.5, 0.5, 0.5, -0.5, 0])
    four, two = np.sqrt(4 * 0.25 / 3) + 1e-4, np.sqrt(2 * 0.25 / 1) + 1e-4
    scaled = [0.5 / four, -0.5 / four, -0.5 / four, 0.5 / four, 0.5 / two, -0.5 / two, 0]
    assert np.allclose(Grpo().advantages(rows), scaled)
    loo = [1 - 1 / 3, 0 - 2 / 3, 0 - 2 / 3, 1 - 1 / 3, 1 - 0, 0 - 1, 0]  # against the mean of the others
    assert np.allclose(Grpo(baseline="others", scale_rewards="none").advantages(rows), loo)
    assert np.allclose(Grpo(baseline="none", scale_rewards="none").advantages(rows), rows.reward)
    whole = rows.reward.std(ddof=1) + 1e-4
    assert np.allclose(
        Grpo(scale_rewards="batch").advantages(rows), np.array([0.5, -0.5, -0.5, 0.5, 0.5, -0.5, 0]) / whole
    )
    assert Grpo().advantages(rows.assign(advantage=2.0)).tolist() == [2.0] * 7  # a method's own come first


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Grpo(loss_type="ppo"),
            "Grpo(loss_type='ppo'); choose 'grpo' or 'bnpo' or 'dapo' or 'dr_grpo' or 'cispo'",
        ),
        (
            lambda: Grpo(loss_type="cispo"),
            "Grpo(loss_type='cispo') needs epsilon_high, the largest ratio; 5.0 is usual",
        ),
        (
            lambda: Grpo(baseline="none"),
            "Grpo(baseline='none', scale_rewards='group') blows up where all rewards of a group are alike; choose "
            "scale_rewards='none' (REINFORCE) or 'batch'",
        ),
        (
            lambda: Grpo().advantages(answers(reward=[1.0, 0.0], group=[1.0, np.nan])),
            "row 'r1' has no `group` (1 of 2 answers); give it one",
        ),
        (lambda: Grpo(num_iterations=0), "Grpo(num_iterations=0); give a whole number of at least 1"),
        (
            lambda: Grpo().advantages(answers(reward=[1.0, np.nan], group=[0, 0])),
            "the reward of row 'r1' is nan (1 of 2 answers); give every answer a number, or leave it out",
        ),
        (
            lambda: Grpo().advantages(answers(correct=[1.0])),
            "Grpo reads `advantage`, or `reward` and `group`; the rows have ['prompt', 'correct']",
        ),
    ],
)
def test_bad_settings_say_what_is_allowed(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


# -- against TRL ------------------------------------------------------------------------------------------------------
def completed(model, pool, *, old: bool, seed: int = 0) -> pd.DataFrame:
    """Three groups of four answers of 1 to 12 tokens; `old`: with log-probabilities that are not the model's."""
    rng = np.random.default_rng(seed)
    rows = pool.iloc[np.repeat([3, 4, 5], 4)]
    prompts = [
        Prompt(model.prompt(p), None, 1, 1.0, int(rng.integers(1, 13)), (), (seed, i))
        for i, p in enumerate(rows.prompt)
    ]
    pieces = []
    for prompt, (said,) in zip(prompts, write(model, prompts), strict=True):
        known = tuple((np.array(said.logprobs) + rng.normal(0, 0.3, len(said.tokens))).tolist()) if old else None
        behind = context_hash("learner", prompt.tokens)
        pieces.append((Piece("", learn=True, tokens=tuple(said.tokens), logprobs=known, context_hash=behind),))
    reward = np.array([1.0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0.5, 1])
    return rows.assign(turns=pieces, reward=reward, group=np.repeat([1, 2, 3], 4))


def moved_adapter(model):
    """An adapter whose B is not zero, so that the base is somewhere else."""
    adapter = model.adapter(0)
    for i, (_, b) in enumerate(adapter.matrices):
        b.copy_(0.3 * torch.randn(b.shape, generator=torch.Generator().manual_seed(i)))
    return adapter


def trl_trainer(model, adapter, setting, kind, beta, folder):
    from datasets import Dataset
    from peft import LoraConfig, set_peft_model_state_dict
    from transformers import AutoModelForCausalLM
    from trl import GRPOConfig, GRPOTrainer

    base = AutoModelForCausalLM.from_pretrained(data_path("pocket"), dtype=torch.float32)
    config = GRPOConfig(
        output_dir=folder,
        per_device_train_batch_size=12,
        num_generations=4,
        max_completion_length=12,
        loss_type=kind.split(",")[0],
        use_bias_correction_kl=setting.use_bias_correction_kl,
        beta=beta,
        epsilon=setting.epsilon,
        epsilon_high=setting.epsilon_high,
        scale_rewards=setting.scale_rewards,
        use_cpu=True,
        bf16=False,
        report_to="none",
        gradient_checkpointing=False,
        gradient_accumulation_steps=1,
        temperature=1.0,
    )
    lora = LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
    made = GRPOTrainer(
        model=base,
        reward_funcs=lambda completions, **kwargs: [0.0] * len(completions),
        args=config,
        train_dataset=Dataset.from_dict({"prompt": ["q"] * 12}),
        processing_class=model.tokenizer,
        peft_config=lora,
    )
    set_peft_model_state_dict(made.model, adapter.tensors())
    made.current_gradient_accumulation_steps = 1
    return made


def trl_loss(made, model, rows, advantages, old, beta):
    """TRL's loss on these very completions, and the gradient of every LoRA matrix by its name in a PEFT file."""
    prompts = [model.prompt(p) for p in rows.prompt]
    said = [list(turns[0].tokens) for turns in rows.turns]
    width, longest = max(map(len, prompts)), max(map(len, said))
    pad = model.tokenizer.pad_token_id
    left = torch.tensor([[pad] * (width - len(p)) + p.tolist() for p in prompts])
    right = torch.tensor([t + [pad] * (longest - len(t)) for t in said])
    inputs = {
        "prompt_ids": left,
        "prompt_mask": torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts]),
        "completion_ids": right,
        "completion_mask": torch.tensor([[1] * len(t) + [0] * (longest - len(t)) for t in said]),
        "advantages": torch.tensor(advantages, dtype=torch.float32),
        "num_items_in_batch": torch.tensor(float(sum(map(len, said)))),
    }
    whole = torch.cat([left, right], 1), torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
    made.model.train()
    if old:
        known = [list(turns[0].logprobs) + [0.0] * (longest - len(turns[0].tokens)) for turns in rows.turns]
        inputs["old_per_token_logps"] = torch.tensor(known, dtype=torch.float32)
    if beta:
        with torch.no_grad(), made.model.disable_adapter():
            inputs["ref_per_token_logps"] = made._get_per_token_logps_and_entropies(made.model, *whole, longest)[0]
    made.model.zero_grad()
    loss = made._compute_loss(made.model, inputs)
    loss.backward()
    named = {n.replace(".default", ""): p.grad for n, p in made.model.named_parameters() if p.grad is not None}
    return float(loss), named


@pytest.mark.needs("trl")
@pytest.mark.parametrize("old", [False, True], ids=["on policy", "old log-probabilities"])
@pytest.mark.parametrize("beta", [0.0, 0.1], ids=["no kl", "kl"])
@pytest.mark.parametrize("kind", CASES)
def test_loss_and_gradient_are_those_of_trl(model, pool, kind, beta, old):
    setting = replace(CASES[kind], beta=beta, max_grad_norm=0.0)
    rows, adapter = completed(model, pool, old=old), moved_adapter(model)
    ours = gradient(model, adapter, rows, setting)
    advantages = setting.advantages(rows)
    with tempfile.TemporaryDirectory() as folder:
        made = trl_trainer(model, adapter, setting, kind, beta, folder)
        theirs, named = trl_loss(made, model, rows, advantages, old, beta)
    assert ours[0] == pytest.approx(theirs, rel=1e-5, abs=1e-7)
    flat = torch.cat(
        [
            torch.cat(
                [
                    named[f"base_model.model.{e.name}.lora_A.weight"].flatten(),
                    named[f"base_model.model.{e.name}.lora_B.weight"].T.flatten(),
                ]
            )
            for e in model.layout.entries
        ]
    )
    apart = torch.linalg.vector_norm(ours[1] - flat) / torch.linalg.vector_norm(flat)
    assert float(apart) < 1e-5


def gradient(model, adapter, rows, setting):
    """Our loss (summed with the coefficients of the step) and the flat gradient, before clipping and the step."""
    seen = {}
    step, adapter.step = adapter.step, lambda **how: seen.update(grad=adapter.weights.grad.clone()) or 0.0
    from curriculab.engine import losses

    sums = []
    call = losses.TableLoss.__call__

    def listening(self, nll, which):
        sums.append(call(self, nll, which))
        return sums[-1]

    losses.TableLoss.__call__ = listening
    try:
        (answer,) = train_steps(model, [adapter], [rows], [setting])
    finally:
        losses.TableLoss.__call__, adapter.step = call, step
    assert not isinstance(answer, Exception), answer
    adapter.weights.grad.zero_()
    return float(sum(s.detach() for s in sums)), seen["grad"]


@pytest.mark.needs("trl")
@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_advantages_are_those_of_trl(model, scale):
    rewards = [1.0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0.5, 1]
    setting = Grpo(scale_rewards=scale)
    with tempfile.TemporaryDirectory() as folder:
        made = trl_trainer(model, model.adapter(0), setting, "grpo", 0.0, folder)
        made.reward_funcs = [lambda completions, **kwargs: rewards]
        made.model.train()
        theirs = made._generate_and_score_completions([{"prompt": "1 + 1"}] * 12)["advantages"]
    rows = answers(reward=rewards, group=np.repeat([1, 2, 3], 4))
    assert np.abs(setting.advantages(rows) - theirs.numpy()).max() < 1e-6


# -- what the columns of the table do ---------------------------------------------------------------------------------
def test_weights_of_rows_tokens_and_divergence(model, pool):
    """A weight of 0 is as good as an answer that was left out, but for the denominator."""
    rows, adapter = completed(model, pool, old=True), moved_adapter(model)
    rows = rows.assign(advantage=Grpo().advantages(rows))
    setting = Grpo(loss_type="dr_grpo", max_completion_length=12, beta=0.1)
    some = np.r_[np.ones(6), np.zeros(6)]
    loss, grad = gradient(model, adapter, rows.assign(weight=some), setting)
    kept, kept_grad = gradient(model, adapter, rows.iloc[:6], setting)
    assert loss == pytest.approx(kept / 2, rel=1e-4)
    assert torch.allclose(grad, kept_grad / 2, atol=1e-6)
    tokens = [w * np.ones(len(t[0].tokens)) for w, t in zip(some, rows.turns, strict=True)]
    assert gradient(model, adapter, rows.assign(token_weight=tokens), setting)[0] == pytest.approx(loss, rel=1e-6)
    held = np.r_[np.full(6, 2.0), np.zeros(6)]  # the loss is linear in each answer's divergence
    far = [gradient(model, adapter, rows.assign(kl_weight=w), setting)[0] for w in (0.0, held / 2, held)]
    assert far[2] - far[1] == pytest.approx(far[1] - far[0], rel=1e-3) and far[2] != pytest.approx(far[0], rel=1e-3)
    near, _ = gradient(model, adapter, rows.assign(kl_weight=0.0), setting)
    assert near == pytest.approx(gradient(model, adapter, rows, replace(setting, beta=0.0))[0], rel=1e-5)


def test_a_prompt_shared_by_its_answers_gives_the_same_as_rows_alone(model, pool, monkeypatch):
    rows, adapter = completed(model, pool, old=True), moved_adapter(model)
    shared = gradient(model, adapter, rows, Grpo())
    monkeypatch.setattr("curriculab.engine.training.shares_prompts", lambda model: False)
    alone = gradient(model, adapter, rows, Grpo())
    assert shared[0] == pytest.approx(alone[0], rel=1e-5)
    assert torch.linalg.vector_norm(shared[1] - alone[1]) < 1e-5 * torch.linalg.vector_norm(alone[1])


def test_a_sampled_piece_is_on_policy_only_where_it_was_sampled(model, pool):
    learner = ModelBackend(model, {"grpo": Grpo()}, max_new_tokens=12)
    seen = {}

    def method(pool, run):
        out = yield Sample(pool.iloc[:2], 4, temperature=[1.0, 0.5])
        seen["here"] = model.encode(out, role="learner")
        seen["moved"] = model.encode(out.assign(prompt="2 + 2"), role="learner")
        seen["role"] = model.encode(out, role="teacher")
        yield Train(say(pool.iloc[:2], "5").assign(advantage=1.0))  # words that nobody sampled

    job = opened(learner, "v", method, pool)
    Scheduler(learner, Budget(steps=1)).drive([job])
    assert job.ended == "budget of steps spent"
    here = seen["here"]
    assert all(np.isfinite(t.sampled).all() and len(t.sampled) == len(t.targets) for t in here)
    assert [t.temperature[0] for t in here] == [1.0] * 4 + [0.5] * 4
    again = read_tokens(model, [Work(learner.roles.init(0), here)])[0]
    for text, nll in zip(here, again, strict=True):  # read at the temperature they were sampled at
        assert np.allclose(-nll, text.sampled, atol=1e-4)
    for other in (seen["moved"], seen["role"]):
        assert all(np.isnan(t.sampled).all() and (t.temperature == 1).all() for t in other)


def test_several_updates_are_several_steps_and_the_second_is_off_policy(model, pool):
    learner = ModelBackend(model, {"grpo": Grpo(num_iterations=3, lr=1e-3)}, max_new_tokens=8)
    replies = []

    def method(pool, run):
        while True:
            replies.append((yield Train(pool.iloc[6:8].assign(answer="7"), note={"turn": len(replies)})))

    job = opened(learner, "v", method, pool)
    Scheduler(learner, Budget(steps=7)).drive([job])
    assert job.run.step == 7 and [line["turn"] for line in job.metrics] == [0, 0, 0, 1, 1, 1, 2]
    assert [line[1] for line in job.ledger] == ["Sample", "Train", "Train", "Train"] * 2 + ["Sample", "Train"]
    assert job.spent.rollouts == 3 * 2 * ROLLOUTS and len(replies) == 3
    assert learner.adapters["v", 0]["learner"].steps == 7


def test_answers_handed_in_are_trained_as_they_are(model, pool):
    """Filtered, copied, weighted and replaced by a method: nothing is sampled again, and all of it is charged."""
    learner = ModelBackend(model, {"grpo": Grpo(), "sft": Sft()}, max_new_tokens=8)

    def method(pool, run):
        out = yield Sample(pool.iloc[:6], run.rollouts)
        kept = out[out.group.isin(out.group.unique()[:2])]
        own = say(pool.iloc[[0]], pool.answer.iloc[0]).assign(group=kept.group.iloc[0], reward=1.0)
        rows = pd.concat([kept.iloc[1:], own])
        done = yield Train(rows)
        assert list(done.index) == list(rows.index) and "advantage" in done

    job = opened(learner, "v", method, pool)
    Scheduler(learner, Budget(steps=3)).drive([job])
    assert job.ended == "returned", job.ended
    assert job.spent.rollouts == 6 * ROLLOUTS and job.spent.steps == 1
    groups = list(job.groups.values())
    assert [g["trained"] for g in groups] == [ROLLOUTS - 1, ROLLOUTS, 0, 0, 0, 0]  # one was put aside, one made up
    assert sum(g["tokens"] for g in groups) == job.spent.generated


def test_reinforce_raises_what_is_rewarded(model, pool):
    """REINFORCE and RLOO by the same code: rewarding one letter makes it more likely."""
    for setting in (
        Grpo(baseline="none", scale_rewards="none", lr=2e-3),
        Grpo(baseline="others", scale_rewards="none", lr=2e-3),
    ):
        learner = ModelBackend(model, {"grpo": setting}, max_new_tokens=6)
        shares = []

        def method(pool, run, shares=shares):
            while True:
                out = yield Sample(pool[pool.topic == "add"].iloc[:4], 8)
                has = out.text.str.contains("1").astype(float)
                shares.append(has.mean())
                yield Train(out.assign(reward=has))

        Scheduler(learner, Budget(steps=20)).drive([opened(learner, "v", method, pool)])
        assert np.mean(shares[-3:]) > np.mean(shares[:3]) + 0.15


# -- alone and side by side -------------------------------------------------------------------------------------------
ROLLOUTS = 4


def opened(learner, name, method, pool, seed=0):
    return open_job(name, method, pool, seed=seed, batch=2, rollouts=ROLLOUTS, objective=learner.setting)


def steady(pool, run, *, texts, number=0):
    """Each variant in a way of its own: other rows, temperatures, updates, a divergence from the base."""
    objective = [
        Grpo(lr=1e-3, num_iterations=2, beta=0.05),
        Grpo(lr=1e-3),
        Grpo(loss_type="cispo", average="rows", epsilon_high=2.0),
    ]
    while True:
        start = (7 * number + 2 * run.step) % len(pool)
        rows = pool.take([start, (start + 1) % len(pool)])
        out = yield Sample(rows, run.rollouts + number % 2, temperature=[1.0, 0.7 + 0.1 * number])
        texts.append(out.text.tolist())
        yield Train(out, objective[number % 3])


def driven(model, pool, names, steps):
    learner, texts = ModelBackend(model, {"grpo": Grpo()}, max_new_tokens=8), {n: [] for n in names}
    jobs = [opened(learner, n, partial(steady, texts=texts[n], number=int(n)), pool) for n in names]
    Scheduler(learner, Budget(steps=steps)).drive(jobs)
    assert {j.ended for j in jobs} == {"budget of steps spent"}
    return texts, {n: learner.adapters[n, 0]["learner"].weights.detach().clone() for n in names}


@pytest.mark.parametrize("bits", [4, 32])
def test_twenty_steps_are_the_same_to_the_bit_alone_and_beside_five_others(pool, bits):
    torch.set_num_threads(1)
    model = load_model("pocket", bits=bits)
    texts, weights = driven(model, pool, ["0"], 20)
    beside, theirs = driven(model, pool, [str(n) for n in range(6)], 20)
    assert beside["0"] == texts["0"] and len(texts["0"]) == 10  # two updates each
    assert torch.equal(theirs["0"], weights["0"])
    assert len({w.sum().item() for w in theirs.values()}) == 6


def test_with_two_threads_the_first_steps_samples_are_the_same(model, pool):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        texts, _ = driven(model, pool, ["0"], 1)
        beside, _ = driven(model, pool, [str(n) for n in range(6)], 1)
    finally:
        torch.set_num_threads(before)
    assert beside["0"] == texts["0"]


def test_new_rows_with_parents_are_answered_trained_and_recorded(model, pool):
    """A method may make rows of its own: they appear in a request with a new id and their parents, and are charged."""
    learner = ModelBackend(model, {"grpo": Grpo(), "sft": Sft()}, max_new_tokens=6)

    def method(pool, run):
        parent = pool.iloc[[0]]
        made = parent.assign(prompt="1 + 1", answer="2", parents=[(parent.index[0],)]).set_axis(["made/1"])
        out = yield Sample(made, run.rollouts, purpose="task")
        replies = yield [Train(out), Train(made.assign(solution="2"), "sft")]
        assert [list(r.index) for r in replies] == [["made/1"] * ROLLOUTS, ["made/1"]]

    job = opened(learner, "v", method, pool)
    Scheduler(learner, Budget(steps=5)).drive([job])
    assert job.ended == "returned", job.ended
    assert [ids.tolist() for _, ids, _, _ in job.exposure] == [["made/1"] * ROLLOUTS, ["made/1"]]
    assert [line[1:3] for line in job.ledger] == [("Sample", "task"), ("Train", "train"), ("Train", "train")]


def test_a_conversation_adds_to_the_line_of_its_group(model, pool):
    """Answer, hear more, answer again: one group, all of it charged, and trained as the answers that it is."""
    learner = ModelBackend(model, {"grpo": Grpo()}, max_new_tokens=6)

    def method(pool, run):
        out = yield Sample(pool.iloc[:2], 4)
        again = yield Sample(tell(out, "think again"))
        assert again.group.tolist() == out.group.tolist()
        yield Train(again.assign(reward=[1.0, 0, 0, 0, 0, 0, 0, 0]))

    job = opened(learner, "v", method, pool)
    Scheduler(learner, Budget(steps=1)).drive([job])
    assert job.ended == "budget of steps spent", job.ended
    lines = list(job.groups.values())
    assert [(g["n"], g["trained"], g["signal"]) for g in lines] == [(8, 8, True), (8, 8, False)]
    assert sum(g["tokens"] for g in lines) == job.spent.generated and job.spent.rollouts == 16


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
