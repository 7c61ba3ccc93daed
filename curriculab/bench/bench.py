"""The bench: variants x seeds on one model, one budget and the same test rows, side by side, recorded and reused.

bench = Bench(model, train, test, objective="sft", budget=Budget(steps=100), batch_size=8, evaluate_every=25)
runs = bench.run({"random": random_order, "easy first": partial(easy_to_hard, by="loss")}, seeds=3, controls=True)
"""

from __future__ import annotations

import dataclasses
import math
import platform
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import torch

from curriculab import methods
from curriculab.bench.budget import Budget, default_ceiling
from curriculab.bench.fingerprint import run_modules
from curriculab.bench.interventions import Event
from curriculab.bench.job import Steer, open_job
from curriculab.bench.recording import record
from curriculab.bench.scheduler import Scheduler
from curriculab.bench.simulate import evaluation_shares, simulate
from curriculab.bench.spec import write_spec
from curriculab.data.rendering import learned_text
from curriculab.data.validation import validate
from curriculab.engine.learner import ModelLearner
from curriculab.engine.model import Model
from curriculab.methods.order.random_order import random_order
from curriculab.objectives.objective import Objective
from curriculab.objectives.registry import as_objective, resolve
from curriculab.protocol import Backend, Method, Rows
from curriculab.registry.fingerprint import describe, git, versions
from curriculab.registry.knobs import check_knobs
from curriculab.registry.serialization import written
from curriculab.runs import Runs, Store, digest_of, digest_of_table

if TYPE_CHECKING:
    from curriculab.bench.background import Live
from curriculab.bench.progress import _Bar
from curriculab.bench.run_set import Asked

TOO_LARGE = 5  # times the usual learning rate, from where on the bench warns; the pocket model's are 5 and 30 times


PLANNED = 50  # steps that `plan` simulates to see what a method asks for


EXAMINED = 64  # test rows that it measures the speed of tests on


