"""Policy gradient with advantages relative to a group of answers: GRPO and its kin."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from curriculab.objectives.entropy import MODES as ENTROPY_MODES
from curriculab.objectives.entropy import entropy_slope, entropy_weights
from curriculab.objectives.importance import MODES, Importance
from curriculab.objectives.objective import (
    LearnedTokens,
    Objective,
    SimulatedGain,
    SimulatedRows,
    Terms,
    along_tokens,
    check_choice,
    check_number,
    token_weights,
)
from curriculab.objectives.registry import objective
from curriculab.protocol import Rows

AVERAGES = {"grpo": "rows", "bnpo": "tokens", "dapo": "tokens", "dr_grpo": "length", "cispo": "tokens"}
BASELINES = ("group", "others", "none")
SCALES = ("group", "batch", "none")
CHOICES = {
    "loss_type": tuple(AVERAGES),
    "scale_rewards": SCALES,
    "baseline": BASELINES,
    "importance_sampling_mode": MODES,
    "entropy_by": ENTROPY_MODES,
}
READS = ("advantage", "reward", "group", "weight", "token_weight", "kl_weight", "old_logprobs")


# Names of earlier versions and of TRL that mean something else here, and what to write.
RENAMED = {
    "clip": "max_grad_norm for the gradient's norm, or epsilon for the clip range of the ratio",
    "low": "epsilon",
    "high": "epsilon_high",
    "mean": "loss_type: 'dapo' averages over tokens, 'grpo' over rows, 'dr_grpo' divides by a constant",
    "surrogate": "loss_type='cispo', or nothing for the clipped ratio",
    "longest": "max_completion_length",
    "scale": "scale_rewards",
    "updates": "num_iterations",
    "kl_ratio": "use_bias_correction_kl",
    "vllm_importance_sampling_correction": "importance_sampling_correction",
    "vllm_importance_sampling_mode": "importance_sampling_mode",
    "vllm_importance_sampling_clip_max": "importance_sampling_clip_max",
    "vllm_importance_sampling_clip_min": "importance_sampling_clip_min",
    "vllm_importance_sampling_cap": "importance_sampling_clip_max",
}


@objective("grpo")
@dataclass(frozen=True, kw_only=True)
class Grpo(Objective):
    """Policy gradient with advantages relative to a group of answers: GRPO and its kin, by TRL's names.

    Loss of one token, with ratio = exp(logp - old), A the advantage, d = logp of the base - logp:

        - min(ratio A, clip(ratio, 1 - epsilon, 1 + epsilon_high) A) + beta ratio (exp(d) - d - 1)

    and for "cispo" - min(ratio, epsilon_high) A logp in the first place, the ratio without gradient.

    `old` is the log-probability under the weights that sampled the token. Where these are the ones that learn now it is
    the forward's own, so that the first update's ratio is 1 in any precision, as in TRL; further updates on the same
    answers (`num_iterations`) keep it. Tokens that the same role sampled with other weights have that of their decode;
    of tokens that came from elsewhere (words of a data set, of a teacher) it is the forward's own at every update.

    Reads `advantage`, else `reward` within `group` (of any size); `weight` (one per answer, times the whole loss),
    `kl_weight` (the same, times beta), `token_weight` and `old_logprobs` (an array per answer, the latter in place of
    what is said above).

    Parameters
    ----------
    learning_rate, weight_decay, max_grad_norm
        Of the optimiser: `Objective`. The default rate for LoRA is 1e-5, ten times TRL's 1e-6 for all weights and the
        rate of TRL's guide "LoRA Without Regret" after Schulman et al. (2025).
    loss_type : str
        "dapo" and "bnpo": mean over all learned tokens (a step is one batch here, so the two are the same); "grpo":
        mean over rows of each row's mean; "dr_grpo": sum over the number of rows times `max_completion_length`;
        "cispo": mean over tokens of the loss of MiniMax-M1 (2025).
    epsilon, epsilon_high : float
        Clip range of the ratio (0.2: Schulman et al. 2017). epsilon_high None: as epsilon; 0.28 in DAPO (Yu et al.
        2025). For "cispo" epsilon_high is the largest ratio, 5.0 in Khatri et al. (2025), and has no default.
    scale_rewards : str or bool
        Divide advantages by the standard deviation (n - 1) of the "group" (True) or of the "batch", or by nothing:
        "none" (False).
    beta : float
        Coefficient of the divergence from the base.
    entropy : float
        Coefficient of a bonus, the mean over tokens of w times the entropy of the prediction there, nats; w is fixed
        before the step. On the simulated student it draws an ability to even odds of right and wrong. TRL has none.
    entropy_by : str
        w is 1 for all "tokens", or by "covariance" of advantage and log-probability: `entropy_weights`.
    use_bias_correction_kl : bool
        Is that term multiplied by the ratio, as in DeepSeek-V3.2 (2025)? False: Shao et al. (2024).
    num_iterations : int
        Optimiser steps on the same answers; each is charged as a step.
    max_completion_length : int, optional
        Tokens of the longest answer; "dr_grpo" divides by it. None: the bench's.
    baseline : str
        What is subtracted from a reward, TRL has the first only: the mean of its "group", of the "others" in its
        group, or "none".
    std_epsilon : float
        Added to the standard deviation; TRL's value.
    average : str, optional
        For "cispo" only: average as another loss type does, "rows" or "length" instead of "tokens".
    importance_sampling_correction : bool
        Multiply each token's loss, but for the divergence, by exp(old - log-probability of the decode), within bounds:
        `Importance`. TRL does it where vLLM samples, by the same names with ``vllm_`` before them.
    importance_sampling_mode, importance_sampling_clip_max, importance_sampling_clip_min
        "token_truncate" (Yao et al. 2025), "token_mask", "sequence_truncate" or "sequence_mask", and the bounds (None:
        no bound): 3.0 and none in TRL, 2.0 and none in Yao et al. (2025).

    Notes
    -----
    `runs.metrics` has the mean and the largest difference of the forward's log-probabilities from the decode's
    (`logprob_gap`, `logprob_gap_max`, nats), and the mean weight where they are corrected for (`importance_ratio`).

    RLOO is Grpo(baseline="others", scale_rewards=False), REINFORCE Grpo(baseline="none", scale_rewards=False).

    Examples
    --------
    >>> cl.Grpo(clip=0.2)
    Traceback (most recent call last):
    TypeError: Grpo(clip=0.2): write max_grad_norm for the gradient's norm, or epsilon for the clip range of the ratio
    >>> cl.Grpo().averages, cl.Grpo(loss_type="dr_grpo").divides_by_length, cl.Grpo(beta=0.04).reads_base
    ('tokens', True, True)
    >>> cl.Grpo(entropy=0.01).reads_entropy
    True
    """

    loss_type: str = "dapo"
    epsilon: float = 0.2
    epsilon_high: float | None = None
    scale_rewards: str | bool = "group"
    beta: float = 0.0
    entropy: float = 0.0
    entropy_by: str = "tokens"
    use_bias_correction_kl: bool = True
    num_iterations: int = 1
    max_completion_length: int | None = None
    baseline: str = "group"
    std_epsilon: float = 1e-4
    average: str | None = None
    importance_sampling_correction: bool = False
    importance_sampling_mode: str = "token_truncate"
    importance_sampling_clip_max: float | None = 3.0
    importance_sampling_clip_min: float | None = None

    title: ClassVar[str] = "policy gradient relative to groups of answers (GRPO)"
    kind: ClassVar[str] = "reinforcement"
    lora_learning_rate: ClassVar[float] = 1e-5  # the docstring gives the source
    needs_samples: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = READS
    carries: ClassVar[tuple[str, ...]] = ("old_logprobs",)
    renamed: ClassVar[dict[str, str]] = RENAMED

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.scale_rewards, bool):
            object.__setattr__(self, "scale_rewards", "group" if self.scale_rewards else "none")
        for name in ("epsilon", "beta", "entropy", "std_epsilon"):
            check_number(self, name, 0)
        for name in ("epsilon_high", "importance_sampling_clip_max", "importance_sampling_clip_min"):
            if getattr(self, name) is not None:
                check_number(self, name, 0)
        for name, allowed in CHOICES.items():
            check_choice(self, name, allowed)
        _check_together(self)

    @property
    def reads_base(self) -> bool:
        """Is the learner held near the base?"""
        return self.beta > 0

    @property
    def reads_entropy(self) -> bool:
        """Is there a bonus for entropy?"""
        return self.entropy > 0

    @property
    def averages(self) -> str:
        """What the loss is averaged over: "tokens", "rows" or "length"."""
        return self.average or AVERAGES[self.loss_type]

    @property
    def divides_by_length(self) -> bool:
        """Is `max_completion_length` the loss's denominator?"""
        return self.averages == "length"

    def fitted(self, learning_rates: Mapping[str, float], max_completion_length: int | None = None) -> Self:
        """The same settings with the learning rate filled in, and the length that "dr_grpo" divides by."""
        found = super().fitted(learning_rates, max_completion_length)
        if self.averages != "length" or self.max_completion_length is not None:
            return found
        return dataclasses.replace(found, max_completion_length=max_completion_length)

    def terms(self, rows: Rows, tokens: LearnedTokens) -> Terms:
        """Of every learned token: advantage, weight, `old` (NaN: the forward's own), the decode's, and the base's."""
        if self.averages == "length" and self.max_completion_length is None:
            raise ValueError("Grpo(loss_type='dr_grpo') divides by max_completion_length; give it")
        advantage = self.advantages(rows)

        def along(values: np.ndarray) -> list[np.ndarray]:
            return [np.full(count, value) for count, value in zip(tokens.counts, values, strict=True)]

        found = {
            "advantage": along(advantage),
            "old": _old(rows, tokens),
            "sampled": tokens.sampled,
            "weight": token_weights(rows, tokens.counts, self.averages, self.max_completion_length),
        }
        if self.importance_sampling_correction:
            found["answer"] = along(np.arange(len(rows)))
        if tokens.base is not None:
            found |= {"base": tokens.base, "beta": along(self.beta * _column_or_one(rows, "kl_weight"))}
        if self.reads_entropy:
            found["bonus"] = _bonus(self, found["advantage"], tokens, found["weight"])
        return Terms(found, {"advantage": advantage})

    def loss(
        self,
        torch: Any,
        logp: Any,
        *,
        advantage: Any,
        weight: Any,
        old: Any = None,
        sampled: Any = None,
        answer: Any = None,
        base: Any = None,
        beta: Any = None,
        bonus: Any = None,
        entropies: Any = None,
    ) -> Any:
        """Weighted sum of the tokens' losses, less the bonus for entropy; every tensor is (tokens,)."""
        before = logp.detach() if old is None else torch.where(torch.isnan(old), logp.detach(), old)
        ratio = torch.exp(logp - before)
        loss = _surrogate(self, torch, ratio, advantage, logp)
        if self.importance_sampling_correction:
            loss = loss * _importance(self)(torch, before - sampled, answer)
        if base is not None:
            off = base - logp
            divergence = torch.exp(off) - off - 1
            loss = loss + beta * divergence * (ratio if self.use_bias_correction_kl else 1.0)
        total = (loss * weight).sum()
        return total if bonus is None else total - (bonus * entropies).sum()

    def figures(self, torch: Any, logp: Any, *, old: Any, sampled: Any, answer: Any = None, **terms: Any) -> Mapping:
        """How far the forward's log-probabilities are from the decode's, of tokens that these weights sampled."""
        return _figures(self, torch, logp, old, sampled, answer)

    def carried(self, logp: Sequence[np.ndarray], *, old: Sequence[np.ndarray], **terms: Any) -> Mapping:
        """The `old` of every token, for further updates."""
        return {"old_logprobs": [np.where(np.isnan(o), now, o) for now, o in zip(logp, old, strict=True)]}

    def advantages(self, rows: Rows) -> np.ndarray:
        """One advantage per answer, (rows,): the column `advantage`, else made of `reward` within `group`.

        A ValueError where an answer has neither (NaN); 0 in a group of one answer, unless the baseline is "none".

        Examples
        --------
        >>> answers = pd.DataFrame({"reward": [1.0, 0.0, 1.0, 1.0], "group": [1, 1, 2, 2]})
        >>> cl.Grpo().advantages(answers).round(3)
        array([ 0.707, -0.707,  0.   ,  0.   ])
        """
        return _advantages(self, rows)

    def simulated_gain(self, rows: Rows, known: SimulatedRows) -> SimulatedGain:
        """Moves along advantage * (right - chance), each answer by its share of the group; lengths likewise."""
        return _simulated_gain(self, rows, known)


