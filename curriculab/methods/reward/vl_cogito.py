"""VL-Cogito: advantages weighted by the accuracy of their group, in three stages, and lengths rewarded in the last.

Title    VL-Cogito: Progressive Curriculum RL
Authors  Yuan et al.
Year     2025
Number   29
Needs    objective grpo
Paper    Yuan et al. 2025, "VL-Cogito: Progressive Curriculum Reinforcement Learning for Advanced Multimodal
         Reasoning", arXiv 2507.22607
Kept     the weight F(accuracy) of the stages easy, medium and hard over .25, .25 and .5 of the budget, soft or binary;
         all stages on the same rows; in the hard stage a cosine length reward whose target is the mean length of the
         group's right answers, and a weight of 0.25 for groups with none; reward = correct + 0.5 tags + length
Changed  text instead of images; prompts that the base gets right more than half of the time are not dropped beforehand
         (that is a matter of the pool); a method sees no validation set, so the best checkpoint of a stage is the one
         with the best mean accuracy of training answers over `window` steps (`best=False` goes on from the last);
         advantages are those of Grpo() with its defaults, times F; without right answers the target length is the
         longest answer of the step (theirs: 4096 tokens, the limit). `rule="code"` is the length reward of the released
         code: none for right answers; wrong ones beside right ones in [-0.5, 0]; in groups without right ones nothing
         from the target on. Its penalty on repeated 20-grams is left out
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Copy, Run, Sample, Train
from curriculab.registry.knobs import Knob, check_bounds
from curriculab.rewards import Correct, Cosine, Tags

STAGES = ("easy", "medium", "hard")
BANDS = {"easy": (0.5, 1.0), "medium": (0.25, 0.75), "hard": (0.0, 0.5)}  # T_min, T_max of the binary control
RULES = ("paper", "code", "none")


def vl_cogito(
    pool: pd.DataFrame,
    run: Run,
    *,
    stages: Annotated[
        tuple[float, float, float], Knob(help="shares of the budget of the stages easy, medium and hard")
    ] = (0.25, 0.25, 0.5),  # 100, 100 and about 200 steps
    soft: Annotated[bool, Knob(choices=(True, False), help="weigh prompts smoothly by accuracy in each stage")] = True,
    rule: Annotated[
        str, Knob(choices=("paper", "code", "none"), help="length reward of the hard stage")
    ] = "paper",  # the length reward of the hard stage; "none" leaves it out
    all_wrong: Annotated[
        float, Knob(help="weight of groups without right answers in the hard stage", least=0.0)
    ] = 0.25,  # w, hard stage; all_false_coff of the code, whose binary control has 0
    tags: Annotated[tuple[str, ...], Knob(help="tags that an answer is rewarded for")] = ("think", "answer"),
    tag_weight: Annotated[float, Knob(help="weight of the reward for tags; below 0 they are punished")] = 0.5,
    length_weight: Annotated[float, Knob(help="weight of the reward for length; below 0 it is turned round")] = 1.0,
    best: Annotated[bool, Knob(choices=(True, False), help="start a stage from the best state of the last one")] = True,
    window: Annotated[int, Knob(help="steps that the accuracy of a stage is the mean of", least=1)] = 10,  # ours
    longest: Annotated[
        float | None,
        Knob(help="target length where no answer is right, in tokens; None: the longest answer of the step", above=0.0),
    ] = None,  # target length without right answers; the paper's 4096, the code's tar_len 750
) -> Generator:
    """advantage = F(acc) A, A of the group of answers, acc its accuracy.

    F = sin(pi acc) in the stage medium, in easy up to acc = 1/2 and in hard from there on, 1 in the other half.
    """
    check_bounds(vl_cogito, locals())
    if rule not in RULES:
        raise ValueError(f"rule={rule!r} is unknown; give one of {', '.join(map(repr, RULES))}")
    if len(stages) != 3 or min(stages) < 0 or not np.isclose(sum(stages), 1):
        raise ValueError(f"stages={stages}; give the shares of the budget of {', '.join(STAGES)}, which add up to 1")
    queue, weight = Queue.shuffled(np.arange(len(pool)), run.rng), soft_weight if soft else binary_weight
    for stage, end in zip(STAGES, np.cumsum(stages) - 1e-9, strict=True):
        recent, peak = deque(maxlen=window), -1.0
        while run.progress < end:
            out = yield Sample(pool.take(queue.take(run.batch)), run.rollouts)
            out = out.assign(correct=Correct()(out))
            recent.append(float(out.correct.mean()))
            if best and len(recent) == window and np.mean(recent) > peak:
                peak = float(np.mean(recent))
                yield Copy("learner", to="best")  # what wrote these answers, before it learns from them
            acc = out.groupby("group")["correct"].transform("mean").to_numpy(float)
            reward = out.correct + tag_weight * Tags(*tags)(out)
            if stage == "hard" and rule != "none":
                reward = reward + length_weight * length_reward(out, acc, rule, longest)
            F = weight(acc, stage) * (np.where(acc == 0, all_wrong, 1.0) if stage == "hard" else 1.0)
            A = Grpo().advantages(out.assign(reward=reward).drop(columns="advantage", errors="ignore"))
            note = {"stage": STAGES.index(stage), "accuracy": recent[-1], **shares(acc, F * A)}
            yield Train(out.assign(reward=reward, advantage=F * A), "grpo", note=note)
        if best and peak >= 0 and stage != "hard":
            yield Copy("best", to="learner")


def soft_weight(acc: np.ndarray, stage: str) -> np.ndarray:
    """F(acc) in [0, 1] of online difficulty soft weighting."""
    bow = np.sin(np.pi * np.asarray(acc, float))
    return {"easy": np.where(acc >= 0.5, 1.0, bow), "medium": bow, "hard": np.where(acc <= 0.5, 1.0, bow)}[stage]


def binary_weight(acc: np.ndarray, stage: str) -> np.ndarray:
    """1 within the stage's band of accuracies, its ends included, else 0: the paper's control."""
    low, high = BANDS[stage]
    return ((low <= np.asarray(acc)) & (np.asarray(acc) <= high)).astype(float)


def length_reward(out: pd.DataFrame, acc: np.ndarray, rule: str, longest: float | None) -> np.ndarray:
    """Dynamic length reward: (answers,), in [-1, 0] by the paper, in [-0.5, 0] by the code."""
    right = out["length"].where(out["correct"] > 0)  # tokens
    target = right.groupby(out["group"].to_numpy()).transform("mean").to_numpy(float)
    aim = np.where(acc > 0, target, longest or float(out["length"].max()))
    if rule == "paper":
        return Cosine("aim")(out.assign(aim=aim))
    wrong = Cosine("aim", low=-0.5)(out.assign(aim=aim))  # back at -0.5 from twice the target on
    hopeless = np.where(out["length"] < aim, 0.5 * wrong, np.where(out["ended"] == "length", -0.25, 0.0))
    return np.where(acc > 0, np.where(out["correct"] > 0, 0.0, wrong), hopeless)


def shares(acc: np.ndarray, advantage: np.ndarray) -> dict[str, float]:
    """How the squared advantages of a step divide among groups with accuracy below, at and above 1/2."""
    mass = advantage**2
    parts = {"mass below": acc < 0.5, "mass middle": acc == 0.5, "mass above": acc > 0.5}
    return {name: float(mass[part].sum() / (mass.sum() or 1.0)) for name, part in parts.items()}


RATES = {"easier": 0.8, "easy": 0.65, "middling": 0.5, "hard": 0.35, "harder": 0.2}
# Share of the squared advantages that lies on the two rates above 1/2: sum over k = 1 .. 7 right answers of 8 of
# C(8, k) p^k (1 - p)^(8 - k) F(k / 8)^2, F = sin(pi k / 8), or 1 in the half that a stage leaves as it is. Before F all
# groups with right and wrong answers weigh alike.
ABOVE = {"easy": 0.478, "medium": 0.365, "hard": 0.285}


def check(bench: CheckBench) -> Check:
    """Squared advantages lie on the easy rows first and on the hard ones last, as far as F says."""
    pool, student = bench.planted(RATES)
    seen: list = []
    bench.reinforce(bench.watch(vl_cogito, seen), signal=("reward", "correct"), pool=pool, student=student, steps=60)
    trained = pd.concat([r.rows.assign(stage=r.note["stage"]) for r in seen if isinstance(r, Train)])
    mass = (trained.advantage**2).groupby([trained.stage, trained.topic]).sum().unstack(fill_value=0.0)
    above = mass[["easier", "easy"]].sum(axis=1) / mass.sum(axis=1)
    off = max(abs(float(above[k]) - due) for k, due in enumerate(ABOVE.values()))
    fall = float(above[0] - above[2])
    return Check(
        claim="the share of squared advantages on rows that are right more than half of the time is .48, .36 and .29 "
        "in the three stages",
        refuted_by="a stage further than 0.12 from that (about 200 groups with a signal in the shorter ones: four "
        "standard errors), or a fall of less than 0.12 from the easy stage to the hard one (accuracies dealt out anew "
        "make it 0, with a standard error of 0.04)",
        measured={f"{name}_stage": float(x) for name, x in zip(ABOVE, above, strict=True)} | {"fall": fall},
        held=off <= 0.12 <= fall,
        seeds=bench.seeds,
        mechanism=True,
    )
