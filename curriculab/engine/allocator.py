"""What the C library does with freed memory: kept while a bench trains, handed back to the system when it ends.

    kept = keep_until_gone(backend)       # activations of one step are the next one's memory
    kept()                                # an idle kernel holds what it needs and no more

glibc alone is told; other C libraries hand memory back by themselves.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import os
import sys
import threading
import weakref
from pathlib import Path

TRIM, MAPPED = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's malloc.h
LARGEST = 2**25  # bytes: glibc's own bound of M_MMAP_THRESHOLD, and the block from which it always maps by itself
KEPT, IDLE = 2**30, 2**26  # freed bytes that stay with the process, while a bench trains and else

STATM = Path("/proc/self/statm")  # Linux: pages that this process holds

_open = threading.Lock()
_benches = 0  # that train now


def resident_bytes() -> int | None:
    """Bytes of memory that this process holds, torch and all; None where the system does not say."""
    if not STATM.exists():
        return None
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@functools.cache
def glibc() -> ctypes.CDLL | None:
    """The C library, where it is glibc."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") and hasattr(library, "malloc_trim") else None


def reuse_large_blocks() -> None:
    """Let blocks of up to 32 MiB be used again: by default glibc maps each anew, page by page."""
    if (library := glibc()) is not None:
        library.mallopt(MAPPED, LARGEST)
        if not _benches:
            library.mallopt(TRIM, IDLE)


def keep_until_gone(owner: object) -> weakref.finalize:
    """Keep up to a gigabyte of what is freed, until what this returns is called or `owner` is gone; then give it back.

    Without it glibc hands a step's activations back to the system after every step and gets them again in the next (a
    tenth of the time on two cores).
    """
    _count(+1)
    kept = weakref.finalize(owner, _end, resident_bytes())
    kept.atexit = False  # the process ends, and its memory with it
    return kept


def _end(before: int | None) -> None:
    _count(-1)
    give_back(before)


def _count(more: int) -> None:
    global _benches
    with _open:
        _benches += more
        if (library := glibc()) is not None:
            library.mallopt(TRIM, KEPT if _benches else IDLE)


def give_back(before: int | None = None) -> None:
    """Hand freed memory back to the system.

    before: bytes that were resident once; where hardly more are now, nothing is looked for in circles of objects, which
    takes a third of a second.

    Examples
    --------
    >>> give_back()
    """
    now = resident_bytes()
    if before is None or now is None or now - before > IDLE:
        gc.collect()
    if (library := glibc()) is not None:
        library.malloc_trim(0)