def _simulated_gain(setting: Grpo, rows: Rows, known: SimulatedRows) -> SimulatedGain:
    """Of each answer, its share of the group; the bonus for entropy draws to even odds."""
    push, size = setting.advantages(rows), _group_size(rows)
    judged = ~np.isnan(known.right)
    ability = 2 * push * (np.nan_to_num(known.right, nan=0.0) - known.chance) * judged / size
    if setting.reads_entropy:
        said = np.log(np.where(known.right == 1, known.chance, 1 - known.chance))
        weight = entropy_weights(push, said, setting.entropy_by)
        ability = ability + 2 * setting.entropy * weight * entropy_slope(known.chance) * judged / size
    gap = known.length_gap()
    length = None if gap is None else 2 * push * gap / size
    return SimulatedGain(ability, length, {"advantage": push})


def _column_or_one(rows: Rows, name: str) -> np.ndarray:
    """A column of numbers, 1 in each row where there is none, (rows,)."""
    return rows[name].to_numpy(float) if name in rows else np.ones(len(rows))


def _group_size(rows: Rows) -> np.ndarray | float:
    """Answers in each row's group, (rows,)."""
    if "group" not in rows:
        return 1.0
    _, of, size = np.unique(rows["group"].to_numpy(), return_inverse=True, return_counts=True)
    return size[of]


