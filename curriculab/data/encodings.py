"""The text in a file's bytes: UTF-8, UTF-16 as Excel's "Unicode text", or what Windows writes in Western Europe.

b"prompt\\nwie gro\\xdf?"  is no UTF-8; read as Windows-1252 it is "prompt\\nwie groß?", which a warning says.
"""

from __future__ import annotations

import codecs
import re

from curriculab.data.validation import PoolError
from curriculab.registry.warning import warn

# Bytes that a file begins with; those of UTF-32 first, since they begin with those of UTF-16 (Unicode 16.0, 23.8).
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WINDOWS = "cp1252"  # Windows-1252, which ISO 8859-1 (Latin-1) is a part of where a text is printable
SEVERAL = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")  # RFC 3629
HALF = 0.25  # share of zero bytes from which on a text without a mark is UTF-16: half of them, in Latin script


def decode(data: bytes, name: str, encoding: str | None = None) -> str:
    """The text of a file; encoding: as it was asked for, else found out.

    Raises PoolError with line, byte and offset where a file is damaged, or in an encoding that nobody named.
    """
    if encoding is not None:
        return _as_asked(data, name, encoding)
    found = next((known for mark, known in MARKS if data.startswith(mark)), None) or _without_mark(data)
    try:
        return data.decode(found or "utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        text = None if found else _windows(data)
        if text is None:
            raise _damaged(data, name, error, found or "utf-8") from None
        line = 1 + data.count(b"\n", 0, error.start)
        shown = text.split("\n")[line - 1].strip()
        warn(
            f"{name}: is not UTF-8 and is read as {WINDOWS} (Windows-1252, Western Europe); line {line} is then "
            f"{shown[:60]!r}; where that is wrong, name another, for example encoding='cp1250' or 'shift_jis'"
        )
        return text


def _as_asked(data: bytes, name: str, encoding: str) -> str:
    try:
        return data.decode("utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding).removeprefix("\ufeff")
    except (LookupError, TypeError):
        raise PoolError(
            f"{name}: found encoding={encoding!r}, expected one that Python knows, such as 'utf-8', 'cp1252', 'utf-16'"
        ) from None
    except UnicodeDecodeError as error:
        raise _damaged(data, name, error, encoding) from None


def _without_mark(data: bytes) -> str | None:
    """UTF-16 without a mark, by its zero bytes: behind each Latin letter, or before it."""
    head = data[:4096]
    odd, even = head[1::2].count(0), head[::2].count(0)
    if max(odd, even) < HALF * len(head) or len(data) % 2:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _windows(data: bytes) -> str | None:
    """The text in Windows-1252; None where a part of it is valid UTF-8, which is then damaged elsewhere, or is none."""
    if SEVERAL.search(data):
        return None
    try:
        return data.decode(WINDOWS)
    except UnicodeDecodeError:
        return None


def _damaged(data: bytes, name: str, error: UnicodeDecodeError, wanted: str) -> PoolError:
    line = 1 + data.count(b"\n", 0, error.start)
    shown = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8"}.get(wanted, wanted)
    return PoolError(
        f"{name}, line {line}: found byte 0x{data[error.start]:02x} at offset {error.start}, expected {shown}; "
        "save the file as UTF-8, or name its encoding, for example encoding='cp1252'"
    )
