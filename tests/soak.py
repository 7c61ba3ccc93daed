"""Kills a bench at random moments, lets it go on, and compares it with one that was left alone: `make soak`.

    python -m tests.soak --kills 100 --seed 0

A worker says which function it has just entered; the parent counts, waits a random while and sends SIGKILL. Workers are
forked from this process, which has done the imports and no torch work. One kill: Kill("checkpoint", 2, 0.004), four
milliseconds after the second checkpoint was begun.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial, wraps
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import transformers.models.auto.modeling_auto  # noqa: F401, what a worker would import by itself
import transformers.models.llama.modeling_llama  # noqa: F401
from safetensors.torch import load_file

import curriculab as cl
from curriculab import methods
from curriculab.bench import checkpoint, monitor, replay, scheduler, session, tables
from curriculab.engine import backend
from curriculab.engine.loading import load_model
from curriculab.engine.model import Model
from curriculab.runs import Store
from tests.conftest import _save_tiny

# The moment that a phase names is the entry of its function.
PHASES: dict[str, tuple[object, str]] = {
    "opening": (session.TrainingSession, "_open_folder"),
    "step": (backend, "train_steps"),
    "writing": (backend, "write"),
    "scoring": (backend, "score"),
    "evaluation": (scheduler.Scheduler, "_finish_evaluation"),
    "journal": (replay.ReplayLog, "_write"),
    "sync": (replay.ReplayLog, "sync"),
    "checkpoint": (backend.ModelBackend, "save"),
    "whole file": (checkpoint, "write_whole"),
    "thinning": (checkpoint, "thin"),
    "recording": (Store, "save"),
    "adapter": (Model, "save_adapter"),
    "removal": (shutil, "rmtree"),
    "the end": (session, "discard"),
}
OFTEN = ("step", "writing", "scoring", "journal", "sync", "checkpoint", "whole file", "thinning", "evaluation")
KEPT = 60_000_000  # bytes of checkpoints, so that thinning has something to delete
EVERY = 3  # calls between two checkpoints
PATIENCE = 300  # seconds within which a worker says something


# -- what is trained --------------------------------------------------------------------------------------------------
def growing(pool: pd.DataFrame, run: cl.Run):
    """Snapshots, rewinds, rows of its own, and a solver of its own: all that a checkpoint has to bring back."""
    yield cl.Use({"twice": twice})
    yield cl.Copy("learner", to="best")
    best = np.inf
    while True:
        rows = pool.iloc[run.rng.choice(len(pool), run.batch, replace=False)]
        out = yield cl.Train(rows, objective="sft")
        made = rows.assign(answer=rows.answer + "!", parents=[[i] for i in rows.index])
        made.index = [f"{i}/again-{run.step}" for i in rows.index]
        yield cl.Train(made, objective="sft", note={"best": float(min(best, out.loss.mean()))})
        if out.loss.mean() < best:
            best = out.loss.mean()
            yield cl.Copy({"learner": 0.9, "best": 0.1}, to="best")
        else:
            yield cl.Copy("best", to="learner")


def twice(rows: pd.DataFrame):
    """Two answers a test row, warm ones."""
    return (yield cl.Sample(rows, 2, temperature=1.0, purpose="test"))


@dataclass(frozen=True)
class Trial:
    """One bench, as it is trained in every worker."""

    objective: str
    model: str
    bits: int
    steps: int
    seeds: int = 2

    @property
    def variants(self) -> dict[str, Callable]:
        listening = {"sft": methods.self_paced, "grpo": methods.sec}[self.objective]
        more = {"sft": methods.hard_mining, "grpo": methods.thompson}[self.objective]
        return {
            "random": methods.random_order,
            "easy": partial(methods.easy_to_hard, by="level"),
            "listening": listening,
            "more": more,
            "growing": growing,
        }

    def asked(self, folder: Path):
        pool = cl.load_pool("ladder", levels=[1, 2], n=240, seed=0)
        train, test = cl.split(pool, test=12, by="level", seed=0)
        objective = ["grpo", "sft"] if self.objective == "grpo" else "sft"
        bench = cl.Bench(
            load_model(self.model, bits=self.bits),
            train,
            test,
            objective=objective,
            budget=cl.Budget(steps=self.steps, max_total_tokens=10**7),
            batch_size=4,
            rollouts=4,
            evaluate_every=max(1, self.steps // 2),
            max_new_tokens=4,
            store=folder,
            valid=None,
        )
        return bench.ask(self.variants, seeds=self.seeds)


def train(trial: Trial, folder: Path) -> None:
    """Take the bench up where it is, checkpoint it often, finish it."""

    def watch(driven: session.TrainingSession) -> None:
        if driven.scheduler.call % EVERY == 0 and driven.scheduler.pending:
            driven.checkpoint()

    asked = trial.asked(folder)
    asked.runs(asked.train(watch))


# -- workers ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Kill:
    """SIGKILL `delay` seconds after the `nth` entry of a phase; phase "clock": `delay` seconds after the start."""

    phase: str
    nth: int
    delay: float


def drawn(rng: np.random.Generator, length: float) -> Kill:
    """A kill; length: seconds that the bench takes when it is left alone."""
    kind = rng.random()
    if kind < 0.25:
        return Kill("clock", 0, float(rng.uniform(0, length)))
    delay = float(rng.choice([0.0, rng.exponential(0.002), rng.exponential(0.02)]))
    if kind < 0.75:
        return Kill(str(rng.choice(OFTEN)), int(rng.integers(1, 12)), delay)
    return Kill(str(rng.choice([p for p in PHASES if p not in OFTEN])), int(rng.integers(1, 3)), delay)


def announce(pipe: int) -> None:
    """Let every function of PHASES say that it was entered."""
    for letter, (owner, name) in zip("abcdefghijklmnopqrstuvwxyz", PHASES.values(), strict=False):
        inner = getattr(owner, name)

        def entered(*args: object, inner: Callable = inner, letter: str = letter, **kwargs: object) -> object:
            os.write(pipe, letter.encode())
            return inner(*args, **kwargs)

        setattr(owner, name, wraps(inner)(entered))
    for module in (monitor, tables):  # each has a name of its own for it
        module.write_whole = checkpoint.write_whole


def forked(work: Callable[[int], None]) -> tuple[int, int]:
    """Run `work(pipe)` in a copy of this process; its number and the end of the pipe to read from."""
    ours, theirs = os.pipe()
    number = os.fork()
    if number:
        os.close(theirs)
        return number, ours
    status = 1
    try:
        os.close(ours)
        torch.set_num_threads(1)
        warnings.simplefilter("ignore")
        work(theirs)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def attempt(trial: Trial, folder: Path, kill: Kill | None) -> bool:
    """Let a worker go on; was it killed? False: it was done before."""

    def work(pipe: int) -> None:
        checkpoint.thin.__defaults__ = (KEPT,)
        announce(pipe)
        train(trial, folder)

    number, pipe = forked(work)
    killed = _watch(number, pipe, kill)
    _, status = os.waitpid(number, 0)
    if not killed and status:
        raise RuntimeError(f"a worker ended with status {status}: what it said stands above")
    return killed and os.WIFSIGNALED(status)


def _watch(number: int, pipe: int, kill: Kill | None) -> bool:
    """Read what a worker says until it is time to kill it, or it ends."""
    letter = dict(zip(PHASES, "abcdefghijklmnopqrstuvwxyz", strict=False)).get(kill.phase) if kill else None
    seen, until = 0, time.monotonic() + (kill.delay if kill and kill.phase == "clock" else PATIENCE)
    try:
        while True:
            ready = select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]
            said = os.read(pipe, 1 << 16).decode() if ready else None
            if said == "":
                return False
            if said is None or (letter and seen + said.count(letter) >= kill.nth):
                time.sleep(kill.delay if said else 0)
                os.kill(number, signal.SIGKILL)
                if said is None and not (kill and kill.phase == "clock"):
                    raise RuntimeError(f"a worker said nothing for {PATIENCE} s and was killed")
                return True
            seen += said.count(letter) if letter else 0
            until = until if kill and kill.phase == "clock" else time.monotonic() + PATIENCE
    finally:
        os.close(pipe)


# -- comparing --------------------------------------------------------------------------------------------------------
def compared(trial: Trial, folder: Path, whole: Path) -> dict[str, int]:
    """Rows that differ in each table between two stores, and adapters that do; worked out in a worker."""

    def work(pipe: int) -> None:
        asked = trial.asked(folder)
        ours, theirs = (cl.load_runs(root) for root in (folder, whole))
        assert {r.key for r in ours.records} == {r.key for r in theirs.records} == set(asked.keys), "runs are missing"
        os.write(pipe, json.dumps(differences(ours, theirs)).encode())

    number, pipe = forked(work)
    with os.fdopen(pipe) as file:
        said = file.read()
    if os.waitpid(number, 0)[1]:
        raise RuntimeError("the stores could not be compared: what the worker said stands above")
    return json.loads(said)


def differences(ours: cl.Runs, theirs: cl.Runs) -> dict[str, int]:
    """Rows that differ in each table, seconds apart; "rows" of all compared, "weights" of adapters that differ."""
    found: Counter[str] = Counter()
    other = {r.key: r for r in theirs.records}
    for record in ours.records:
        twin = other[record.key]
        for name, table in record.tables.items():
            a, b = (t.drop(columns="seconds", errors="ignore") for t in (table, twin.tables[name]))
            found[name] += rows_that_differ(a, b)
            found["rows"] += len(b)
        a, b = (load_file(r.adapter / "adapter_model.safetensors") for r in (record, twin))
        found["weights"] += a.keys() != b.keys() or not all(torch.equal(a[k], b[k]) for k in b)
        found["adapters"] += 1
    return dict(found)


def rows_that_differ(a: pd.DataFrame, b: pd.DataFrame) -> int:
    """How many rows are not equal to the bit, NaN being equal to NaN; a missing row or column counts all it touches."""
    if list(a.columns) != list(b.columns):
        return max(len(a), len(b))
    lines = [[repr(row) for row in t.itertuples(index=False, name=None)] for t in (a, b)]
    return sum(x != y for x, y in zip(*lines, strict=False)) + abs(len(a) - len(b))


# -- the soak ---------------------------------------------------------------------------------------------------------
@dataclass
class Tally:
    kills: Counter = field(default_factory=Counter)  # by phase
    rounds: int = 0  # benches that were brought to their end
    damaged: int = 0  # checkpoints that were set aside
    left: int = 0  # half-written runs that a kill left behind
    found: Counter = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        for name in ("kills", "found"):
            getattr(self, name).update(getattr(other, name))
        for name in ("rounds", "damaged", "left"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def line(self) -> str:
        tables = ("exposure", "metrics", "items", "ledger", "groups")
        differ = sum(self.found[t] for t in tables)
        weights = "equal" if not self.found["weights"] else f"different in {self.found['weights']} adapters"
        return (
            f"{self.kills.total()} kills survived in {self.rounds} benches; rows differing {differ} of "
            f"{self.found['rows']:,}; weights {weights} ({self.found['adapters']} adapters); checkpoints found damaged "
            f"{self.damaged}; half-written runs left behind {self.left}"
        )

    @property
    def good(self) -> bool:
        return not (self.damaged or any(self.found[t] for t in self.found if t not in ("rows", "adapters")))


def soak(trial: Trial, kills: int, rng: np.random.Generator, home: Path) -> Tally:
    """Kill and go on until `kills` were survived; every bench that ends is compared with one that was left alone."""
    tally, whole = Tally(), home / f"{trial.objective}-whole"
    began = time.monotonic()
    attempt(trial, whole, None)
    length = time.monotonic() - began
    print(f"{trial.objective} on {trial.model} ({trial.bits} bits): {length:.1f} s when left alone", flush=True)
    while tally.kills.total() < kills or not tally.rounds:
        folder = home / f"{trial.objective}-{tally.rounds}"
        while True:
            wanted = drawn(rng, length) if tally.kills.total() < kills else None
            if not attempt(trial, folder, wanted):
                break
            tally.kills[wanted.phase] += 1
            if tally.kills.total() % 10 == 0:
                print(f"  {trial.objective}: {tally.kills.total()} kills, {time.monotonic() - began:.0f} s", flush=True)
            tally.damaged += sum(1 for _ in folder.glob(".bench-*/damaged-*"))
        tally.found.update(compared(trial, folder, whole))
        tally.left += sum(1 for _ in folder.glob(".part-*"))
        tally.damaged += sum(1 for _ in folder.glob("damaged-*"))
        tally.rounds += 1
        shutil.rmtree(folder)
    points = ", ".join(f"{phase} {n}" for phase, n in tally.kills.most_common())
    print(f"  {trial.objective}: {points}\n  {trial.objective}: {tally.line()}", flush=True)
    return tally


def chain(trial: Trial, kills: int, rng: np.random.Generator, home: Path) -> tuple[int, int]:
    """One bench's soak in a process of its own, beside the other's."""
    return forked(lambda pipe: os.write(pipe, json.dumps(vars(soak(trial, kills, rng, home))).encode()))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Kill a bench, let it go on, compare.")
    parser.add_argument("--kills", type=int, default=100, help="over both benches")
    parser.add_argument("--seed", type=int, default=None, help="of the kill points (default: drawn, and printed)")
    parser.add_argument("--model", default="pocket", help="pocket, or tiny: random weights, the short form")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args(arguments)
    seed = int.from_bytes(os.urandom(4)) if given.seed is None else given.seed
    print(f"kill points are drawn from seed {seed}", flush=True)
    total, began = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as home:
        model, bits = given.model, 4
        if model == "tiny":
            model, bits = str(Path(home) / "tiny"), 32
            number, _ = forked(lambda pipe: _save_tiny(Path(home) / "tiny", "llama"))
            assert os.waitpid(number, 0)[1] == 0
        chains = []
        for at, objective in enumerate(("sft", "grpo")):
            trial = Trial(objective, model, bits, given.steps, given.seeds)
            chains.append(chain(trial, (given.kills + 1 - at) // 2, np.random.default_rng([seed, at]), Path(home)))
        for number, pipe in chains:
            with os.fdopen(pipe) as file:
                said = file.read()
            if os.waitpid(number, 0)[1]:
                raise RuntimeError("a soak broke off: what it said stands above")
            total.add(Tally(**{k: Counter(v) if isinstance(v, dict) else v for k, v in json.loads(said).items()}))
    used = os.times()
    print(f"{total.line()}; {time.monotonic() - began:.0f} s, {used.children_user + used.children_system:.0f} s of CPU")
    return 0 if total.good else 1


if __name__ == "__main__":
    sys.exit(main())
