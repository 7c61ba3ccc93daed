"""What names a script in the digest of runs: its source, its defaults, and the values that it reaches."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import curriculab as cl


def worded(text: str):
    return lambda rows, rng: [text] * len(rows)


@dataclass(frozen=True)
class Spoken:
    text: str

    def __call__(self, rows, rng):
        return [self.text] * len(rows)


def test_another_source_another_value_and_another_score_are_other_scripts() -> None:
    scripts = [
        cl.Script(worded("a")),
        cl.Script(worded("b")),
        cl.Script(lambda rows, rng: ["a" for _ in rows.index]),
        cl.Script(Spoken("a")),
        cl.Script(Spoken("b")),
        cl.Script(worded("a"), score=lambda rows: [0.0] * len(rows)),
        cl.Script(worded("a"), name="second version"),
    ]
    digests = [script.digest() for script in scripts]
    assert len(set(digests)) == len(digests)
    assert cl.Script(worded("a")).digest() == digests[0] and cl.Script(Spoken("b")).digest() == digests[4]


def test_what_has_no_source_needs_a_name() -> None:
    class Holds:
        def __init__(self) -> None:
            self.file = object()

        def __call__(self, rows, rng):
            return ["x"] * len(rows)

    with pytest.raises(ValueError, match=r"^Script: what decides its answers cannot be told .*; give it a name="):
        cl.Script(Holds())
    assert cl.Script(Holds(), name="v1").digest() != cl.Script(Holds(), name="v2").digest()
