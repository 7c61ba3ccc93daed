"""`curriculab rewards corpus [FILE ...]`: how often the verifiers err on pairs with a known verdict."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from curriculab.rewards.corpus import judge_pairs, lines_of, load_pairs

OWN = Path(__file__).resolve().parents[2] / "tests" / "rewards" / "corpus"  # beside the package in its repository


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures of the given files, or of the corpora in the repository."""
    parser = argparse.ArgumentParser(prog="curriculab rewards", description=__doc__)
    parser.add_argument("command", choices=["corpus"])
    parser.add_argument("files", nargs="*", type=Path, help=f"JSON lines (default: all in {OWN.name}/)")
    parser.add_argument("--task", help="verifier of pairs without options (default: as their right answers ask)")
    parser.add_argument("--errors", action="store_true", help="print every pair that was judged wrongly")
    given = parser.parse_args(argv)
    files = given.files or sorted(OWN.glob("*.jsonl"))
    if not files:
        parser.error("an installed package brings no corpus; name a file")
    for file in files:
        try:
            pairs = load_pairs(file)
        except (OSError, ValueError) as error:
            parser.error(str(error))
        for line in lines_of(file.name, judge_pairs(pairs, given.task), errors=given.errors):
            print(line)
    return 0
