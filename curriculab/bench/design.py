"""What all variants of a bench share, and what decides the numbers of a run."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from html import escape
from pathlib import Path

import torch

from curriculab.bench.budget import Budget, default_ceiling, evaluation_shares
from curriculab.bench.evaluation import AT_THE_ENDS, Validation
from curriculab.bench.fingerprint import measure_modules, run_modules
from curriculab.bench.job import Job, Steer, open_job
from curriculab.bench.rows import refuse_leaks, twins_of, validation_of
from curriculab.bench.scripted import ScriptedRoles, check_role
from curriculab.data.validation import validate
from curriculab.engine.gradient_checkpointing import checkpoint_layers
from curriculab.engine.limits import MemoryLimits
from curriculab.engine.model import Model
from curriculab.objectives.objective import Objective
from curriculab.objectives.registry import as_objective, resolve
from curriculab.protocol import Backend, Method, Rows, Script, Train
from curriculab.registry.columns import source_of
from curriculab.registry.fingerprint import describe, git, texts, versions
from curriculab.registry.serialization import written
from curriculab.registry.warning import warn
from curriculab.rewards import Judging, judging_of
from curriculab.rewards.cutoffs import DEFAULTS, SETTINGS
from curriculab.runs import Store, digest_of, digest_of_table
from curriculab.statistics.declared import check_declared

TOO_LARGE = 5  # times the usual learning rate, from where on the bench warns; the pocket model's are 5 and 30 times


@dataclasses.dataclass(frozen=True, eq=False)
class Design:
    """Everything that the variants of a bench have in common.

    model: what `load_model` returned; train, test: pools without a row in common; objectives: the setting of each by
    name, the first being the default; budget: when a variant is done; batch_size: rows a step; shares: of its own
    progress, at which a variant is tested; rollouts: answers a row under reinforcement; temperature: they are sampled
    at; max_new_tokens: of an answer; reference_models: read-only models by role; store: the folder that finished runs
    are kept in (None: nothing is kept); make_backend: called with the design for what answers the requests (None: the
    model in this process); known_columns: how columns were made, as a spec says it; limits: of the model's memory.
    """

    model: Model
    train: Rows
    test: Rows
    objectives: Mapping[str, Objective]
    budget: Budget
    batch_size: int
    shares: Sequence[float]
    rollouts: int
    temperature: float
    max_new_tokens: int
    reference_models: Mapping[str, Model | Script] = dataclasses.field(default_factory=dict)
    store: Store | None = None
    make_backend: Callable[[Design], Backend] | None = None
    known_columns: Mapping[str, Mapping[str, object]] = dataclasses.field(default_factory=dict)
    limits: MemoryLimits = MemoryLimits()
    judging: Mapping[str, Judging] = dataclasses.field(default_factory=dict)  # by pool, who judges its answers
    named: Sequence[float] = ()  # shares, beside the end, that a claim on test rows was said to be about
    twins: Mapping[str, object] = dataclasses.field(default_factory=dict)  # test rows that the split also trains
    validation: Validation | None = None  # rows that are read in the place of the test rows as training goes on
    processes: int | None = None  # that train; None: as many as pay
    compare: Mapping[str, object] = dataclasses.field(default_factory=dict)  # how runs will be compared, said before

    @property
    def objective(self) -> Objective:
        """The default objective: the first."""
        return next(iter(self.objectives.values()))

    @cached_property
    def tokens_per_row(self) -> float:
        """Mean number of tokens that training a row takes."""
        return float(self.model.lengths(self.train).mean())

    def backend(self) -> Backend:
        """What answers the requests of this design's variants."""
        if self.make_backend is not None:
            return self.make_backend(self)
        how = {"temperature": self.temperature, "max_new_tokens": self.max_new_tokens}
        how |= {"limits": self.limits} if self.limits.given() else {}
        scripts = {role: one for role, one in self.reference_models.items() if isinstance(one, Script)}
        models = {role: one for role, one in self.reference_models.items() if role not in scripts}
        backend = self.model.backend(self.objectives, reference_models=models, **how)
        return ScriptedRoles(backend, scripts) if scripts else backend

    @property
    def backend_name(self) -> str | None:
        """The name of the function given as `backend=`; None where the model in this process answers."""
        if self.make_backend is None:
            return None
        make: object = self.make_backend
        while hasattr(make, "func"):  # a functools.partial
            make = make.func
        return str(getattr(make, "__qualname__", None) or type(make).__qualname__)

    @cached_property
    def backend_identity(self) -> object:
        """What decides the answers of a backend given as `backend=`: its code, its knobs, and the values it reaches."""
        try:
            return describe(self.make_backend)
        except ValueError as error:
            raise ValueError(
                f"what decides the answers of backend={self.backend_name} cannot be told ({error}); make the backend "
                "within that function, or give what it holds a method digest() that returns a text"
            ) from None

    def setting(self, request: Train) -> Objective:
        """The objective that a Train is answered with."""
        return resolve(self.objectives, request.objective)

    def open_job(self, variant: str, method: Method, seed: int, *, pool: Rows | None = None, **more: object) -> Job:
        """A job for one variant and seed, at its beginning; pool: other rows than the training pool."""
        how = {"batch": self.batch_size, "rollouts": self.rollouts, "objective": self.setting}
        return open_job(variant, method, self.train if pool is None else pool, seed=seed, **how, **more)

    # -- what decides a run -------------------------------------------------------------------------------------------
    def decides(self, method: Method, seed: int, steering: Sequence[Steer] = ()) -> dict[str, object]:
        """Everything that decides the numbers of one run; steering: other methods that took over, and when."""
        steered = [[s.turn, s.evaluated, s.step, describe(s.to) if s.to else "stop"] for s in steering]
        read, measures = texts(method), measure_modules(method)
        columns = {name: about for name, about in self.columns.items() if name in read}
        return {
            "train": self.train_digest,
            "test": self.test_digest,
            **({"validation": self.validation.about} if self.validation else {}),
            **({"test_at": list(self.named)} if self.named else {}),
            "method": describe(method),
            "seed": seed,
            "objectives": [[name, dataclasses.asdict(setting)] for name, setting in self.objectives.items()],
            "budget": dataclasses.asdict(self.budget),
            "batch_size": self.batch_size,
            "shares": list(self.shares),
            "rollouts": self.rollouts,
            "temperature": self.temperature,
            "max_new_tokens": self.max_new_tokens,
            "model": self.model.digest(),
            "others": {role: model.digest() for role, model in self.reference_models.items()},
            **({"backend": self.backend_identity} if self.backend_name else {}),
            **({"max_tokens_per_forward": self._tokens} if self._tokens else {}),  # it rounds otherwise
            "versions": versions(),
            **({"judging": dict(SETTINGS)} if SETTINGS != DEFAULTS else {}),  # limits and tolerance of the verifiers
            "code": run_modules(self.model, self.objectives.values(), [*self.tasks, *self._chosen]),
            **({"columns": columns} if columns else {}),
            **({"measures": measures} if measures else {}),
            **({"steered": steered} if steered else {}),
        }

    @property
    def _tokens(self) -> int | None:
        return self.limits.max_tokens_per_forward

    @cached_property
    def columns(self) -> dict[str, Mapping[str, object]]:
        """How score columns of the training rows were made, by name, where this process or the spec knows it."""
        found = {str(name): source_of(self.train[name]) for name in self.train.columns}
        return {**self.known_columns, **{name: about for name, about in found.items() if about}}

    @cached_property
    def tasks(self) -> list[str]:
        """Names of the tasks that training and test rows are judged by."""
        columns = [rows["task"].dropna() for rows in (self.train, self.test) if "task" in rows]
        return sorted({str(task) for column in columns for task in column})

    @property
    def _chosen(self) -> list[None]:
        """A task of None, where verifiers of some rows are chosen by the right answers."""
        return [None] if any(judging.kinds for judging in self.judging.values()) else []

    @cached_property
    def train_digest(self) -> str:
        return digest_of_table(self.train)

    @cached_property
    def test_digest(self) -> str:
        return digest_of_table(self.test)

    @property
    def valid(self) -> Rows | None:
        """The validation rows."""
        return self.validation.rows if self.validation else None

    def digest(self, method: Method, seed: int, steering: Sequence[Steer] = ()) -> str:
        """The name under which a run is kept and found again."""
        return digest_of(self.decides(method, seed, steering))

    def spec(self, method: Method, seed: int, steering: Sequence[Steer] = ()) -> dict[str, object]:
        """The record beside a run: its decisive settings, the method with its knobs, software and machine."""
        return {
            "decides": self.decides(method, seed, steering),
            "method": written(method),
            "model": self.model.name,
            "bits": self.model.bits,
            **({"split": dict(self.twins)} if self.twins else {}),
            **({"compare": dict(self.compare)} if self.compare else {}),
            **({"memory": self.limits.given()} if self.limits.given() else {}),
            "columns": self.columns,
            "threads": torch.get_num_threads(),
            "git": git(),
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}",
            "device": str(self.model.device),
        }

    def settings(self) -> dict[str, object]:
        """All but the variants, as JSON that `spec.read_spec` turns back into a design."""
        return {
            "objectives": [written(o) for o in self.objectives.values()],
            "budget": written(self.budget),
            "batch_size": self.batch_size,
            "rollouts": self.rollouts,
            "temperature": self.temperature,
            "max_new_tokens": self.max_new_tokens,
            "shares": list(self.shares),
            "columns": self.columns,
            **({"memory": self.limits.given()} if self.limits.given() else {}),
            **({"backend": {"lost": self.backend_name}} if self.backend_name else {}),
            "model": self.model.record(),
            "train": {"rows": len(self.train), "digest": self.train_digest},
            "test": {"rows": len(self.test), "digest": self.test_digest},
            **({"validation": self.validation.about} if self.validation else {}),
            **({"test_at": list(self.named)} if self.named else {}),
            **({"compare": dict(self.compare)} if self.compare else {}),
            **({"judging": {name: j.record() for name, j in self.judging.items()}} if self.judging else {}),
        }

    def __repr__(self) -> str:
        axis, total = self.budget.axis()
        return (
            f"Bench({self.model.name!r}, {len(self.train)} training and {len(self.test)} test rows, {total} {axis}, "
            f"{self.batch_size} rows a step, {len(self.shares)} evaluations)"
        )

    def as_html(self) -> str:
        """What the variants share, as a table."""
        validated = f"{len(self.validation.rows):,} for validation, " if self.validation else ""
        (axis, total), by, limits = self.budget.axis(), self.backend_name, self.limits.given()
        lines = {
            "model": f"{self.model.name}, {self.model.bits} bits" + (f", answered by {by}" if by else ""),
            "rows": f"{len(self.train):,} for training, {validated}{len(self.test):,} for tests",
            "objective": ", ".join(map(repr, self.objectives.values())),
            "budget": f"{total:,} {axis}, {self.batch_size} rows a step",
            "evaluations": f"{len(self.shares)}",
            **{f"answers of {name}": j.line for name, j in self.judging.items()},
            "store": "none" if self.store is None else str(self.store.root),
            **({"memory": ", ".join(f"{name}={value}" for name, value in limits.items())} if limits else {}),
        }
        rows = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in lines.items())
        return f'<table style="text-align:left"><caption>Bench</caption>{rows}</table>'