def _check_together(setting: Grpo) -> None:
    """Refuse settings that make no sense beside each other."""
    if setting.loss_type == "cispo" and setting.epsilon_high is None:
        raise ValueError("Grpo(loss_type='cispo') needs epsilon_high, the largest ratio; 5.0 is usual")
    if setting.average is not None:
        check_choice(setting, "average", ("tokens", "rows", "length"))
        if setting.loss_type != "cispo":
            raise ValueError(
                f"Grpo(loss_type={setting.loss_type!r}, average={setting.average!r}): average goes with 'cispo' only; "
                "write loss_type='dapo' (tokens), 'grpo' (rows) or 'dr_grpo' (length)"
            )
    if setting.baseline == "none" and setting.scale_rewards == "group":
        raise ValueError(
            "Grpo(baseline='none', scale_rewards='group') blows up where all rewards of a group are alike; choose "
            "scale_rewards='none' (REINFORCE) or 'batch'"
        )
    for name, least in (("num_iterations", 1), ("max_completion_length", 1)):
        value = getattr(setting, name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise ValueError(f"Grpo({name}={value!r}); give a whole number of at least {least}")


def _surrogate(setting: Grpo, torch: Any, ratio: Any, advantage: Any, logp: Any) -> Any:
    """The clipped ratio's loss, or that of "cispo", (tokens,)."""
    high = setting.epsilon if setting.epsilon_high is None else setting.epsilon_high
    if setting.loss_type == "cispo":
        return -ratio.detach().clamp(max=high) * advantage * logp
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - setting.epsilon, 1 + high) * advantage)


