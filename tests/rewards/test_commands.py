"""The command `curriculab rewards corpus`: the figures of a file of pairs, and which of them were judged wrongly."""

from __future__ import annotations

import json

import pytest

from curriculab.rewards.commands import main

PAIRS = [
    {"kind": "number", "gold": "18", "text": "The answer is 18 dollars.", "right": True},
    {"kind": "number", "gold": "18", "text": "The answer is 81.", "right": False},
    {"kind": "number", "gold": "18", "text": "The answer is 17.", "right": True},  # said to be right, and is not
]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(map(json.dumps, PAIRS)))
    return path


def test_it_counts_what_was_judged_wrongly_and_prints_it_when_asked(file, capsys):
    assert main(["corpus", str(file)]) == 0
    short = capsys.readouterr().out
    assert "pairs.jsonl" in short and "17" not in short
    assert main(["corpus", str(file), "--errors"]) == 0
    assert "The answer is 17." in capsys.readouterr().out


@pytest.mark.parametrize("text", [None, "", "no json"])
def test_a_file_without_pairs_is_one_line(tmp_path, capsys, text):
    if text is not None:
        (tmp_path / "own.jsonl").write_text(text)
    with pytest.raises(SystemExit):
        main(["corpus", str(tmp_path / "own.jsonl")])
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("curriculab rewards: error: ") and "own.jsonl" in last
