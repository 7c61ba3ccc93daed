"""One contract for every registered objective, learning rates and their schedules, and TRL's configurations."""

from __future__ import annotations

import dataclasses
import pickle
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import curriculab as cl
from curriculab.engine.adapter import Adapter
from curriculab.objectives.grpo import Grpo
from curriculab.objectives.objective import LearnedTokens, Objective, SimulatedGain, Terms
from curriculab.objectives.registry import OBJECTIVES, as_objective, objective
from curriculab.objectives.sft import Sft
from tests.objectives.made import COUNTS, rows


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_an_objective_answers_for_itself(name):
    setting = as_objective(name)
    assert setting.name == name and setting.title and setting.kind in ("supervised", "reinforcement", "preference")
    assert dataclasses.is_dataclass(setting) and setting == type(setting)() and hash(setting) == hash(type(setting)())
    assert pickle.loads(pickle.dumps(setting)) == setting and dataclasses.replace(setting) == setting
    assert setting.learning_rate is None
    assert setting.fitted({setting.kind: 0.5}).learning_rate == 0.5
    assert setting.fitted({}).learning_rate == setting.lora_learning_rate
    assert dataclasses.replace(setting, learning_rate=0.25).fitted({setting.kind: 0.5}).learning_rate == 0.25
    sampled = [np.full(n, np.nan) for n in COUNTS]
    terms = setting.terms(rows(), LearnedTokens(COUNTS, sampled))
    for values in terms.tokens.values():
        assert [len(v) for v in values] == COUNTS.tolist()
    assert all(len(column) == 3 for column in terms.reply.values())
    logp = torch.full((6,), -1.0, dtype=torch.float64, requires_grad=True)
    known = {key: torch.as_tensor(np.concatenate(list(values))) for key, values in terms.tokens.items()}
    loss = setting.loss(torch, logp, **known)
    loss.backward()
    assert loss.shape == () and torch.isfinite(logp.grad).all() and logp.grad.abs().sum() > 0
    half = np.full(3, 0.5)
    known = SimpleNamespace(able=half, chance=half, right=np.array([1.0, 0.0, 1.0]), length_gap=lambda: None)
    gain = setting.simulated_gain(rows(), known)
    assert gain.ability.shape == (3,) and np.isfinite(gain.ability).all()


def test_the_package_of_objectives_does_not_import_torch():
    code = "import sys, curriculab.objectives.grpo, curriculab.objectives.sft; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Grpo(clip=0.2),
            "Grpo(clip=0.2): write max_grad_norm for the gradient's norm, or epsilon for the clip",
        ),
        (lambda: Grpo(low=0.2), "Grpo(low=0.2): write epsilon"),
        (lambda: Grpo(mean="rows"), "Grpo(mean='rows'): write loss_type"),
        (lambda: Grpo(scale="none"), "Grpo(scale='none'): write scale_rewards"),
        (lambda: Grpo(updates=2), "Grpo(updates=2): write num_iterations"),
        (lambda: Sft(clip=0.2), "Sft(clip=0.2): write max_grad_norm"),
        (lambda: Sft(rollouts=4), "Sft(rollouts=4): write Bench(num_generations=)"),
        (lambda: Grpo(temperature=0.5), "Grpo(temperature=0.5): write Bench(temperature=)"),
        (lambda: Sft(mean="rows"), "Sft(mean='rows'): write average='tokens' or 'rows'"),
        (lambda: Sft(max_steps=3), "Sft(max_steps=3): write Budget(steps=)"),
        (
            lambda: Sft(weight_deca=0),
            "Sft(weight_deca=0): Sft has no setting 'weight_deca'; did you mean",
        ),
        (lambda: Sft(lr=1e-3, learning_rate=1e-3), "Sft(learning_rate=, lr=): both mean the same; give one"),
    ],
)
def test_a_name_that_is_none_says_what_to_write(make, message):
    with pytest.raises(TypeError, match=f"^{re.escape(message)}") as error:
        make()
    assert "\n" not in str(error.value)