def tell(design: Design) -> None:
    """Print what the bench chose by itself, a line each: who judges the answers, and how many training rows are kept
    back for validation."""
    lines = [f"{name}: {judging.line}" for name, judging in design.judging.items() if judging.kinds]
    if lines:
        print("; ".join(lines))
    if design.validation and design.validation.of:
        print(
            f"{len(design.validation.rows):,} of {design.validation.of:,} training rows are kept back for validation: "
            "curves and the panel show these, test rows are answered at the shares in test_at; give rows of your "
            "own as valid=, or valid=None"
        )


def make_design(
    model: Model,
    train: Rows,
    test: Rows,
    *,
    objective: str | Objective | Sequence[str | Objective],
    budget: Budget,
    batch_size: int,
    evaluate_every: int | None,
    rollouts: int,
    temperature: float,
    max_new_tokens: int | None,
    reference_models: Mapping[str, Model | Script] | None,
    store: str | Path | None,
    make_backend: Callable[[Design], Backend] | None,
    limits: MemoryLimits,
    valid: Rows | float | None = None,
    test_at: Sequence[float] = AT_THE_ENDS,
    processes: int | None = None,
    compare: Mapping[str, object] | None = None,
) -> Design:
    """A design whose parts fit together; what does not is refused in one line. The arguments are those of `Bench`."""
    train, test = validate(train, "train").copy(), validate(test, "test").copy()
    judging = _judged(train=train, test=test)
    train, validation = validation_of(valid, test_at, train=train, test=test)
    for role in reference_models or {}:
        check_role(role)
    objectives = objectives_by_name(objective)
    if not (isinstance(batch_size, int) and batch_size > 0):
        raise ValueError(f"batch_size={batch_size!r}; give the number of rows in a step, at least 1")
    if processes is not None and not (isinstance(processes, int) and processes > 0):
        raise ValueError(f"processes={processes!r}; give how many processes train, at least 1, or leave it out")
    shares = evaluation_shares(budget, evaluate_every)
    refuse_leaks(train, test, "train", "test")
    twins = twins_of(train, test)
    lengths = model.lengths(train)
    model.refuse_too_long(train.index, lengths.to_numpy(), "train")
    tested = {"test": test, **({"valid": validation.rows} if validation else {})}
    for name, rows in tested.items():
        model.refuse_too_long(rows.index, model.lengths(rows).to_numpy(), name)
    answers = rollouts if next(iter(objectives.values())).needs_samples else 0
    max_new_tokens = _answer_length(objectives, max_new_tokens)
    if max_new_tokens is None:
        written = [*tested.values(), *([train] if answers else [])]
        max_new_tokens = max(int(model.lengths(rows, answers_only=True).max()) for rows in written)
    longest = lengths + max_new_tokens * bool(answers)  # an answer may be as long as it is let
    ceiling = budget.max_total_tokens or default_ceiling(longest, budget, batch_size, answers)
    design = Design(
        model,
        train,
        test,
        _fitted(objectives, model, budget, max_new_tokens),
        dataclasses.replace(budget, max_total_tokens=ceiling),
        batch_size,
        shares,
        rollouts,
        temperature,
        max_new_tokens,
        dict(reference_models or {}),
        None if store is None else Store(Path(store)),
        make_backend,
        limits=limits,
        judging=judging,
        named=() if validation or tuple(test_at) == AT_THE_ENDS else tuple(test_at),
        validation=validation,
        twins=twins,
        processes=processes,
        compare=check_declared(compare or {}),
    )
    if limits.gradient_checkpointing:
        checkpoint_layers(model.base)  # refused now where it cannot be
    if make_backend is not None:
        if limits.given():
            name = next(iter(limits.given()))
            raise ValueError(f"{name}= limits this process, and backend= answers in its place; leave it out")
        _ = design.backend_identity  # refused now where it cannot be told
    return design


