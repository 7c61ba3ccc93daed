"""Several sets of runs as one, such as your own beside imported ones, or one run tested on several tasks.

arc = import_runs("evals/{variant}/seed{seed}/samples_arc*.jsonl", metric="acc_norm")
sums = import_runs("evals/{variant}/seed{seed}/samples_gsm8k*.jsonl", filter="strict-match")
join(arc, sums)      # each run has the test rows of both
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from curriculab.registry.warning import warn
from curriculab.runs.configurations import apart
from curriculab.runs.schema import Record, Runs


def join(*runs: Runs) -> Runs:
    """Several sets of runs as one, such as your own beside imported ones.

    Of imported runs, those of one variant and seed become one where no test row stands in two of them, as after an
    import for each task.

    Parameters
    ----------
    *runs : Runs
        Sets without a variant and seed in common, or with other test rows of the same imported ones; two configurations
        of one name are told apart by what differs.

    Raises
    ------
    ValueError
        Where two of them hold the same variant and seed, and the same test rows or two logs of training.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> mine = cl.simulate(cl.methods.random_order, pool, steps=2, batch_size=4)
    >>> theirs = cl.simulate(cl.methods.easy_to_hard, pool, steps=2, batch_size=4)
    >>> cl.runs.join(mine, theirs).variants
    ['random_order', 'easy_to_hard']
    """
    found: dict[tuple[str, int], Record] = {}
    given = [record for some in runs for record in some.records]
    null = {name for some in runs for name in some.null}
    records, said = apart(given)
    if said:
        warn(f"{said}; names and tables tell them apart")
    for record in records:
        found[record.key] = _merged(found[record.key], record) if record.key in found else record
    bands = (new.key[0] for old, new in zip(given, records, strict=True) if old.key[0] in null)
    return Runs(tuple(found.values()), tuple(dict.fromkeys(bands)))


def _merged(one: Record, two: Record) -> Record:
    """One run of two parts that tell of other test rows."""
    (name, seed), tables = one.key, (one.tables, two.tables)
    imported = "imported" in one.spec and "imported" in two.spec
    logged = [part for part in tables if len(part["metrics"])]
    if not imported or len(logged) > 1:
        raise ValueError(f"the variant {name!r} has seed {seed} twice; import one with another variant= or seed=")
    ids = [set(part["items"]["id"]) for part in tables]
    if both := sorted(ids[0] & ids[1]):
        raise ValueError(
            f"the variant {name!r} has seed {seed} twice, with the same test rows, such as {both[0]!r}; import one "
            "with another variant= or seed="
        )
    items = pd.concat([part["items"] for part in tables if len(part["items"])], ignore_index=True)
    steps = max((part.spec["steps"] for part in (one, two) if part.spec["steps"]), default=None)
    if steps:
        items["progress"] = items["step"].astype(float) / steps
        items["share"] = items["progress"].fillna(1.0)
    else:
        items["share"] = items["share"].where(np.isfinite(items["share"].astype(float)), 1.0)
    metrics = logged[0]["metrics"] if logged else one.tables["metrics"]
    spec = {**two.spec, **one.spec, "steps": steps, "imported": [*one.spec["imported"], *two.spec["imported"]]}
    return Record(spec, {**one.tables, "metrics": metrics, "items": items})
