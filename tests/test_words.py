"""Plain words of the field: expressions that only this project used stay out of code and prose."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What was written, and what to write instead.
WORDS = {
    r"in your hands": "you can pause, stop, change or fork a variant while it trains",
    r"without hands": "replays the recorded interventions",
    r"to the bit": "bit-identical",
    r"taken up together": "resume the same set of runs",
    r"made good": "retrained",
    r"liars?": "permuted feedback",
    r"deceived?": "permuted feedback",
    r"curricul(um|a) that listens?": "an adaptive (online) curriculum",
    r"_Nobody": "NoModel",
    r"Untrue": "SanityCheckError",
    r"Heard": "Trace",
    r"TRAVELS": "HASHED_COLUMNS",
    r"DECIDES": "HASHED_MODULES",
    r"MATTERS": "HASHED_PACKAGES",
    r"BEHIND": "MAX_CONTINUATION_TOKENS",
}
# How often they stand somewhere still; these numbers may only shrink.
STILL = Counter(
    {
        "without hands": 3,
        "to the bit": 6,
        r"curricul(um|a) that listens?": 1,  # the question of a recorded experiment
        "_Nobody": 2,
        "TRAVELS": 2,
        "BEHIND": 2,
    }
)


def texts() -> list[str]:
    files = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "Makefile", *(ROOT / "curriculab").rglob("*.py")]
    files += [*(ROOT / "docs").rglob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]
    return [path.read_text() for path in files]


def occurrences(written: list[str]) -> Counter[str]:
    """How often each of the words stands in these texts."""
    return +Counter({word: sum(len(re.findall(rf"\b{word}\b", text)) for text in written) for word in WORDS})


def test_private_words_are_not_written() -> None:
    found = occurrences(texts()) - STILL
    assert found == Counter(), {word: WORDS[word] for word in found}


@pytest.mark.parametrize("text", ["training stays in your hands", "class Untrue(Error):", "equal to the bit."])
def test_a_private_word_is_found(text: str) -> None:
    assert occurrences([text]).total() == 1
