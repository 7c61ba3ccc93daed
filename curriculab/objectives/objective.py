"""The contract of objectives: the optimiser's settings, and what an objective answers for itself.

An objective is one file: a frozen dataclass that derives from `Objective` under the decorator ``@objective("name")``.
It imports neither torch nor the engine. The engine hands it log-probabilities as tensors and the module torch; the
simulated student hands it what it knows of the rows.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from curriculab.protocol import Rows

LARGEST_RATE = 10.0  # Adam moves each weight by about the learning rate: above, float32 is soon at its end


@dataclass(frozen=True, eq=False)
class LearnedTokens:
    """What the engine knows of the learned tokens of one step's rows.

    Parameters
    ----------
    counts : np.ndarray
        Learned tokens of each row, (rows,).
    sampled : sequence of np.ndarray
        Of each row, the log-probabilities (nats) its learned tokens were sampled with, as the decode computed them,
        (learned,); NaN where unknown.
    fresh : sequence of np.ndarray
        Of each row, which of them were sampled by the very weights that learn now, (learned,) bool. A forward of these
        gives the same log-probabilities again but for rounding, which in bfloat16 is several hundredths of a nat.
    base : sequence of np.ndarray, optional
        Of each row, the log-probabilities (nats) of its learned tokens under the frozen base, (learned,); only for an
        objective whose `reads_base` is true.
    """

    counts: np.ndarray
    sampled: Sequence[np.ndarray] = ()
    fresh: Sequence[np.ndarray] = ()
    base: Sequence[np.ndarray] | None = None


@dataclass(frozen=True, eq=False)
class Terms:
    """What an objective made of one step's rows, before the forward passes.

    Parameters
    ----------
    tokens : mapping of str to sequence of np.ndarray
        By name, and of each row, one number a learned token, (learned,). `Objective.loss` gets them as tensors.
    reply : mapping of str to np.ndarray
        Columns that the reply to Train has beside `loss`, (rows,).
    """

    tokens: Mapping[str, Sequence[np.ndarray]]
    reply: Mapping[str, np.ndarray] = field(default_factory=dict)


class SimulatedRows(Protocol):
    """What the simulated student knows of rows that it is trained on."""

    able: np.ndarray  # probability to be right by knowing, (rows,)
    chance: np.ndarray  # probability to be right, guessing included, (rows,)
    right: np.ndarray  # is the learned text right: 1, 0, NaN where unknown, (rows,)

    def length_gap(self) -> np.ndarray | None:
        """Log number of words of each row less what the student would write, (rows,); None: its texts have none."""


@dataclass(frozen=True, eq=False)
class SimulatedGain:
    """How a row moves the simulated student, before its learning rate and the column `weight`.

    Parameters
    ----------
    ability : np.ndarray
        Change of the ability in the row's skill, (rows,).
    length : np.ndarray, optional
        Change of the log number of words in that skill, (rows,).
    reply : mapping of str to np.ndarray
        Columns that the reply to Train has beside `loss`, (rows,).
    """

    ability: np.ndarray
    length: np.ndarray | None = None
    reply: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Settings of the optimiser that every objective has, and the contract of an objective.

    Parameters
    ----------
    learning_rate : float, optional
        Step size of AdamW (`lr` is accepted too). None: what the model's configuration says for this kind of
        objective, else `lora_learning_rate`.
    weight_decay : float
        Decoupled weight decay of AdamW.
    max_grad_norm : float
        Largest norm of one adapter's gradient; longer ones are scaled down to it. 0: none is.
    lr_scheduler_type : str
        "constant", "linear" or "cosine": how the learning rate falls to 0 over the budget.
    warmup_steps : float
        Steps in which the learning rate rises from 0; below 1 a share of the budget (`warmup_ratio` is accepted too).
        The first step of a warm-up is taken at a rate of 0, as in transformers.
    """

    learning_rate: float | None = None
    weight_decay: float = 0.0  # TRL's default, as is the next
    max_grad_norm: float = 1.0
    lr_scheduler_type: str = "constant"
    warmup_steps: float = 0

    name: ClassVar[str] = ""  # given by the decorator
    title: ClassVar[str] = ""  # as a methods section calls it
    kind: ClassVar[str] = "supervised"  # "supervised", "reinforcement" or "preference": which rate a model's card gives
    lora_learning_rate: ClassVar[float] = 2e-4  # where the model's card gives none
    needs_samples: ClassVar[bool] = False  # are rows without `turns` answered by the model before they are trained?
    reads: ClassVar[tuple[str, ...]] = ()  # columns of the rows that decide the loss
    carries: ClassVar[tuple[str, ...]] = ()  # columns of a step's reply that further steps on the same rows read
    num_iterations: ClassVar[int] = 1  # optimiser steps on the same rows
    max_completion_length: ClassVar[int | None] = None  # tokens that an answer may have; None: the bench's
    divides_by_length: ClassVar[bool] = False  # is that number the loss's denominator too?
    renamed: ClassVar[Mapping[str, str]] = {}  # settings that do not exist, and what to write instead

    def __post_init__(self) -> None:
        if self.learning_rate is not None:
            check_number(self, "learning_rate", 0, LARGEST_RATE)
        check_number(self, "weight_decay", 0)
        check_number(self, "max_grad_norm", 0)
        check_choice(self, "lr_scheduler_type", ("constant", "linear", "cosine"))
        check_number(self, "warmup_steps", 0)

    @property
    def reads_base(self) -> bool:
        """Does the loss need the log-probabilities of the frozen base?"""
        return False

    @property
    def reads_entropy(self) -> bool:
        """Does the loss read the entropy of each token's prediction? Then `loss` gets `entropies`, (tokens,), nats."""
        return False

    def fitted(self, learning_rates: Mapping[str, float], max_completion_length: int | None = None) -> Self:
        """The same settings with what was left open filled in: the numbers that stand in a run's record.

        Parameters
        ----------
        learning_rates : mapping of str to float
            By kind of objective, as the model's configuration gives them; may be empty.
        max_completion_length : int, optional
            Tokens that an answer may have.

        Examples
        --------
        >>> cl.Grpo().fitted({"supervised": 1e-3, "reinforcement": 3e-4}).learning_rate
        0.0003
        """
        if self.learning_rate is not None:
            return self
        return dataclasses.replace(self, learning_rate=self.default_rate(learning_rates))

    def default_rate(self, learning_rates: Mapping[str, float]) -> float:
        """The learning rate for a model whose configuration gives `learning_rates` by kind of objective."""
        return float(learning_rates.get(self.kind, self.lora_learning_rate))

    def rate_factor(self, spent: float, total: float, axis: str = "steps") -> float:
        """What the learning rate is multiplied by for the next step.

        Parameters
        ----------
        spent, total : float
            What was spent before the step, and the whole budget, both on its first axis.
        axis : str
            That axis: "steps", "tokens" or "rollouts".

        Raises
        ------
        ValueError
            Where `warmup_steps` counts steps and the budget does not.
        """
        warmup = self.warmup_steps
        if warmup >= 1 and axis != "steps":
            raise ValueError(
                f"{type(self).__name__}(warmup_steps={warmup:g}) counts steps, and the budget is of {axis}; give a "
                "share below 1, such as 0.05"
            )
        if warmup < 1:
            warmup = math.ceil(total * warmup) if axis == "steps" else total * warmup
        else:
            warmup = int(warmup)
        if spent < warmup:
            return spent / warmup
        if self.lr_scheduler_type == "constant":
            return 1.0
        done = (spent - warmup) / max(total - warmup, 1)
        if self.lr_scheduler_type == "linear":
            return max(0.0, 1.0 - done)
        return 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))

    def terms(self, rows: Rows, tokens: LearnedTokens) -> Terms:
        """What the loss reads beside log-probabilities, one number a learned token.

        Parameters
        ----------
        rows : DataFrame
            The rows of the step, (rows, columns).
        tokens : LearnedTokens
            What is known of their learned tokens.

        Examples
        --------
        >>> rows, sampled = pd.DataFrame({"advantage": [1.0, -1.0]}), [np.array([-0.5]), np.array([-0.1, -0.2])]
        >>> cl.Grpo().terms(rows, LearnedTokens(np.array([1, 2]), sampled)).tokens["advantage"]
        [array([1.]), array([-1., -1.])]
        """
        raise NotImplementedError(f"the objective {type(self).__name__} has no terms(); its loss reads them")

    def loss(self, torch: Any, logp: Any, **terms: Any) -> Any:
        """Loss of some rows of the step, summed: a tensor of one number.

        Parameters
        ----------
        torch : module
            The module torch.
        logp : torch.Tensor
            Log-probabilities (nats) of the rows' learned tokens one after the other, (tokens,), with gradient.
        **terms : torch.Tensor
            `Terms.tokens` of the same rows by name, each (tokens,).

        Examples
        --------
        >>> import torch
        >>> now, weight = torch.tensor([-1.0, -2.0]), torch.tensor([0.5, 0.5])
        >>> cl.Grpo().loss(torch, now, advantage=torch.tensor([1.0, -3.0]), old=now, weight=weight)
        tensor(1.)
        """
        raise NotImplementedError(f"the objective {type(self).__name__} has no loss(); it trains no model")

    def figures(self, torch: Any, logp: Any, **terms: Any) -> Mapping[str, float]:
        """Figures of a whole step that are recorded beside its loss, by name; none unless an objective has some.

        Parameters
        ----------
        torch : module
            The module torch.
        logp : torch.Tensor
            Log-probabilities (nats) of all learned tokens of the step before it was taken, (tokens,).
        **terms : torch.Tensor
            `Terms.tokens` by name, each (tokens,).

        Examples
        --------
        >>> import torch
        >>> now, decoded = torch.tensor([-1.0, -2.0]), torch.tensor([-1.25, -2.5])
        >>> old = torch.tensor([float("nan"), -2.5])  # the second token was sampled by other weights
        >>> cl.Grpo().figures(torch, now, advantage=now, weight=now, old=old, sampled=decoded)
        {'logprob_gap': 0.25, 'logprob_gap_max': 0.25}
        """
        return {}

    def carried(self, logp: Sequence[np.ndarray], **terms: Sequence[np.ndarray]) -> Mapping[str, list[np.ndarray]]:
        """The columns that `carries` names, for further steps on the same rows (`num_iterations`).

        Parameters
        ----------
        logp : sequence of np.ndarray
            Of each row, the log-probabilities (nats) of its learned tokens before the step, (learned,).
        **terms : sequence of np.ndarray
            `Terms.tokens` by name.

        Examples
        --------
        >>> unknown = [np.array([np.nan, -0.5])]  # of the second token it is known what it was sampled with
        >>> cl.Grpo(num_iterations=2).carried([np.array([-1.0, -2.0])], old=unknown)
        {'old_logprobs': [array([-1. , -0.5])]}
        """
        return {}

    def simulated_gain(self, rows: Rows, known: SimulatedRows) -> SimulatedGain:
        """What the simulated student makes of each row.

        Parameters
        ----------
        rows : DataFrame
            The rows of the step, (rows, columns).
        known : SimulatedRows
            What the student knows of them.

        Examples
        --------
        >>> from types import SimpleNamespace
        >>> chances = dict(chance=np.array([0.5, 0.5]), right=np.array([1.0, 0.0]), length_gap=lambda: None)
        >>> answers = pd.DataFrame({"advantage": [1.0, -1.0], "group": [1, 1]})
        >>> cl.Grpo().simulated_gain(answers, SimpleNamespace(**chances)).ability  # logits, before the learning rate
        array([0.5, 0.5])
        """
        raise NotImplementedError(
            f"the objective {type(self).__name__} has no simulated_gain(); it cannot be simulated"
        )


