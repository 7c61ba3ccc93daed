"""Reinforcement: advantages by hand, the loss and its gradient against TRL's trainer."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

import curriculab as cl
from curriculab.data.files import data_path
from curriculab.engine.loading import load_model
from curriculab.engine.packing import entropy, read_tokens, work_of
from curriculab.engine.training import train_steps
from curriculab.objectives.grpo import Grpo
from curriculab.objectives.objective import LearnedTokens
from tests.engine.made import completed, gradient, moved_adapter

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
        (lambda: Grpo(entropy=-0.1), "Grpo(entropy=-0.1); give a number of at least 0"),
        (lambda: Grpo(entropy_by="row"), "Grpo(entropy_by='row'); choose 'tokens' or 'covariance'"),
        (lambda: Grpo(num_iterations=0), "Grpo(num_iterations=0); give a whole number of at least 1"),
        (
            lambda: Grpo(importance_sampling_mode="truncate"),
            "Grpo(importance_sampling_mode='truncate'); choose 'token_truncate' or 'token_mask' or "
            "'sequence_truncate' or 'sequence_mask'",
        ),
        (
            lambda: Grpo(importance_sampling_clip_max=-1.0),
            "Grpo(importance_sampling_clip_max=-1.0); give a number of at least 0",
        ),
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


def trl_loss(made, model, rows, advantages, old, beta, clip_max=None):
    """TRL's loss on these very completions, and the gradient of every LoRA matrix by its name in a PEFT file.

    clip_max: correct for the log-probabilities that the rows came with, as if vLLM had sampled them.
    """
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
    if old or clip_max:
        known = [list(turns[0].logprobs) + [0.0] * (longest - len(turns[0].tokens)) for turns in rows.turns]
        known = torch.tensor(known, dtype=torch.float32)
    if old:
        inputs["old_per_token_logps"] = known
    if clip_max:
        made.use_vllm = made.vllm_importance_sampling_correction = True
        with torch.no_grad():
            now = made._get_per_token_logps_and_entropies(made.model, *whole, longest)[0]
        inputs["importance_sampling_ratio"] = torch.exp(now - known).clamp(max=clip_max)
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
    assert apart(model, ours[1], named) < 1e-5


def apart(model, ours, named):
    """Norm of the difference of our gradient from TRL's, relative to it."""
    pieces = []
    for entry in model.layout.entries:
        pieces.append(named[f"base_model.model.{entry.name}.lora_A.weight"].flatten())
        pieces.append(named[f"base_model.model.{entry.name}.lora_B.weight"].T.flatten())
    theirs = torch.cat(pieces)
    return float(torch.linalg.vector_norm(ours - theirs) / torch.linalg.vector_norm(theirs))


@pytest.mark.needs("trl")
@pytest.mark.parametrize("beta", [0.0, 0.1], ids=["no kl", "kl"])
def test_the_correction_for_the_decode_is_that_of_trl_for_vllm(model, pool, beta):
    """By tokens, truncated; the log-probabilities that the answers came with are off by 0.3 nats, so that some are."""
    adapter = moved_adapter(model)
    setting = Grpo(beta=beta, max_grad_norm=0.0, importance_sampling_correction=True, importance_sampling_clip_max=1.2)
    rows = completed(model, pool, old=True, sampled_by=adapter.fingerprint())
    ours = gradient(model, adapter, rows, setting)
    with tempfile.TemporaryDirectory() as folder:
        made = trl_trainer(model, adapter, replace(setting, epsilon_high=0.2), "dapo", beta, folder)
        theirs, named = trl_loss(made, model, rows, setting.advantages(rows), False, beta, clip_max=1.2)
    assert ours[0] == pytest.approx(theirs, rel=1e-5, abs=1e-7)
    assert apart(model, ours[1], named) < 1e-5
    plain = gradient(model, adapter, rows, replace(setting, importance_sampling_correction=False))
    assert ours[0] != pytest.approx(plain[0], rel=1e-3)


def test_what_a_token_is_held_against(model):
    """Its own forward where it was sampled just now or nobody knows, else its decode, else what the rows say."""
    rows = answers(advantage=[1.0, 1.0, 1.0], old_logprobs=[None, None, [-0.25, np.nan]])
    sampled = [np.array([-1.0, -2.0]), np.array([-3.0, np.nan]), np.array([-4.0, -5.0])]
    fresh = [np.array([True, True]), np.array([False, False]), np.array([True, False])]
    terms = Grpo().terms(rows, LearnedTokens(np.array([2, 2, 2]), sampled, fresh)).tokens
    expected = [[np.nan, np.nan], [-3.0, np.nan], [-0.25, np.nan]]
    np.testing.assert_array_equal(np.stack(terms["old"]), expected)
    logp = [np.full(2, -7.0)] * 3
    carried = Grpo(num_iterations=2).carried(logp, **terms)["old_logprobs"]
    np.testing.assert_array_equal(np.stack(carried), [[-7.0, -7.0], [-3.0, -7.0], [-0.25, -7.0]])


def test_old_log_probabilities_of_another_number_than_the_tokens_are_refused():
    rows = answers(advantage=[1.0], old_logprobs=[[-0.5]])
    known = LearnedTokens(np.array([2]), [np.array([-1.0, -2.0])])
    with pytest.raises(ValueError, match="^row 'r0' has 1 numbers in 'old_logprobs' for 2 learned tokens$"):
        Grpo().terms(rows, known)


