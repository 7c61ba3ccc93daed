"""Random order at several learning rates, the runs that a curriculum is weighed against.

sweep = learning_rate_sweep(bench, (3e-4, 1e-3, 3e-3), seeds=3)   # variants "random, lr 0.0003", ...
cl.statistics.learning_rate_control(runs, sweep).verdict
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Sequence

from curriculab.bench.bench import Bench
from curriculab.methods.order.random_order import random_order
from curriculab.registry.warning import warn
from curriculab.runs import Runs


def learning_rate_sweep(
    bench: Bench, rates: Sequence[float], *, seeds: int | Iterable[int] = 3, progress: bool = True
) -> Runs:
    """Train random order at every learning rate in `rates`, all else as in `bench`.

    Take rates on both sides of the bench's own and go on until the best is not at an end; give the seeds of the runs
    it is to be compared with.

    Parameters
    ----------
    bench : Bench
        Its default objective gets the rate; it is left as it was.
    rates : sequence of float
        Learning rates, each above 0; a rate given twice is trained once.
    seeds : int or iterable of int
        How many seeds, counted from 0, or which.
    progress : bool
        Whether a line of progress is printed.

    Returns
    -------
    Runs
        Variants named "random, lr 0.001", one a rate.

    Raises
    ------
    ValueError
        Where `rates` is empty or holds a rate that is not above 0.

    Examples
    --------
    >>> model, pool = cl.load_model("pocket", bits=32, device="cpu"), cl.load_pool("ladder", n=48, seed=0)
    >>> student = cl.simulation.SimulatedLearner(cl.simulation.Student(), pool)  # in the model's place: it is fast
    >>> fast = dict(budget=cl.Budget(steps=3), backend=lambda design: student)
    >>> bench = cl.Bench(model, pool[:40], pool[40:], store=None, valid=None, **fast)
    >>> cl.bench.learning_rate_sweep(bench, (1e-3, 3e-3), seeds=1, progress=False).variants
    ['random, lr 0.001', 'random, lr 0.003']
    """
    (name, setting), *rest = bench.objectives.items()
    if not rates or not all(rate > 0 for rate in rates):
        raise ValueError(
            f"rates={rates!r}; give learning rates above 0 around the bench's own {setting.learning_rate:g}"
        )
    if bench.valid is None:
        warn(
            "this sweep is read on the test rows, which a rate is then chosen by; give the bench rows to choose by, "
            "train, valid, test = cl.split(pool, valid=...), Bench(model, train, test, valid=valid)"
        )
    records = []
    for rate in dict.fromkeys(rates):
        own = copy.copy(bench)
        objectives = {name: dataclasses.replace(setting, learning_rate=float(rate)), **dict(rest)}
        own.design = dataclasses.replace(bench.design, objectives=objectives)
        records += own.run({f"random, lr {rate:g}": random_order}, seeds=seeds, progress=progress).records
    return Runs(tuple(records))