def _judged(**pools: Rows) -> dict[str, Judging]:
    """Who judges the answers of each pool; pools whose own answers are judged wrong are told."""
    found = {name: judging_of(pool) for name, pool in pools.items()}
    for name, judging in found.items():
        if judging.problem:
            warn(f"{name}: {judging.problem}")
    return found


def _answer_length(objectives: Mapping[str, Objective], given: int | None) -> int | None:
    """Tokens of an answer: the bench's, else the first objective's; two that differ are refused where both limit."""
    setting = next(iter(objectives.values()))
    own = setting.max_completion_length
    if None not in (own, given) and own != given and not setting.divides_by_length:
        raise ValueError(
            f"Bench(max_completion_length={given}) and {type(setting).__name__}(max_completion_length={own}) differ; "
            "give one of them"
        )
    return given or own


def objectives_by_name(given: str | Objective | Sequence[str | Objective]) -> dict[str, Objective]:
    """The settings of each objective by its name, in the order given."""
    found: dict[str, Objective] = {}
    for one in list(given) if isinstance(given, list | tuple) else [given]:
        setting = as_objective(one)
        if setting.name in found:
            raise ValueError(f"two settings of the objective {setting.name!r}; a bench holds one of each")
        found[setting.name] = setting
    return found


def _fitted(
    objectives: Mapping[str, Objective], model: Model, budget: Budget, max_new_tokens: int
) -> dict[str, Objective]:
    """Fill in what the objectives leave to the model and the bench; say where a rate is far above the usual."""
    known, found = model.learning_rates, {}
    for name, setting in objectives.items():
        usual, rate = setting.default_rate(known), setting.learning_rate
        if setting.kind not in known and rate is not None and rate >= TOO_LARGE * usual:
            warn(
                f"{type(setting).__name__}(learning_rate={rate:g}) is {rate / usual:.2g} times the usual {usual:g} "
                f"for LoRA on a model such as {model.name!r}; leave it out to take that"
            )
        axis, total = budget.axis()
        setting.rate_factor(0, total, axis)  # refuses a warm-up that does not go with the budget
        found[name] = setting.fitted(known, max_new_tokens)
    return found
