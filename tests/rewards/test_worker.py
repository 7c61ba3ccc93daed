"""The process that judges: killed, replaced, ended with its parent, never shared with a fork."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curriculab.rewards.worker import CutOff, Judge


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def gone(*pids: int) -> bool:
    """Whether these processes end within 20 seconds."""
    until = time.monotonic() + 20
    while any(map(alive, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(map(alive, pids))


def children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


SLOW = {"gold": "5", "said": "(" * 18 + "5" + ")" * 18, "seconds": 0.2}  # it takes longer


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_what_was_left_behind_is_not_read():
    judge = Judge("math").ready()
    assert judge.waited > 0
    process = judge._process.pid
    (first,) = children(process)
    with pytest.raises(CutOff, match="^time$"):
        judge.ask(**SLOW)
    assert judge.ask(gold="0.5", said=r"\frac{1}{2}") == 1 and judge.restarts == 1
    (second,) = children(process)
    assert second != first and not alive(first)
    os.kill(second, signal.SIGKILL)
    assert judge.ask(gold="0.5", said=r"\frac{1}{2}") == 1 and judge.restarts == 2  # asked again
    (third,) = children(process)
    os.kill(third, signal.SIGSTOP)  # as on a machine that is too busy: no time of the processor passes
    judge.wall = 0.5
    assert judge.ask(gold="0.5", said=r"\frac{1}{2}") == 1 and judge.restarts == 3 and gone(third)
    (fourth,) = children(process)
    os.kill(process, signal.SIGKILL)
    judge._process.wait()
    assert judge.ask(gold="0.5", said=r"\frac{1}{2}") == 1 and judge.restarts == 4
    assert process != judge._process.pid
    assert gone(fourth)
    process = judge._process.pid
    judge.close()
    assert not alive(process)


@pytest.mark.slow
@pytest.mark.parametrize("busy", [False, True])
def test_the_worker_ends_with_its_parent(busy):
    code = f"""
import os, signal, threading, time
from curriculab.rewards.worker import Judge
judge = Judge("math").ready()
judge.ask(gold="1", said="2")
pid = judge._process.pid
print(pid, open(f"/proc/{{pid}}/task/{{pid}}/children").read(), flush=True)
if {busy}:
    judge._process.stdin.write(b'{json.dumps({"id": 9, **SLOW})}\\n')
    time.sleep(0.05)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    pids = [int(p) for p in done.stdout.split()]
    assert len(pids) == 2, done.stderr
    assert gone(*pids)


@pytest.mark.slow
def test_a_worker_that_has_grown_makes_room_for_another():
    judge = Judge("math")
    judge.command[1:] = ["-c", "from curriculab.rewards import worker_process as w; w.GROWN = -1; w.main('math')"]
    seen = set()
    for _ in range(3):
        assert judge.ask(gold="0.5", said=r"\frac{1}{2}") == 1
        judge.ready()
        seen.update(children(judge._process.pid))
    assert len(seen) == 3 and judge.restarts == 0  # nothing was lost
    judge.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_of_the_parent_starts_a_worker_of_its_own():
    judge = Judge("math").ready()
    child = os.fork()
    if child == 0:
        os._exit(int(judge._process is not None or judge.ask(gold="0.5", said="1/2") != 1))
    assert os.waitpid(child, 0)[1] == 0
    assert judge.ask(gold="0.5", said=r"\frac{1}{2}") == 1 and judge.restarts == 0
    judge.close()


def test_a_worker_that_cannot_start_says_why():
    with pytest.raises(RuntimeError, match="^the latin verifier's process did not start: KeyError: 'latin'$"):
        Judge("latin").ready()


def test_a_system_that_cannot_fork_and_bound_a_process_is_told_so_when_it_is_used(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setattr(sys, "platform", "win32")
    message = (
        "the math verifier judges in a process of its own, which needs fork, poll and resource limits; this system "
        "(win32) lacks one of them: use Linux, macOS or WSL, or a task that needs no such process"
    )
    with pytest.raises(RuntimeError) as error:
        Judge("math").ask(gold="1", said="2")
    assert str(error.value) == message