@pytest.fixture
def registered():
    """An objective as another package would write it: likelihood above a floor is worth no more."""

    @objective("floor")
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Floor(Objective):
        floor: float = 0.1
        title = "likelihood up to a floor"

        def terms(self, rows, tokens):
            return Terms({"share": [np.full(n, 1 / tokens.counts.sum()) for n in tokens.counts]})

        def loss(self, torch, logp, *, share):
            return (torch.clamp(-logp - self.floor, min=0) * share).sum()

        def simulated_gain(self, rows, known):
            return SimulatedGain(known.able * (1 - known.able))

    yield Floor
    OBJECTIVES._registered.pop("floor")


def test_an_objective_of_another_package_trains_and_is_simulated(registered, tiny_model, small_pools):
    train, test = small_pools
    assert "floor" in OBJECTIVES
    how = dict(budget=cl.Budget(steps=12), batch_size=8, store=None, max_new_tokens=4)
    bench = cl.Bench(tiny_model, train, test, objective=registered(lr=3e-3), **how, valid=None)
    runs = bench.run({"random": cl.methods.random_order}, seeds=1, progress=False)
    assert not runs.failed and runs.metrics.loss.iloc[-1] < runs.metrics.loss.iloc[0]
    how = dict(steps=100, batch_size=8, objective="floor", tests=train)
    simulated = cl.simulate(cl.methods.random_order, train, **how)
    correct = simulated.items.groupby("share").correct.mean()
    assert not simulated.failed and correct[1.0] > correct[0.0]


def test_the_rate_comes_from_the_models_configuration(tiny_model, small_pools):
    assert cl.load_model("pocket", bits=32).learning_rates == {
        "supervised": 1e-3,
        "reinforcement": 3e-4,
        "preference": 3e-4,
    }


def test_a_model_whose_card_is_silent_gets_the_usual_rate_and_a_warning(save_tiny, small_pools, tmp_path, recwarn):
    import json

    folder = save_tiny(tmp_path / "silent", "llama")
    config = json.loads((folder / "config.json").read_text())
    del config["learning_rates"]
    (folder / "config.json").write_text(json.dumps(config))
    model = cl.load_model(str(folder), bits=32)
    train, test = small_pools
    how = dict(budget=cl.Budget(steps=2), batch_size=4, store=None, max_new_tokens=4)
    bench = cl.Bench(model, train, test, objective=["sft", Grpo()], **how, valid=None)
    assert [s.learning_rate for s in bench.objectives.values()] == [2e-4, 1e-5]
    assert bench.design.settings()["objectives"][0]["fields"]["learning_rate"] == 2e-4  # what stands in the record
    assert bench.plan({"random": cl.methods.random_order}, seeds=1).learning_rate.tolist() == [2e-4]
    said = "Sft(learning_rate=0.001) is 5 times the usual 0.0002 for LoRA on a model such as"
    with pytest.warns(UserWarning, match=re.escape(said)):
        cl.Bench(model, train, test, objective=Sft(lr=1e-3), **how, valid=None)


def test_the_constant_of_dr_grpo_is_the_benchs(tiny_model, small_pools):
    train, test = small_pools
    setting = Grpo(loss_type="dr_grpo", scale_rewards=False)
    bench = cl.Bench(tiny_model, train, test, objective=setting, budget=cl.Budget(steps=1), store=None, valid=None)
    (fitted,) = bench.objectives.values()
    assert fitted.max_completion_length == bench.design.max_new_tokens


SHARED = ("learning_rate", "weight_decay", "max_grad_norm", "lr_scheduler_type", "warmup_steps")
POLICY = ("loss_type", "epsilon", "epsilon_high", "scale_rewards", "beta", "use_bias_correction_kl", "num_iterations")


def value(config: object, name: str) -> object:
    found = getattr(config, name)
    return getattr(found, "value", found)  # transformers keeps the kind of schedule as an enumeration


