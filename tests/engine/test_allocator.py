"""Freed memory is given back when a bench ends, and kept while it trains."""

from __future__ import annotations

import subprocess
import sys

import pytest

from curriculab.engine import allocator

MIB = 2**20


class Bench:
    """What memory is kept for."""


# A process of its own: other tests of this one hold and free memory, too.
ON_ITS_OWN = """
from curriculab.engine import allocator

class Bench:
    pass

def hold_and_free():  # 400 blocks of 1 MiB, too small to be mapped one by one, with something small behind each
    blocks = [bytearray(b"x" * 2**20) for _ in range(400)]
    del blocks

allocator.reuse_large_blocks()
allocator.give_back()
before = allocator.resident_bytes()
first, second = Bench(), Bench()
kept = allocator.keep_until_gone(first)
allocator.keep_until_gone(second)
hold_and_free()
del second  # another bench of the same process, that nobody closed
hold_and_free()
print(allocator.resident_bytes() - before)
kept()
print(allocator.resident_bytes() - before)
hold_and_free()
print(allocator.resident_bytes() - before)
"""


@pytest.mark.skipif(allocator.glibc() is None, reason="other C libraries give memory back by themselves")
def test_what_is_freed_stays_while_a_bench_trains_and_goes_back_at_its_end():
    done = subprocess.run([sys.executable, "-c", ON_ITS_OWN], capture_output=True, text=True, check=True)
    training, ended, idle = map(int, done.stdout.split())
    assert training > 300 * MIB
    assert ended < 30 * MIB
    assert idle <= allocator.IDLE + 30 * MIB


def test_circles_of_objects_are_looked_for_where_memory_has_grown(monkeypatch):
    found = []
    monkeypatch.setattr(allocator.gc, "collect", lambda: found.append(True))
    monkeypatch.setattr(allocator, "resident_bytes", lambda: 2**30)
    allocator.give_back(2**30 - allocator.IDLE)
    assert not found
    allocator.give_back(2**30 - allocator.IDLE - 1)
    assert len(found) == 1
    allocator.give_back()  # nothing to compare with
    assert len(found) == 2
    monkeypatch.setattr(allocator, "resident_bytes", lambda: None)  # the system does not say
    allocator.give_back(2**30)
    assert len(found) == 3


def test_elsewhere_nothing_is_asked_of_the_c_library(monkeypatch):
    allocator.glibc.cache_clear()
    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    try:
        assert allocator.glibc() is None
        allocator.reuse_large_blocks()
        allocator.keep_until_gone(Bench())
    finally:
        monkeypatch.undo()
        allocator.glibc.cache_clear()