def _bonus(
    setting: Grpo, advantage: Sequence[np.ndarray], tokens: LearnedTokens, weight: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """What each learned token's entropy is multiplied by, of each row (learned,)."""
    flat = np.concatenate([*advantage, np.empty(0)])
    said = np.concatenate([*tokens.sampled, np.empty(0)]) if len(tokens.sampled) else np.full(len(flat), np.nan)
    found = setting.entropy * entropy_weights(flat, said, setting.entropy_by)
    own = np.split(found, np.cumsum(tokens.counts)[:-1])
    return [w * one for w, one in zip(weight, own, strict=True)]


def _old(rows: Rows, tokens: LearnedTokens) -> list[np.ndarray]:
    """What each learned token's ratio is taken to, of each row (learned,): NaN for the forward's own."""
    given = along_tokens(rows, "old_logprobs", tokens.counts)
    fresh = tokens.fresh or [np.zeros(count, bool) for count in tokens.counts]
    known = [np.where(new, np.nan, sampled) for new, sampled in zip(fresh, tokens.sampled, strict=True)]
    return [old if own is None else own for old, own in zip(known, given, strict=True)]


def _figures(setting: Grpo, torch: Any, logp: Any, old: Any, sampled: Any, answer: Any) -> Mapping:
    """Gaps of log-probabilities (nats), and the mean importance weight; every tensor is (tokens,)."""
    apart = (logp - sampled)[torch.isnan(old) & ~torch.isnan(sampled)].abs()
    found = {"logprob_gap": apart.mean(), "logprob_gap_max": apart.max()} if len(apart) else {}
    if setting.importance_sampling_correction:
        before = torch.where(torch.isnan(old), logp, old)
        found["importance_ratio"] = _importance(setting)(torch, before - sampled, answer).mean()
    return {name: float(value) for name, value in found.items()}


def _importance(setting: Grpo) -> Importance:
    bounds = setting.importance_sampling_clip_min, setting.importance_sampling_clip_max
    return Importance(setting.importance_sampling_mode, *bounds)


def _advantages(setting: Grpo, rows: Rows) -> np.ndarray:
    column = "advantage" if "advantage" in rows else "reward"
    if column not in rows or (column == "reward" and "group" not in rows):
        raise ValueError(f"Grpo reads `advantage`, or `reward` and `group`; the rows have {list(rows.columns)}")
    value = rows[column].to_numpy(float)
    if bad := np.flatnonzero(~np.isfinite(value)).tolist():
        raise ValueError(
            f"the {column} of row {rows.index[bad[0]]!r} is {value[bad[0]]} ({len(bad)} of {len(rows)} answers); "
            "give every answer a number, or leave it out"
        )
    if column == "advantage":
        return value
    if bad := np.flatnonzero(rows["group"].isna()).tolist():
        lacking = f"{len(bad)} of {len(rows)} answers"
        raise ValueError(f"row {rows.index[bad[0]]!r} has no `group` ({lacking}); give it one")
    return _relative(setting, value, rows["group"].to_numpy())


def _relative(setting: Grpo, reward: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Rewards less the baseline, over the standard deviation, (rows,)."""
    _, of, size = np.unique(group, return_inverse=True, return_counts=True)
    off = reward - (np.bincount(of, reward) / size)[of]
    spread = np.sqrt(np.bincount(of, off**2) / np.maximum(size - 1, 1))[of]
    if setting.scale_rewards == "batch":
        spread = np.full(len(reward), reward.std(ddof=1) if len(reward) > 1 else 0.0)
    if setting.baseline == "none":
        off = reward
    elif setting.baseline == "others":
        off = off * (size / np.maximum(size - 1, 1))[of]
    return off if setting.scale_rewards == "none" else off / (spread + setting.std_epsilon)
