"""Encodings: the same text from every one that a program writes; damage is told with line and byte."""

from __future__ import annotations

import codecs
import warnings

import pytest

from curriculab.data.encodings import decode
from curriculab.data.validation import PoolError

TEXT = "prompt,answer\nwie groß ist 1 €?,„eins“\n"


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),  # with a mark
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-16-le"),  # without one
        TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
    ],
)
def test_utf_is_found_out_without_a_word(data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(data, "q.csv") == TEXT


def test_windows_text_is_read_and_said() -> None:
    with pytest.warns(UserWarning) as seen:
        assert decode(TEXT.encode("cp1252"), "q.csv") == TEXT
    assert [str(w.message) for w in seen] == [
        "q.csv: is not UTF-8 and is read as cp1252 (Windows-1252, Western Europe); line 2 is then "
        "'wie groß ist 1 €?,„eins“'; where that is wrong, name another, for example encoding='cp1250' or 'shift_jis'"
    ]


def test_an_encoding_that_is_named_is_taken() -> None:
    assert decode("вопрос".encode("cp1251"), "q.csv", "cp1251") == "вопрос"
    assert decode(TEXT.encode("utf-8-sig"), "q.csv", "utf-8") == TEXT
    with pytest.raises(PoolError) as error:
        decode(b"a", "q.csv", "utf8-mac-x")
    assert str(error.value) == (
        "q.csv: found encoding='utf8-mac-x', expected one that Python knows, such as 'utf-8', 'cp1252', 'utf-16'"
    )


def test_damaged_utf8_is_refused_and_not_read_as_windows_text() -> None:
    """A letter of two valid bytes says that the file is UTF-8; as Windows-1252 it would be "Ã¶"."""
    with pytest.raises(PoolError) as error:
        decode("ö\nab".encode() + b"\xff", "q.csv")
    assert str(error.value) == (
        "q.csv, line 2: found byte 0xff at offset 5, expected UTF-8; "
        "save the file as UTF-8, or name its encoding, for example encoding='cp1252'"
    )
    with pytest.raises(PoolError, match=r"found byte 0x81 at offset 1, expected UTF-8"):
        decode(b"a\x81", "q.csv")  # no letter of Windows-1252
