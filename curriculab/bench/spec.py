"""A bench as a file: written where it was asked for, trained where nobody looks, attached to from a notebook.

python -m curriculab.bench runs/easy-first-3f9a41c07b2d8e55/spec.json   trains what that run was trained beside
python -m curriculab.bench bench.json --store runs                      one that `bench.write(path, variants)` wrote

The spec of every run holds all of its bench: model, settings, variants with knobs, seeds, and which tables. Tables lie
in the store by their digest. Nothing in a spec is code: a method that was written in a notebook cannot be named in one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from curriculab.protocol import Rows
from curriculab.registry.serialization import made, written
from curriculab.runs import digest_of_table
from curriculab.runs.codec import pack_table, unpack_table
from curriculab.runs.writing import write_whole

if TYPE_CHECKING:
    from curriculab.bench.run_set import Asked


TABLES = "tables"  # folder of the store


def bench_spec(asked: Asked) -> dict[str, object]:
    """What was asked of a bench, so that `read_spec` can ask it again."""
    bench = asked.bench
    return {
        **bench.settings(),
        "variants": {name: written(method) for name, method in asked.variants.items()},
        "kinds": {name: dict(kind) for name, kind in asked.kinds.items()},
        "seeds": sorted({seed for _, seed in asked.keys}),
        "interventions": [e.as_json() for e in asked.events],
    }


def write_spec(asked: Asked, path: str | Path) -> Path:
    """Write a bench to be trained elsewhere; its tables go into its store."""
    keep_tables(asked)
    return write_whole(Path(path), json.dumps({"bench": bench_spec(asked)}, indent=1).encode())


def keep_tables(asked: Asked) -> None:
    """The tables of a bench, in its store, each once."""
    bench = asked.bench
    if bench.store is None:
        return
    folder = bench.store.root / TABLES
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train", "test"):
        path = folder / f"{bench.settings()[name]['digest']}.json"
        if not path.exists():
            write_whole(path, json.dumps(pack_table(getattr(bench, name))).encode())


def read_spec(path: str | Path, store: str | Path | None = None) -> Asked:
    """The bench that a spec describes, with what is recorded of it.

    store: the folder of runs with its tables (None: the folder that the spec, or the run it belongs to, lies in).
    """
    path = Path(path)
    try:
        spec = json.loads(path.read_text(encoding="utf-8"))["bench"]
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}; give the spec.json of a run, or a file of bench.write") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no spec of a bench ({type(error).__name__}: {error})") from error
    root = Path(store) if store else _store_of(path)
    try:
        return _ask(spec, root)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no spec of this version's ({type(error).__name__}: {error})") from error


def _store_of(path: Path) -> Path:
    """Where the tables lie: beside the spec, or beside the run it belongs to."""
    for folder in (path.resolve().parent, path.resolve().parent.parent):
        if (folder / TABLES).is_dir():
            return folder
    raise ValueError(f"no folder {TABLES!r} beside {path}; name the store with --store")


def _ask(spec: Mapping, root: Path) -> Asked:
    from curriculab.bench.bench import Bench
    from curriculab.bench.interventions import Event
    from curriculab.bench.run_set import Asked
    from curriculab.engine.loading import load_recorded

    wanted = spec["model"]
    model = load_recorded(wanted)
    if model.digest() != wanted["digest"]:
        raise ValueError(f"the model {wanted['name']!r} is not the one that was asked for: its files have changed")
    bench = Bench(
        model,
        read_table(root, spec["train"]),
        read_table(root, spec["test"]),
        objective=[made(o) for o in spec["objectives"]],
        budget=made(spec["budget"]),
        batch_size=spec["batch_size"],
        rollouts=spec["rollouts"],
        temperature=spec["temperature"],
        max_new_tokens=spec["max_new_tokens"],
        store=root,
    )
    bench.shares = tuple(spec["shares"])
    variants = {name: made(method) for name, method in spec["variants"].items()}
    keys = [(name, int(seed)) for name in variants for seed in spec["seeds"]]
    return Asked(bench, variants, keys, spec["kinds"], [Event.of_json(e) for e in spec["interventions"]])


def read_table(root: Path, about: Mapping) -> Rows:
    """A table of the store, by its digest."""
    path = root / TABLES / f"{Path(about['digest']).name}.json"
    try:
        table = unpack_table(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"the table {path} cannot be read ({type(error).__name__}: {error})") from error
    if digest_of_table(table) != about["digest"]:
        raise ValueError(f"the table {path} is damaged: its digest is another")
    return table
