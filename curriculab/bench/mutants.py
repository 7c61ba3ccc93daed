"""Tries planted errors, each in a process of its own, and says who saw them.

curriculab methods mutants              # all methods: which errors does the check see, which a test, which nobody
curriculab methods mutants sec --jobs 2
curriculab methods mutants --one        # one error a method, tried with what saw it the last time

What was found is kept in seen.json beside the errors; without --which only what has changed is tried again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from multiprocessing.connection import Connection, wait

from curriculab.bench import planted
from curriculab.bench.planted import (
    ROOT,
    Planted,
    claims,
    entry_of,
    errors_of,
    files_of_tests,
    module_of,
    plant,
    requests,
)
from curriculab.methods.check import claim_digest
from curriculab.methods.registry import checkable
from curriculab.registry.digests import digest_of
from curriculab.registry.writing import write_whole

SEEN = "seen.json"  # beside the errors: who saw each of them, and when that has to be tried again
LIMIT = 300.0  # seconds of one error; the slowest check takes 8, the slowest test file about 30


@dataclass(frozen=True)
class _Job:
    """One error and what is tried with it; runs in a process that was forked for it."""

    error: Planted
    before: int | None
    held: Sequence[bool]
    tests: Sequence[str]

    def found(self) -> dict[str, object]:
        plant(self.error)
        from curriculab.bench import planted as anew  # the package as it is with the error

        error = anew.Planted(**asdict(self.error))
        return anew.judge(error, self.before, self.held, self.tests)


@dataclass(frozen=True)
class _Whole:
    """A method without an error: how much it asks for with these knobs, or which claims of its check hold."""

    method: str
    knobs: str
    check: bool

    def found(self) -> dict[str, object]:
        if self.check:
            return {"held": [claim.held for claim in claims(self.method)]}
        return {"requests": requests(self.method, json.loads(self.knobs))}


def _answer(job: _Job | _Whole, pipe: Connection) -> None:
    """What a forked process does. The parent imports no method, so that each process imports its own."""
    os.chdir(ROOT)
    began = time.perf_counter()
    try:
        found = job.found()
    except Exception:
        found = {"by": "does not count", "what": traceback.format_exc(limit=3)}
    pipe.send(found | {"seconds": round(time.perf_counter() - began, 1)})
    pipe.close()
    os._exit(0)  # nothing that the parent registered for its end


def run_jobs(jobs: Iterable[_Job | _Whole], at_once: int) -> Iterator[tuple[_Job | _Whole, dict]]:
    """Results as they come, at most `at_once` processes beside each other."""
    fork, waiting, running = multiprocessing.get_context("fork"), iter(jobs), {}
    while True:
        while len(running) < at_once and (job := next(waiting, None)):
            mine, its = fork.Pipe(duplex=False)
            process = fork.Process(target=_answer, args=(job, its))
            process.start()
            its.close()
            running[mine] = (job, process, time.monotonic() + LIMIT)
        if not running:
            return
        for pipe in wait(list(running), timeout=1.0):
            job, process, _ = running.pop(pipe)
            try:
                found = pipe.recv()
            except EOFError:
                found = {"by": "does not count", "what": "its process died", "seconds": 0.0}
            process.join()
            yield job, found
        for pipe, (job, process, end) in list(running.items()):
            if time.monotonic() > end:
                process.kill()
                del running[pipe]
                yield job, {"by": "does not count", "what": f"no end in {LIMIT:.0f} s", "seconds": LIMIT}


def digest(error: Planted) -> str:
    """What decides who sees an error: its texts, the code that the check runs, and the tests."""
    texts = [(ROOT / path).read_text(encoding="utf-8") for path in files_of_tests(error)]
    return digest_of(
        [asdict(error), claim_digest(entry_of(error.method).file_module), claim_digest(module_of(error)), texts]
    )


def load_seen() -> dict[str, dict]:
    """Who saw each error the last time, by "method/id"."""
    path = planted.PLANTED / SEEN
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _save(seen: Mapping[str, dict]) -> None:
    text = json.dumps(dict(sorted(seen.items())), indent=1, ensure_ascii=False) + "\n"
    write_whole(planted.PLANTED / SEEN, text.encode())


@cache
def _whole(method: str, knobs: str, check: bool) -> dict:
    ((_, found),) = run_jobs([_Whole(method, knobs, check)], 1)
    if "by" in found:
        raise RuntimeError(f"{method} without an error: {found['what']}")
    return found


def job_of(error: Planted, seen: Mapping[str, object] | None = None) -> _Job:
    """Everything that is tried with an error; with `seen`, only what saw it the last time."""
    if seen and seen["by"] == "check":
        return _Job(error, None, (True,) * 9, ())
    if seen:
        return _Job(error, None, (), [_still_there(str(seen["what"]))])
    before = _whole(error.method, json.dumps(error.knobs), False)["requests"]
    return _Job(error, before, _whole(error.method, "{}", True)["held"], files_of_tests(error))


def _still_there(test: str) -> str:
    """A test by its name, or its file where there is none of that name any more."""
    path, _, name = test.partition("::")
    name = name.partition("[")[0]
    return f"{path}::{name}" if f"def {name}(" in (ROOT / path).read_text(encoding="utf-8") else path


def one_each(names: Sequence[str], seen: Mapping[str, dict]) -> list[_Job]:
    """Of each method the error that was seen the fastest, by a test where one saw any, to be tried with what saw it."""
    jobs = []
    for name in names:
        known = [(e, seen[_key(e)]) for e in errors_of(name) if _key(e) in seen]
        known = [one for one in known if one[1]["by"] in ("check", "test")]
        if known:
            jobs.append(job_of(*min(known, key=lambda one: (one[1]["by"] == "check", one[1]["seconds"]))))
    return jobs


def _key(error: Planted) -> str:
    return f"{error.method}/{error.id}"


def run(arguments: argparse.Namespace) -> int:
    """The command: try errors, say who saw them. 0 where each is seen, or is said to be one that nothing can see."""
    if not planted.PLANTED.is_dir():
        where = planted.PLANTED.relative_to(ROOT)
        print(f"no planted errors here: they stand in {where} of a checkout", file=sys.stderr)
        return 2
    if "fork" not in multiprocessing.get_all_start_methods():
        print("planted errors need processes that fork, and this system has none", file=sys.stderr)
        return 2
    names = [entry.function for entry in checkable() if arguments.name in ("all", entry.function)]
    if not names:
        print(f"no method {arguments.name!r} claims anything; give all, or the name of one that does", file=sys.stderr)
        return 2
    there = {_key(error) for name in names for error in errors_of(name)}
    seen = {key: one for key, one in load_seen().items() if key in there or key.partition("/")[0] not in names}
    if arguments.one:
        tried = {_key(e): found for e, found in _told(run_jobs(one_each(names, seen), arguments.jobs))}
    else:
        wanted = [error for name in names for error in errors_of(name)]
        known = {"new": lambda e: _key(e) in seen, "changed": partial(_known, seen=seen), "all": lambda e: False}
        old = {_key(e): seen[_key(e)] for e in wanted if known[arguments.which](e)}
        jobs = (job_of(error) for error in wanted if _key(error) not in old)
        tried = dict(old)
        for error, found in _told(run_jobs(jobs, arguments.jobs)):
            tried[_key(error)] = seen[_key(error)] = found | {"digest": digest(error)}
            _save(seen)
    excused = {_key(e) for name in names for e in errors_of(name) if e.survives}
    print(summary(tried, excused))
    return 0 if tried and not failures(tried, excused) else 1


def _known(error: Planted, seen: Mapping[str, dict]) -> bool:
    return seen.get(_key(error), {}).get("digest") == digest(error)


def _told(results: Iterator[tuple[_Job, dict]]) -> Iterator[tuple[Planted, dict]]:
    for job, found in results:
        error = job.error
        print(f"{_key(error):<40}{found['by']:<16}{found['seconds']:>6.1f} s  {str(found['what'])[:150]}", flush=True)
        yield error, found


def failures(tried: Mapping[str, dict], excused: set[str]) -> list[str]:
    """Errors that nobody saw without an excuse, or that do not count."""
    return [key for key, found in tried.items() if found["by"] not in ("check", "test") and key not in excused]


def summary(tried: Mapping[str, dict], excused: set[str]) -> str:
    """How many were seen by what, and the names of the others."""
    of: Callable[[str], list[str]] = lambda by: [key for key, found in tried.items() if found["by"] == by]  # noqa: E731
    lines = [f"{len(tried)} planted errors: {len(of('check'))} seen by the check, {len(of('test'))} by a test"]
    for by, word in (("nobody", "not seen"), ("does not count", "do not count")):
        for key in of(by):
            lines.append(f"  {word}: {key}{' (excused)' if key in excused else ''}: {tried[key]['what']}")
    return "\n".join(lines)