@pytest.mark.needs("trl")
@pytest.mark.parametrize(
    "setting",
    [
        Sft(learning_rate=2e-4),
        Sft(lr=1e-4, weight_decay=0.1, max_grad_norm=0.5, lr_scheduler_type="cosine", warmup_ratio=0.1),
        Grpo(learning_rate=1e-5),
        Grpo(lr=1e-6, loss_type="dr_grpo", scale_rewards=False, beta=0.04, max_completion_length=256, warmup_steps=10),
        Grpo(lr=1e-6, loss_type="cispo", epsilon_high=5.0, num_iterations=2, scale_rewards="batch"),
    ],
)
def test_the_same_names_have_the_same_values_in_trl(setting, tmp_path):
    from trl import GRPOConfig, SFTConfig

    names = SHARED if isinstance(setting, Sft) else (*SHARED, *POLICY)
    ours = {name: getattr(setting, name) for name in names}
    if getattr(setting, "max_completion_length", None):
        ours["max_completion_length"] = setting.max_completion_length
    kind = SFTConfig if isinstance(setting, Sft) else GRPOConfig
    theirs = kind(output_dir=str(tmp_path), bf16=False, use_cpu=True, report_to="none", **ours)
    assert {name: value(theirs, name) for name in ours} == ours


@pytest.mark.needs("trl")
def test_defaults_that_the_table_calls_equal_are_equal(tmp_path):
    from trl import GRPOConfig, SFTConfig

    how = dict(output_dir=str(tmp_path), bf16=False, use_cpu=True, report_to="none")
    same = ("weight_decay", "max_grad_norm", "warmup_steps")
    for ours, theirs, names in ((Sft(), SFTConfig(**how), same), (Grpo(), GRPOConfig(**how), (*same, *POLICY))):
        assert {n: getattr(ours, n) for n in names} == {n: value(theirs, n) for n in names}


def theirs(kind: str, warmup: float, steps: int) -> list[float]:
    """Factors of transformers' own schedule, one a step."""
    from transformers import TrainingArguments, get_scheduler

    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    arguments = TrainingArguments(warmup_steps=warmup, use_cpu=True, bf16=False, report_to="none")
    kind = "constant_with_warmup" if kind == "constant" and warmup else kind
    made = get_scheduler(kind, optimizer, arguments.get_warmup_steps(steps), steps)
    found = []
    for _ in range(steps):
        found.append(made.get_last_lr()[0])
        optimizer.step()
        made.step()
    return found


@pytest.mark.parametrize("kind", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("warmup", [0, 0.05, 0.3, 1, 7, 40])
@pytest.mark.parametrize("steps", [1, 10, 33])
def test_factors_are_those_of_transformers(kind, warmup, steps):
    ours = [Sft(lr_scheduler_type=kind, warmup_steps=warmup).rate_factor(k, steps) for k in range(steps)]
    assert np.allclose(ours, theirs(kind, warmup, steps), atol=1e-12)


def test_over_tokens_a_share_is_a_share():
    setting = Grpo(lr_scheduler_type="linear", warmup_ratio=0.2)
    factors = [setting.rate_factor(spent, 1000, "tokens") for spent in (0, 100, 200, 600, 1000, 1100)]
    assert np.allclose(factors, [0, 0.5, 1, 0.5, 0, 0])


def test_steps_are_taken_at_the_scheduled_rate(tiny_model, small_pools, monkeypatch):
    """Alike for all variants, one that asks for two steps at once too; and warm-up in steps needs a budget of steps."""
    train, test = small_pools
    rates: list[float] = []
    step = Adapter.step
    monkeypatch.setattr(Adapter, "step", lambda self, **how: (rates.append(how["lr"]), step(self, **how))[1])

    def single(pool, run):
        while True:
            yield cl.Train(pool.iloc[:2])

    def pairs(pool, run):
        while True:
            yield [cl.Train(pool.iloc[:2]), cl.Train(pool.iloc[2:4])]

    setting = cl.Sft(lr=1e-2, lr_scheduler_type="linear", warmup_steps=1)
    how = dict(objective=setting, batch_size=2, store=None, max_new_tokens=4)
    bench = cl.Bench(tiny_model, train, test, budget=cl.Budget(steps=4), **how, valid=None)
    for method in (single, pairs):
        rates.clear()
        runs = bench.run({"v": method}, seeds=1, progress=False)
        assert not runs.failed and np.allclose(rates, [0, 1e-2, 1e-2 * 2 / 3, 1e-2 / 3])
    with pytest.raises(ValueError, match="counts steps, and the budget is of tokens; give a share below 1"):
        cl.Bench(tiny_model, train, test, budget=cl.Budget(tokens=50), **how, valid=None)
