"""A bench as a file: written where it was asked for, trained where nobody looks, attached to from a notebook.

curriculab run bench.json                                    a bench that `bench.write(path, variants)` wrote
curriculab run runs/easy-first-3f9a41c07b2d8e55/spec.json    trains what that run was trained beside

The spec of every run holds all of its bench: model, settings, variants with knobs, seeds, and which tables. Tables lie
in the store by their digest. Nothing in a spec is code: a method that was written in a notebook cannot be named in one.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path

from curriculab.bench.design import make_design
from curriculab.bench.evaluation import AT_THE_ENDS
from curriculab.bench.interventions import Event
from curriculab.bench.run_set import RunSet
from curriculab.bench.tables import TABLES, keep_tables, read_table
from curriculab.engine.limits import MemoryLimits
from curriculab.engine.loading import load_recorded
from curriculab.registry.serialization import made
from curriculab.registry.writing import write_whole
from curriculab.runs.store import check_format


def write_spec(chosen: RunSet, path: str | Path) -> Path:
    """Write a bench to be trained elsewhere; its tables go into its store.

    One with a backend of its own is refused: a spec holds no code, so the model would answer in the backend's place.
    """
    if chosen.design.backend_name:
        raise ValueError(
            f"a bench with backend={chosen.design.backend_name} cannot be written to a file, which holds no "
            "code; train it with Bench.run or Bench.start, or leave backend= out so that the model answers"
        )
    keep_tables(chosen.design)
    path = Path(path)
    whole = {"bench": chosen.as_json(), "store": _from_here(chosen.design.store.root, path)}
    return write_whole(path, json.dumps(whole, indent=1).encode())


def read_spec(path: str | Path, store: str | Path | None = None) -> RunSet:
    """The bench that a spec describes, with what is recorded of it.

    store: the folder of runs with its tables (None: the one that the spec names, or that its run lies in).
    """
    path = Path(path)
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        spec, known = whole["bench"], whole.get("store")
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}; give the spec.json of a run, or a file of bench.write") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no spec of a bench ({type(error).__name__}: {error})") from error
    check_format(spec, f"the spec {path}")
    if backend := dict(spec).get("backend"):
        raise ValueError(
            f"{path} is of a bench with backend={backend['lost']}, which cannot be made again from a file; train "
            "it with Bench.run where that is defined"
        )
    root = Path(store) if store else _store_of(path, known)
    try:
        return _run_set(spec, root)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no spec of this version's ({type(error).__name__}: {error})") from error


def _from_here(root: Path, path: Path) -> str:
    """The store as seen from a spec, so that both may be moved together."""
    try:
        return Path(os.path.relpath(root.resolve(), path.resolve().parent)).as_posix()
    except ValueError:  # on another drive
        return root.resolve().as_posix()


def _store_of(path: Path, known: object) -> Path:
    """Where the tables lie: in the store that the spec names, beside it, or beside the run it belongs to."""
    here = path.resolve().parent
    named = [here / known] if isinstance(known, str) else []
    for folder in (*named, here, here.parent):
        if (folder / TABLES).is_dir():
            return folder
    raise ValueError(f"no folder {TABLES!r} beside {path}; name the store with --store")


def _run_set(spec: Mapping, root: Path) -> RunSet:
    wanted = spec["model"]
    model = load_recorded(wanted)
    if model.digest() != wanted["digest"]:
        raise ValueError(f"the model {wanted['name']!r} is not the one that was asked for: its files have changed")
    design = make_design(
        model,
        read_table(root, spec["train"]),
        read_table(root, spec["test"]),
        objective=[made(o) for o in spec["objectives"]],
        budget=made(spec["budget"]),
        batch_size=spec["batch_size"],
        evaluate_every=None,
        rollouts=spec["rollouts"],
        temperature=spec["temperature"],
        max_new_tokens=spec["max_new_tokens"],
        reference_models=None,
        store=root,
        make_backend=None,
        limits=MemoryLimits(**spec.get("memory", {})),
        valid=read_table(root, spec["validation"]) if "validation" in spec else None,
        compare=spec.get("compare"),
        test_at=spec["validation"]["test_at"] if "validation" in spec else spec.get("test_at", AT_THE_ENDS),
    )
    design = dataclasses.replace(design, shares=tuple(spec["shares"]), known_columns=spec.get("columns", {}))
    variants = {name: made(method) for name, method in spec["variants"].items()}
    keys = [(name, int(seed)) for name in variants for seed in spec["seeds"]]
    return RunSet(design, variants, keys, spec["kinds"], [Event.of_json(e) for e in spec["interventions"]])