def test_figures_of_a_step_by_hand():
    """Of four tokens one was sampled by other weights, and of one nothing is known."""
    nan = float("nan")
    logp, sampled = torch.tensor([-1.0, -2.0, -3.0, -4.0]), torch.tensor([-1.5, -1.75, -9.0, nan])
    terms = {"old": torch.tensor([nan, nan, -9.0, nan]), "sampled": sampled, "answer": torch.tensor([0, 0, 1, 1])}
    assert Grpo().figures(torch, logp, **terms) == {"logprob_gap": 0.375, "logprob_gap_max": 0.5}
    found = Grpo(importance_sampling_correction=True).figures(torch, logp, **terms)
    assert found["importance_ratio"] == pytest.approx((np.exp(0.5) + np.exp(-0.25) + 1 + 1) / 4)


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


# -- the bonus for entropy --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("by", ["tokens", "covariance"])
def test_the_gradient_of_the_bonus_by_hand(by):
    """Three tokens of two answers, four words: dH/dz_k = -p_k (log p_k + H), and dlogp/dz_k = [k said] - p_k."""
    z = torch.tensor([[0.0, 1.0, -1.0, 0.5], [2.0, 0.0, 0.0, 0.0], [0.1, 0.2, 0.3, 0.4]], dtype=torch.float64)
    z.requires_grad_(True)
    said, coefficient = torch.tensor([1, 0, 3]), 0.25
    logs = z.log_softmax(-1)
    logp, entropies = logs[torch.arange(3), said], -(logs.exp() * logs).sum(-1)
    rows = answers(advantage=[1.0, -2.0], weight=[1.0, 0.5])
    sampled = logp.detach().numpy()
    setting = Grpo(entropy=coefficient, entropy_by=by)
    terms = setting.terms(rows, LearnedTokens(np.array([2, 1]), [sampled[:2], sampled[2:]])).tokens
    known = {name: torch.as_tensor(np.concatenate(values)) for name, values in terms.items()}
    setting.loss(torch, logp, entropies=entropies, **known).backward()

    p = np.exp(logs.detach().numpy())
    h = -(p * np.log(p)).sum(1)
    advantage = np.array([1.0, 1.0, -2.0])
    w = np.ones(3)
    if by == "covariance":
        covariance = (advantage - advantage.mean()) * (sampled - sampled.mean())
        w = np.minimum(10 * np.exp(covariance) / np.exp(covariance).sum(), 5)
    each = np.array([1.0, 1.0, 0.5]) / 3  # the answers' weights over the number of tokens
    likelier = -advantage[:, None] * (np.eye(4)[said] - p)
    flatter = coefficient * w[:, None] * p * (np.log(p) + h[:, None])
    np.testing.assert_allclose(z.grad.numpy(), each[:, None] * (likelier + flatter), rtol=1e-12)


@pytest.mark.parametrize("by", ["tokens", "covariance"])
def test_the_bonus_of_a_model_is_the_entropy_that_a_score_reads(model, pool, by):
    """Its value against the entropies of a forward without gradients, its gradient against differences of its value."""
    rows, adapter = completed(model, pool, old=True), moved_adapter(model)
    setting = Grpo(entropy=0.5, entropy_by=by, max_grad_norm=0.0)
    loss, grad = gradient(model, adapter, rows, setting)
    plain, plain_grad = gradient(model, adapter, rows, replace(setting, entropy=0.0))
    texts = model.texts.encode(rows, role="learner", weights=adapter.fingerprint())
    (read,) = read_tokens(model, [work_of(model, adapter, texts)], entropy)
    counts = np.array([len(values) for values in read])
    bonus = setting.terms(rows, LearnedTokens(counts, [t.sampled for t in texts])).tokens["bonus"]
    due = -sum(float((one * values).sum()) for one, values in zip(bonus, read, strict=True))
    assert loss - plain == pytest.approx(due, rel=1e-4)

    def moved(by_much):
        with torch.no_grad():
            adapter.weights.add_(by_much * grad)
        values = [gradient(model, adapter, rows, one)[0] for one in (setting, replace(setting, entropy=0.0))]
        with torch.no_grad():
            adapter.weights.sub_(by_much * grad)
        return values[0] - values[1]

    step = 1e-3 / float(torch.linalg.vector_norm(grad))
    slope = float(torch.dot(grad - plain_grad, grad))
    assert (moved(step) - moved(-step)) / (2 * step) == pytest.approx(slope, rel=0.02)


def test_a_bonus_changes_nothing_for_those_who_share_its_forward(model, pool):
    """A variant without one has the same bits beside one that has it, and alone."""
    rows = completed(model, pool, old=True)

    def stepped(settings):
        adapters = [moved_adapter(model) for _ in settings]
        train_steps(model, adapters, [rows] * len(settings), settings)
        return [adapter.weights.detach().clone() for adapter in adapters]

    plain, bonus = Grpo(lr=1e-3), Grpo(lr=1e-3, entropy=0.1)
    (alone,) = stepped([plain])
    beside, other = stepped([plain, bonus])
    assert torch.equal(alone, beside) and not torch.equal(beside, other)


def test_on_the_simulated_student_the_bonus_draws_to_even_odds():
    """Right with p = .9, twice: each answer adds 2 * .5 * p (1 - p) log((1 - p) / p) / 2 = -.0989."""
    known = SimpleNamespace(chance=np.array([0.9, 0.9]), right=np.array([1.0, 0.0]), length_gap=lambda: None)
    rows = answers(advantage=[1.0, -1.0], group=[0, 0])
    plain = Grpo().simulated_gain(rows, known).ability
    assert plain == pytest.approx([0.1, 0.9])
    found = Grpo(entropy=0.5).simulated_gain(rows, known).ability
    assert found - plain == pytest.approx([-0.0989, -0.0989], abs=1e-4)
    by = Grpo(entropy=0.5, entropy_by="covariance").simulated_gain(rows, known).ability
    # logp .9 and .1: covariances 1 * 1.099 and -1 * -1.099, alike: 5 each
    assert by - plain == pytest.approx([-0.4944, -0.4944], abs=1e-3)
