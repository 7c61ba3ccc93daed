"""Words of a text in any script: runs of characters between blanks, and characters where a script has no blanks.

words("add 47 + 30") -> ["add", "47", "+", "30"]; words("小明有3个苹果") -> ["小", "明", "有", "3", "个", "苹", "果"]

Chinese, Japanese, Thai, Lao, Khmer, Burmese and Tibetan are written without blanks between words. To find their words
takes a dictionary; their characters, each with the marks that belong to it, are what n-grams and counts can be made of
without one (Chinese character n-grams retrieve as well as words do: Nie et al. 2000). Korean has blanks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Unicode 16.0, Blocks.txt: scripts without blanks between words, with the punctuation that is written in them.
BLOCKS = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x109F),  # Tibetan, Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x2E80, 0x2FDF),  # CJK and Kangxi radicals
    (0x3000, 0x312F),  # CJK punctuation, Hiragana, Katakana, Bopomofo
    (0x31A0, 0x31FF),  # Bopomofo, CJK strokes, Katakana
    (0x3400, 0x4DBF),  # CJK extension A
    (0x4E00, 0x9FFF),  # CJK
    (0xA000, 0xA4CF),  # Yi
    (0xF900, 0xFAFF),  # CJK compatibility
    (0xFF00, 0xFFEF),  # half and full width forms
    (0x20000, 0x3FFFF),  # CJK extensions B and up
)
INSIDE = "".join(f"{chr(first)}-{chr(last)}" for first, last in BLOCKS)
ANY = re.compile(f"[{INSIDE}]")
PIECES = re.compile(f"[{INSIDE}]|[^{INSIDE}]+")


def words(text: str) -> list[str]:
    """Runs of characters between white space; of scripts without blanks each character, with the marks on it.

    Examples
    --------
    >>> words("name a tree"), words("กินข้าว now")
    (['name', 'a', 'tree'], ['กิ', 'น', 'ข้', 'า', 'ว', 'now'])
    """
    found = text.split()
    if not ANY.search(text):
        return found
    pieces: list[str] = []
    for run in found:
        for piece in PIECES.findall(run):
            mark = len(piece) == 1 and unicodedata.category(piece)[0] == "M"
            if mark and pieces and ANY.match(pieces[-1]):
                pieces[-1] += piece
            else:
                pieces.append(piece)
    return pieces


def without_blanks(texts: Iterable[str]) -> int:
    """How many of the texts are written, in part, in a script without blanks between words."""
    return sum(ANY.search(text) is not None for text in texts)
