"""The bench: variants x seeds on one model, one budget and the same test rows, side by side, recorded and reused.

bench = Bench(model, train, test, objective="sft", budget=Budget(steps=100), batch_size=8, evaluate_every=25)
runs = bench.run({"random": random_order, "easy first": partial(easy_to_hard, by="loss")}, seeds=3, controls=True)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pandas as pd

from curriculab.bench import planning
from curriculab.bench.background import BackgroundRun, start
from curriculab.bench.budget import Budget
from curriculab.bench.design import Design, make_design
from curriculab.bench.evaluation import AT_THE_ENDS
from curriculab.bench.foreground import finish
from curriculab.bench.interventions import Event
from curriculab.bench.progress import ProgressBar
from curriculab.bench.run_set import RunSet
from curriculab.bench.spec import write_spec
from curriculab.engine.limits import MemoryLimits
from curriculab.engine.model import Model
from curriculab.methods.controls import controls as make_controls
from curriculab.objectives.objective import Objective
from curriculab.protocol import Backend, Method, Rows, Script
from curriculab.registry.knobs import check_knobs
from curriculab.registry.names import also_named
from curriculab.registry.progress import working
from curriculab.runs import Runs

Seeds = int | Iterable[int]  # how many, from 0 on, or which
Controls = bool | Sequence[str]  # all, none, or kinds of them


@also_named(rollouts="num_generations", max_new_tokens="max_completion_length", others="reference_models")
class Bench:
    """Trains and tests variants under equal terms.

    Parameters
    ----------
    model : Model
        What `load_model` returned.
    train, test : DataFrame
        Pools without a row in common.
    objective : str, Objective, or a list of them
        "sft", "grpo" or settings such as Sft(learning_rate=1e-3); of a list the first is the default.
    budget : Budget
        When a variant is done.
    batch_size, num_generations : int
        Rows a step, and answers a row under reinforcement (`rollouts` is accepted too).
    valid : DataFrame, float or None
        Validation rows, or the share of the training rows that is kept back for it and not trained. Curves, the panel
        and sweeps use these, and so can you when you steer; None: they use the test rows.
    test_at : sequence of float
        Shares of the budget that a claim may be about, beside the end; with `valid`, test rows are read at these only.
    compare : mapping of str to value, optional
        Arguments of `cl.compare` that are chosen before the runs, such as {"margin": 0.02}, and recorded with them.
    evaluate_every : int, optional
        In units of the budget's first axis; None: at the start and at the end.
    temperature : float
        Answers are sampled at.
    max_completion_length : int, optional
        Tokens of an answer (`max_new_tokens` is accepted too); None: the objective's, else the longest text's.
    reference_models : mapping of str to Model or Script, optional
        Read-only models, or functions that speak, by the role that methods ask them by (`others` is accepted too).
    store : path or None
        The folder that finished runs are kept in and reused from; None: nothing is kept.
    backend : callable, optional
        Called with the bench's design for what answers the requests; None: the model in this process. It decides a run
        by its code and what it reaches; an object made before needs a `digest()` that says what decides its answers.
    gradient_checkpointing : bool
        Compute layers again on the way back: the same numbers in less memory, about a third slower.
    max_tokens_per_forward, kv_cache_bytes : int, optional
        Tokens of one forward and backward, and bytes of the keys and values of answers that are written at once; None:
        2,048 and 2 GiB on a CPU, on CUDA what is free has room for. The first changes rounding, so it decides a run.
    processes : int, optional
        That train, with the same results; None: on Linux without a GPU one a core, at most 4, where it pays.

    Raises
    ------
    ValueError
        Where the parts do not fit together: one line that names the value, what is allowed, and the next step.

    Examples
    --------
    >>> model, pool = cl.load_model("pocket", bits=32, device="cpu"), cl.load_pool("ladder", n=48, seed=0)
    >>> student = cl.simulation.SimulatedLearner(cl.simulation.Student(), pool)  # in the model's place: it is fast
    >>> fast = dict(budget=cl.Budget(steps=3), backend=lambda design: student, valid=None)
    >>> bench, variants = cl.Bench(model, pool[:40], pool[40:], **fast), {"random": cl.methods.random_order}
    >>> bench.run(variants, seeds=1, progress=False)
    Runs(1 variants x 1 seeds, up to 3 steps)
    >>> bench.start(variants, seeds=1).wait()  # recorded, so it is loaded; in a notebook: await bench.start(...)
    Runs(1 variants x 1 seeds, up to 3 steps)
    >>> bench.plan(variants, seeds=2)["recorded"].to_dict(), bench.ask(variants, seeds=2).todo
    ({'random': 1}, [('random', 1)])
    >>> cl.Bench(model, pool[:40], pool[40:], budget=cl.Budget(steps=3), valid=None).write("bench.json", variants).name
    'bench.json'
    >>> bench.store, bench.model.name, [*bench.objectives], bench.budget.steps, len(bench.train), len(bench.test)
    (Store(root=PosixPath('runs')), 'pocket', ['sft'], 3, 40, 8)
    >>> len(cl.Bench(model, pool[:40], pool[40:], budget=cl.Budget(steps=3)).valid)
    4
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
        num_generations: int = 8,
        temperature: float = 1.0,
        max_completion_length: int | None = None,
        reference_models: Mapping[str, Model | Script] | None = None,
        store: str | Path | None = "runs",
        backend: Callable[[Design], Backend] | None = None,
        valid: Rows | float | None = 0.1,
        test_at: Sequence[float] = AT_THE_ENDS,
        compare: Mapping[str, object] | None = None,
        gradient_checkpointing: bool = False,
        max_tokens_per_forward: int | None = None,
        kv_cache_bytes: int | None = None,
        processes: int | None = None,
    ) -> None:
        self.design = make_design(
            model,
            train,
            test,
            objective=objective,
            budget=budget,
            batch_size=batch_size,
            evaluate_every=evaluate_every,
            rollouts=num_generations,
            temperature=temperature,
            max_new_tokens=max_completion_length,
            reference_models=reference_models,
            store=store,
            make_backend=backend,
            valid=valid,
            test_at=test_at,
            compare=compare,
            limits=MemoryLimits(gradient_checkpointing, max_tokens_per_forward, kv_cache_bytes),
            processes=processes,
        )

    # -- what its variants share --------------------------------------------------------------------------------------
    model = property(lambda self: self.design.model)
    train = property(lambda self: self.design.train)
    valid = property(lambda self: self.design.valid)
    test = property(lambda self: self.design.test)
    objectives = property(lambda self: self.design.objectives)
    budget = property(lambda self: self.design.budget)
    store = property(lambda self: self.design.store)

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

        Finished runs are loaded from the store instead of trained again; a bench that was cut off goes on where it was;
        a variant that fails closes only itself and says why. An interrupt stops after the current call.

        Parameters
        ----------
        variants : mapping of str to method
            A method, or a functools.partial of one, by the name it is shown under.
        seeds : int or iterable of int
            How many, or which.
        controls : bool or list of str
            True adds random order, and of every variant that reads a score its reverse, its shuffled scores, and a null
            band of random orders; a list picks among "random", "reverse", "shuffled", "null".
        interventions : sequence of Event or mapping
            Those of another time (`runs.interventions`), repeated at the same places.
        progress : bool
            Show a bar.

        Returns
        -------
        Runs
        """
        chosen = self.ask(variants, seeds=seeds, controls=controls, interventions=interventions)
        with closing(ProgressBar(progress, self.design)) as bar:
            return finish(chosen, bar.show, bar.hear)

    def start(
        self,
        variants: Mapping[str, Method],
        *,
        seeds: int | Iterable[int] = 3,
        controls: bool | Sequence[str] = False,
        interventions: Sequence[Event | Mapping] = (),
    ) -> BackgroundRun:
        """Train in the background, as `run` does, with a panel to look at and to steer by: `runs = await live`.

        Asked for again while it trains, here or in another process, it is the same one.
        """
        return start(self.ask(variants, seeds=seeds, controls=controls, interventions=interventions))

    def ask(
        self,
        variants: Mapping[str, Method],
        *,
        seeds: int | Iterable[int] = 3,
        controls: bool | Sequence[str] = False,
        interventions: Sequence[Event | Mapping] = (),
    ) -> RunSet:
        """What `run` and `start` would train, and what of it is recorded."""
        whole, null = with_controls(variants, controls)
        kinds = {name: {"null": name in null, "control": name not in variants} for name in whole}
        keys = [(name, seed) for name in whole for seed in seed_list(seeds)]
        events = [e if isinstance(e, Event) else Event.of_json(e) for e in interventions]
        with working("looking up what is recorded"):
            return RunSet(self.design, whole, keys, kinds, events)

    def plan(
        self, variants: Mapping[str, Method], *, seeds: Seeds = 3, controls: Controls = False, **find: object
    ) -> pd.DataFrame:
        """What `run` would take, a line a variant: learning rate, steps, tokens of each kind, minutes, bytes.

        Nothing of it trains: what a method asks for is seen on the simulated learner, and the speed on a few steps with
        an adapter that is thrown away. `recorded` seeds are loaded, not trained. `memory_...` are bytes of all variants
        and seeds side by side, on every line the same. find: with effect=0.05, `seeds_needed` says how many seeds find
        such a difference; spread= and sd= say by which test and spread (`planning.with_seeds_needed`).
        """
        whole, null = with_controls(variants, controls)
        table = planning.plan(self.design, whole, seed_list(seeds))
        return planning.with_seeds_needed(table, self.design, whole, null, seed_list(seeds), variants.values(), **find)

    def write(
        self, path: str | Path, variants: Mapping[str, Method], *, seeds: Seeds = 3, controls: Controls = False
    ) -> Path:
        """Write this bench as a file that `curriculab run` trains without a notebook."""
        if self.store is None:
            raise ValueError("a bench without a store cannot be trained elsewhere; give Bench(store='runs')")
        return write_spec(self.ask(variants, seeds=seeds, controls=controls), path)

    def __repr__(self) -> str:
        return repr(self.design)

    def _repr_html_(self) -> str:
        return self.design.as_html()


def with_controls(
    variants: Mapping[str, Method], controls: bool | Sequence[str]
) -> tuple[dict[str, Method], list[str]]:
    """Variants with the controls that belong beside them, and the names of null-band orders among those."""
    if not variants:
        raise ValueError("no variants; give a dictionary such as {'random': cl.methods.random_order}")
    if not isinstance(variants, Mapping):
        name = getattr(variants, "__name__", None) or "name"
        raise ValueError(
            f"variants is a {type(variants).__name__}; give a dictionary such as {{{name!r}: method}}, so that each "
            "variant has a name"
        )
    for name, method in variants.items():
        if not callable(method):
            raise ValueError(
                f"the variant {name!r} is a {type(method).__name__}; give a method or a functools.partial of one"
            )
        check_knobs(method)
    added, null = make_controls(variants, controls) if controls else ({}, [])
    return {**variants, **added}, list(null)


def seed_list(seeds: int | Iterable[int]) -> list[int]:
    """Seeds 0, 1, ... of a number, or those given; each once."""
    found = list(range(seeds)) if isinstance(seeds, int) else [int(s) for s in seeds]
    if not found or min(found) < 0 or len(set(found)) < len(found):
        raise ValueError(f"seeds={seeds!r}; give how many (at least 1), or a list of different numbers from 0 on")
    return found