def token_weights(
    rows: Rows, counts: np.ndarray, average: str, max_completion_length: int | None = None
) -> list[np.ndarray]:
    """Factor of every learned token's loss, of each row (learned,): its weight over the step's denominator.

    Parameters
    ----------
    rows : pd.DataFrame
        Reads `weight` (a number a row) and `token_weight` (an array a row, along its learned tokens), both optional.
    counts : np.ndarray
        Learned tokens of each row, (rows,).
    average : str
        "tokens": mean over all learned tokens; "rows": mean over rows of each row's mean; "length": sum over the
        number of rows times `max_completion_length`.
    """
    weight = rows["weight"].to_numpy(float) if "weight" in rows else np.ones(len(rows))
    if average == "tokens":
        each = weight / max(counts.sum(), 1)
    elif average == "rows":
        each = weight / np.maximum(counts, 1) / len(rows)
    else:
        each = weight / (len(rows) * max_completion_length)
    own = along_tokens(rows, "token_weight", counts)
    return [np.full(n, c) if w is None else c * w for n, c, w in zip(counts, each, own, strict=True)]


def along_tokens(rows: Rows, column: str, counts: np.ndarray) -> list[np.ndarray | None]:
    """A column with one number a learned token, of each row (learned,); None where a row has none.

    Parameters
    ----------
    rows : pd.DataFrame
        May have the column: an array a row, or None or NaN.
    column : str
        Its name.
    counts : np.ndarray
        Learned tokens of each row, (rows,).

    Raises
    ------
    ValueError
        Where an array is longer or shorter than its row's learned tokens.

    Examples
    --------
    >>> rows = pd.DataFrame({"token_weight": [[0.5, 1.0], None]})
    >>> cl.objectives.objective.along_tokens(rows, "token_weight", np.array([2, 3]))
    [array([0.5, 1. ]), None]
    """
    own = rows[column].tolist() if column in rows else [None] * len(rows)
    return [_along(rows.index[i], column, n, values) for i, (n, values) in enumerate(zip(counts, own, strict=True))]


def _along(row: object, column: str, count: int, values: object) -> np.ndarray | None:
    if values is None or (np.ndim(values) == 0 and values != values):
        return None
    if np.ndim(values) != 1 or len(values) != count:
        raise ValueError(f"row {row!r} has {np.size(values)} numbers in {column!r} for {count} learned tokens")
    return np.asarray(values, float)


def check_number(setting: object, name: str, least: float, most: float = math.inf) -> None:
    """Refuse a setting that is no finite number from `least` to `most`."""
    value = getattr(setting, name)
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not least <= value <= most:
        allowed = f"of at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
        raise ValueError(f"{type(setting).__name__}({name}={value!r}); give a number {allowed}")


def check_choice(setting: object, name: str, allowed: Sequence[str]) -> None:
    """Refuse a setting that is not among the allowed ones."""
    value = getattr(setting, name)
    if value not in allowed:
        choices = " or ".join(map(repr, allowed))
        raise ValueError(f"{type(setting).__name__}({name}={value!r}); choose {choices}")
