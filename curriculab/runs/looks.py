"""How often test rows were read at shares of the budget that nobody had named before the start.

compare(runs, at=0.25) on runs whose claim is about the end -> spec["looks"] == [0.25], and `looks.json` beside the run.
Choosing among such looks makes false claims: the best of five shares in 22% of benches without any difference.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from curriculab.registry.writing import write_whole
from curriculab.runs.schema import Record, Runs

LOOKS = "looks.json"
SAME = 1e-9  # shares closer than this are one


def named_shares(runs: Runs) -> list[float]:
    """Shares of the budget at which test rows may be read: the end, and what was given as `test_at`.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> runs = cl.simulate(cl.methods.random_order, pool, steps=3, batch_size=4, tests=pool)
    >>> from curriculab.runs.looks import named_shares
    >>> named_shares(runs)
    [1.0]
    """
    given = {1.0}
    for record in runs.records:
        decides = record.spec.get("decides", {})
        given.update(decides.get("validation", {}).get("test_at", ()), decides.get("test_at", ()))
    return sorted(given)


def note_look(runs: Runs, at: str | float) -> list[str | float]:
    """Keep that test rows were read at a share that was not named, or at equal costs; all such looks so far.

    Where there are validation rows, comparisons at equal costs read these and count as no look.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> runs = cl.simulate(cl.methods.random_order, pool, steps=4, batch_size=4, tests=pool, evaluate_every=1)
    >>> from curriculab.runs.looks import note_look
    >>> note_look(runs, 0.5), note_look(runs, 0.25), note_look(runs, "end")
    ([0.5], [0.25, 0.5], [0.25, 0.5])
    """
    found = {one for record in runs.records for one in record.spec.get("looks", ())}
    if isinstance(at, str):
        new = at != "end" and at not in found and not any("validation" in record.tables for record in runs.records)
    else:
        shares = [one for one in (*named_shares(runs), *found) if not isinstance(one, str)]
        new = all(abs(at - one) > SAME for one in shares)
    if new:
        found.add(at if isinstance(at, str) else float(at))
        for record in runs.records:
            _keep(record, sorted(found, key=str))
    return sorted(found, key=str)


def _keep(record: Record, looks: list[str | float]) -> None:
    if isinstance(record.spec, dict):
        record.spec["looks"] = looks
    folder = record.adapter.parent if record.adapter is not None else None
    if folder is not None and folder.is_dir():
        with contextlib.suppress(OSError):  # a store that may only be read
            write_whole(folder / LOOKS, json.dumps(looks).encode())


def kept_looks(folder: Path) -> dict[str, list[str | float]]:
    """What is kept of earlier looks beside a recorded run, as a part of its spec.

    Examples
    --------
    >>> from curriculab.runs.looks import kept_looks
    >>> from pathlib import Path
    >>> kept_looks(Path("runs/none"))
    {}
    """
    path = folder / LOOKS
    return {"looks": json.loads(path.read_text(encoding="utf-8"))} if path.exists() else {}


def looks_note(runs: Runs, at: str | float) -> list[str]:
    """What a verdict says of looks at test rows, this one included.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> runs = cl.simulate(cl.methods.random_order, pool, steps=4, batch_size=4, tests=pool, evaluate_every=1)
    >>> from curriculab.runs.looks import looks_note
    >>> looks_note(runs, "end"), looks_note(runs, 0.5)
    ([], ['the test rows were also looked at 1 time at a share of the budget not named before the start (50%): ...'])
    """
    looks = note_look(runs, at)
    if not looks:
        return []
    times = "1 time at a share" if len(looks) == 1 else f"{len(looks)} times at shares"
    shares = ", ".join(f"at equal {one}" if isinstance(one, str) else f"{one:.0%}" for one in looks)
    return [
        f"the test rows were also looked at {times} of the budget not named before the start ({shares}): a choice "
        "among looks is not in the intervals"
    ]