class Bench:
    """Trains and tests variants under equal terms.

    model: what `load_model` returned; train, test: pools without a row in common; objective: "sft" or a setting such as
    Sft(lr=1e-3) (a list: the first is the default); budget: when a variant is done; batch_size: rows a step;
    evaluate_every: in units of the budget's first axis (None: start and end); rollouts: answers a row under
    reinforcement; max_new_tokens: of an answer (None: of the longest text tested or, by answers, trained); store: the
    folder finished runs are kept in and reused from (None: keep nothing); backend: called to make what answers the
    requests (None: the model in this process).
    """

    def __init__(
        self,
        model: Model,
        train: Rows,
        test: Rows,
        *,
        objective: str | Objective | Sequence[str | Objective] = "sft",
        budget: Budget,
        batch_size: int = 8,
        evaluate_every: int | None = None,
        rollouts: int = 8,
        temperature: float = 1.0,
        max_new_tokens: int | None = None,
        others: Mapping[str, Model] | None = None,
        store: str | Path | None = "runs",
        backend: Callable[[], Backend] | None = None,
    ) -> None:
        self.model, self._make_backend = model, backend
        self.train, self.test = validate(train, "train").copy(), validate(test, "test").copy()
        self.objectives = _objectives(objective)
        if not (isinstance(batch_size, int) and batch_size > 0):
            raise ValueError(f"batch_size={batch_size!r}; give the number of rows in a step, at least 1")
        self.batch_size, self.rollouts, self.temperature = batch_size, rollouts, temperature
        self.shares = evaluation_shares(budget, evaluate_every)
        self.others, self.store = dict(others or {}), None if store is None else Store(Path(store))
        self._refuse_leaks()
        lengths = model.lengths(self.train)
        model.refuse_too_long(self.train.index, lengths.to_numpy(), "train")
        model.refuse_too_long(self.test.index, model.lengths(self.test).to_numpy(), "test")
        answers = rollouts if self._first.needs_samples else 0
        texts = [*learned_text(self.test), *(learned_text(self.train) if answers else ())]
        self.max_new_tokens = max_new_tokens or 1 + max(len(model.tokens(t)) for t in texts)
        self.tokens_per_row = float(lengths.mean())
        most = lengths + self.max_new_tokens * bool(answers)  # an answer may be as long as it is let
        work = budget.work or default_ceiling(most, budget, batch_size, answers)
        self.budget = dataclasses.replace(budget, work=work)
        self._fit_objectives()

    def _fit_objectives(self) -> None:
        """Fill in what the objectives leave to the model and the bench; say where a rate is far above the usual."""
        known = self.model.learning_rates
        for name, setting in self.objectives.items():
            usual, rate = setting.default_rate(known), setting.learning_rate
            if setting.kind not in known and rate is not None and rate >= TOO_LARGE * usual:
                warnings.warn(
                    f"{type(setting).__name__}(learning_rate={rate:g}) is {rate / usual:.2g} times the usual {usual:g} "
                    f"for LoRA on a model such as {self.model.name!r}; leave it out to take that",
                    stacklevel=3,
                )
            self.objectives[name] = setting.fitted(known, self.max_new_tokens)

    def _refuse_leaks(self) -> None:
        both = self.train.index.intersection(self.test.index)
        if len(both):
            raise ValueError(
                f"{len(both)} rows are in train and in test, such as {both[0]!r}; use cl.split(pool, test=...)"
            )
        known = set(zip(self.train.prompt, self.train.answer, strict=True))
        same = [
            i for i, p, a in zip(self.test.index, self.test.prompt, self.test.answer, strict=True) if (p, a) in known
        ]
        if same:
            warnings.warn(
                f"{len(same)} test rows repeat a training row word for word, such as {same[0]!r}", stacklevel=3
            )

    def backend(self) -> Backend:
        """A backend that answers the requests of this bench's variants: its model, unless another was given."""
        if self._make_backend is not None:
            return self._make_backend()
        return ModelLearner(self.model, self.objectives, self.others, self.temperature, self.max_new_tokens)

    # -- running ------------------------------------------------------------------------------------------------------
    def run(
        self,
        variants: Mapping[str, Method],
        *,
        seeds: int | Iterable[int] = 3,
        controls: bool | Sequence[str] = False,
        interventions: Sequence[Event | Mapping] = (),
        progress: bool = True,
    ) -> Runs:
        """Train every variant with every seed side by side, and return their tables.

        controls: True adds random order, and of every variant that reads a score its reverse, its shuffled scores, and
        a null band of random orders; a list picks among "random", "reverse", "shuffled", "null"; interventions: those
        of another time (`runs.interventions`), repeated at the same places. Finished runs are loaded from the store
        instead of trained again, a bench that was cut off goes on where it was; a variant that fails closes only itself
        and says why. An interrupt stops after the current call.
        """
        asked = self.ask(variants, seeds=seeds, controls=controls, interventions=interventions)
        bar = _Bar(progress, self.model)
        try:
            return asked.finish(bar.show)
        finally:
            bar.close()

    def start(
        self,
        variants: Mapping[str, Method],
        *,
        seeds: int | Iterable[int] = 3,
        controls: bool | Sequence[str] = False,
        interventions: Sequence[Event | Mapping] = (),
    ) -> Live:
        """Train in the background, as `run` does, with a panel to look at and to steer by: `runs = await live`.

        Asked for again while it trains, here or in another process, it is the same one.
        """
        from curriculab.bench.background import start

        return start(self.ask(variants, seeds=seeds, controls=controls, interventions=interventions))

    def ask(
        self,
        variants: Mapping[str, Method],
        *,
        seeds: int | Iterable[int] = 3,
        controls: bool | Sequence[str] = False,
        interventions: Sequence[Event | Mapping] = (),
    ) -> Asked:
        """What `run` and `start` would train, and what of it is recorded."""
        whole, null = self._with_controls(variants, controls)
        kinds = {name: {"null": name in null, "control": name not in variants} for name in whole}
        keys = [(name, seed) for name in whole for seed in _seeds(seeds)]
        events = [e if isinstance(e, Event) else Event.of_json(e) for e in interventions]
        return Asked(self, whole, keys, kinds, events)

    def _with_controls(self, variants: Mapping[str, Method], controls: bool | Sequence[str]) -> tuple[dict, list[str]]:
        if not variants:
            raise ValueError("no variants; give a dictionary such as {'random': cl.methods.random_order}")
        for name, method in variants.items():
            if not callable(method):
                raise ValueError(
                    f"the variant {name!r} is a {type(method).__name__}; give a method or a functools.partial of one"
                )
            check_knobs(method)
        added, null = methods.controls(variants, controls) if controls else ({}, [])
        return {**variants, **added}, list(null)

    # -- saying what it will take ------------------------------------------------------------------------------------
    def plan(
        self, variants: Mapping[str, Method], *, seeds: int | Iterable[int] = 3, controls: bool | Sequence[str] = False
    ) -> pd.DataFrame:
        """What `run` would take, a line a variant: steps, tokens (trained, sampled, scored, of tests), minutes, bytes.

        Nothing of it trains: what a method asks for is seen on the simulated learner, and the speed on a few steps with
        an adapter that is thrown away. `recorded` seeds are loaded, not trained.
        """
        variants, _ = self._with_controls(variants, controls)
        seeds = _seeds(seeds)
        speed = self._speed()
        test_tokens = float(self.model.lengths(self.test).sum()) * len(self.shares)
        lines = {}
        for name, method in variants.items():
            steps, tokens = self._asked(method)
            recorded = sum(bool(self.store and self.store.load(name, self.digest(method, s))) for s in seeds)
            each = sum(n / speed[kind] for kind, n in tokens.items()) + test_tokens / speed["test"]
            todo = len(seeds) - recorded
            lines[name] = {
                "steps": steps,
                **{f"{k}_tokens": n if math.isnan(n) else int(n) for k, n in tokens.items()},
                "test_tokens": int(test_tokens),
                "seeds": len(seeds),
                "recorded": recorded,
                "minutes": float(f"{each / 60 * todo:.2g}"),
                "bytes": todo * (4 * self.model.layout.size + 40_000 + 80 * steps * self.batch_size),
            }
        return pd.DataFrame.from_dict(lines, orient="index")

    def _asked(self, method: Method) -> tuple[int, dict[str, float]]:
        """Steps of one run, and tokens it trains, samples and scores, by simulating its first steps."""
        axis, total = self.budget.axis()
        each = {
            "steps": 1,
            "tokens": self.batch_size * self.tokens_per_row,
            "rollouts": self.batch_size * self.rollouts,
        }
        steps = max(1, math.ceil(total / each[axis]))
        seen = simulate(
            method,
            self.train,
            steps=min(steps, PLANNED),
            batch_size=self.batch_size,
            objective=self._first,
            rollouts=self.rollouts,
        )
        if seen.failed:
            why = "; ".join(seen.failed.values())
            warnings.warn(f"what it asks for is not known, the simulated learner says: {why}", stacklevel=4)
            known = steps * self.batch_size * self.tokens_per_row
            return steps, {"train": known, "sample": math.nan, "score": math.nan}
        spent = seen.ledger.groupby("request").tokens.sum()
        grow = steps / min(steps, PLANNED)
        unit = len(seen.exposure) * self.tokens_per_row / max(1.0, float(spent.get("Train", 0)))  # simulated to real
        return steps, {k.lower(): float(spent.get(k, 0)) * unit * grow for k in ("Train", "Sample", "Score")}

    @property
    def _first(self) -> Objective:
        return next(iter(self.objectives.values()))

    def _speed(self) -> dict[str, float]:
        """Tokens a second of training, sampling, scoring and tests, seen on three steps in random order."""
        backend = self.backend()
        rows = self.train.iloc[: 3 * self.batch_size]
        job = open_job(
            "plan",
            random_order,
            rows,
            seed=0,
            batch=self.batch_size,
            rollouts=self.rollouts,
            objective=lambda request: resolve(self.objectives, request.objective),
        )
        tests = self.test.iloc[:EXAMINED]
        Scheduler(backend, Budget(steps=3), tests, (1.0,), longest=self.max_new_tokens).drive([job])
        ledger = record(job, tests, {}).tables["ledger"].assign(kind=lambda t: t.request.str.lower())
        ledger.loc[ledger.test, "kind"] = "test"
        warm = ledger[(ledger.step > 1) | ((ledger.step == 1) & (ledger.kind == "sample"))]
        sums = warm.groupby("kind")[["tokens", "seconds"]].sum()
        speed = (sums.tokens / sums.seconds).to_dict()
        return {"score": 3 * speed["train"], "sample": speed["test"], **speed}  # a forward is a third of a step

    # -- what decides a run ------------------------------------------------------------------------------------------
    def decides(self, method: Method, seed: int, steering: Sequence[Steer] = ()) -> dict[str, object]:
        """Everything that decides the numbers of one run; steering: other methods that took over, and when."""
        steered = [[s.turn, s.evaluated, s.step, describe(s.to) if s.to else "stop"] for s in steering]
        return {
            "train": self._table("train"),
            "test": self._table("test"),
            "method": describe(method),
            "seed": seed,
            "objectives": [[k, dataclasses.asdict(v)] for k, v in self.objectives.items()],
            "budget": dataclasses.asdict(self.budget),
            "batch_size": self.batch_size,
            "shares": list(self.shares),
            "rollouts": self.rollouts,
            "temperature": self.temperature,
            "max_new_tokens": self.max_new_tokens,
            "model": self.model.digest(),
            "others": {k: m.digest() for k, m in self.others.items()},
            "versions": versions(),
            "code": run_modules(self.objectives.values()),
            **({"steered": steered} if steered else {}),
        }

    def _table(self, which: str) -> str:
        if not hasattr(self, f"_{which}_digest"):
            setattr(self, f"_{which}_digest", digest_of_table(getattr(self, which)))
        return getattr(self, f"_{which}_digest")

    def digest(self, method: Method, seed: int, steering: Sequence[Steer] = ()) -> str:
        return digest_of(self.decides(method, seed, steering))

    def spec(self, method: Method, seed: int, steering: Sequence[Steer] = ()) -> dict[str, object]:
        """What is written beside a run: what decides it, what was asked in words, and where it was made."""
        return {
            "decides": self.decides(method, seed, steering),
            "method": written(method),
            "model": self.model.name,
            "bits": self.model.bits,
            "threads": torch.get_num_threads(),
            "git": git(),
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}",
            "device": str(self.model.device),
        }

    def settings(self) -> dict[str, object]:
        """All but the variants, in words that `spec.read_spec` turns back into a bench."""
        return {
            "objectives": [written(o) for o in self.objectives.values()],
            "budget": written(self.budget),
            "batch_size": self.batch_size,
            "rollouts": self.rollouts,
            "temperature": self.temperature,
            "max_new_tokens": self.max_new_tokens,
            "shares": list(self.shares),
            "model": self.model.record(),
            "train": {"rows": len(self.train), "digest": self._table("train")},
            "test": {"rows": len(self.test), "digest": self._table("test")},
        }

    def write(
        self,
        path: str | Path,
        variants: Mapping[str, Method],
        *,
        seeds: int | Iterable[int] = 3,
        controls: bool | Sequence[str] = False,
    ) -> Path:
        """Write this bench as a file that `python -m curriculab.bench` trains without a notebook."""
        if self.store is None:
            raise ValueError("a bench without a store cannot be trained elsewhere; give Bench(store='runs')")
        return write_spec(self.ask(variants, seeds=seeds, controls=controls), path)

    def __repr__(self) -> str:
        axis, total = self.budget.axis()
        return (
            f"Bench({self.model.name!r}, {len(self.train)} training and {len(self.test)} test rows, {total} {axis}, "
            f"{self.batch_size} rows a step, {len(self.shares)} evaluations)"
        )


def _objectives(given: str | Objective | Sequence[str | Objective]) -> dict[str, Objective]:
    many = list(given) if isinstance(given, list | tuple) else [given]
    found: dict[str, Objective] = {}
    for one in many:
        setting = as_objective(one)
        name = setting.name
        if name in found:
            raise ValueError(f"two settings of the objective {name!r}; a bench holds one of each")
        found[name] = setting
    return found


def _seeds(seeds: int | Iterable[int]) -> list[int]:
    found = list(range(seeds)) if isinstance(seeds, int) else [int(s) for s in seeds]
    if not found or min(found) < 0 or len(set(found)) < len(found):
        raise ValueError(f"seeds={seeds!r}; give how many (at least 1), or a list of different numbers from 0 on")
    return found
