"""How often the verifiers err on the corpora of this folder, and how such a corpus is read."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from curriculab.rewards import commands as command
from curriculab.rewards import figures_of, judge_pairs, limits, load_pairs

CORPUS = Path(__file__).parent / "corpus"


def counts(name: str, task: str | None) -> pd.Series:
    return figures_of(judge_pairs(load_pairs(CORPUS / name), task)).loc["all"]


@pytest.mark.slow
def test_pairs_of_mathematics_are_judged_as_by_hand():
    limits(reset=True)
    found = counts("pairs.jsonl", "math")
    # as many as one false accept of 55 and seven false rejects of 142 would be here
    assert found["right"] == 259 and found["wrong"] == 270
    assert found["false_accepts"] <= 4 and found["false_rejects"] <= 12
    told = limits()
    assert (told["time"], told["crash"], told["refused"]) == (0, 0, 0)


@pytest.mark.slow
def test_pairs_written_after_the_rules_are_judged_as_by_hand():
    found = counts("later.jsonl", "math")  # when they were first judged: 3 false rejects of 94, 2 false accepts of 66
    assert found["false_accepts"] <= 2 and found["false_rejects"] <= 3


@pytest.mark.slow
@pytest.mark.parametrize("task", [None, "math"])
def test_endings_in_prose_are_judged_as_by_hand(task):
    found = counts("prose.jsonl", task)
    assert found["right"] == 162 and found["wrong"] == 77
    assert found["false_rejects"] <= 0.03 * 162 and found["false_accepts"] <= 1


def test_answers_of_a_small_model_to_word_problems_are_judged_as_by_hand():
    """SmolLM2-135M-Instruct, greedy, 160 tokens, on 80 problems of one and two steps; two answers that stop before they
    come to anything have no verdict."""
    found = counts("smollm2.jsonl", None)
    assert found["right"] == 10 and found["wrong"] == 68
    assert found["false_rejects"] == found["false_accepts"] == 0


@pytest.mark.slow
def test_pairs_by_somebody_who_had_not_seen_the_code_are_judged_as_by_hand():
    found = counts("unseen.jsonl", None)  # when they were first judged: 19 false rejects of 50, 3 false accepts of 50
    assert found["right"] == found["wrong"] == 50
    assert found["false_rejects"] <= 1 and found["false_accepts"] <= 2


@pytest.mark.slow
def test_pairs_in_ordinary_prose_are_judged_as_by_hand():
    found = counts("kinds.jsonl", None)  # before there were rules for prose: 97 false rejects of 116, 11 accepts of 109
    assert found["right"] == 116 and found["wrong"] == 109
    assert found["false_rejects"] <= 1 and found["false_accepts"] <= 0


@pytest.mark.slow
def test_further_pairs_by_somebody_who_has_not_seen_the_code_are_judged_no_worse_than_at_first():
    found = counts("unseen_again.jsonl", None)  # before the rules for ordinary prose: 23 false rejects, 1 false accept
    assert found["right"] == found["wrong"] == 50
    assert found["false_rejects"] <= 5 and found["false_accepts"] == 0  # when they were first judged by these rules


def test_multiple_choice_is_judged_as_by_hand():
    found = counts("choice.jsonl", None)
    assert found["right"] + found["wrong"] >= 100
    assert found["false_rejects"] + found["false_accepts"] <= 3


def test_counts_by_kind():
    pairs = [
        {"kind": "a", "gold": "7", "text": "#### 7", "right": 1},
        {"kind": "a", "gold": "7", "text": "#### 8", "right": 1},
        {"kind": "b", "gold": "7", "text": "#### 7", "right": 0},
        {"kind": "b", "gold": "7", "text": "#### 9", "right": 0},
    ]
    expected = {"a": [2, 1, 0, 0], "b": [0, 0, 2, 1], "all": [2, 1, 2, 1]}
    assert figures_of(judge_pairs(pairs)).T.to_dict("list") == expected


def test_a_list_and_lines_are_read_and_pairs_without_a_verdict_left_out(tmp_path):
    rows = [{"gold": "1", "text": "1", "right": 1}, {"gold": "1", "text": "one", "right": None}]
    (tmp_path / "list.json").write_text(json.dumps(rows))
    (tmp_path / "lines.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert load_pairs(tmp_path / "list.json") == load_pairs(tmp_path / "lines.jsonl") == rows[:1]
    (tmp_path / "none.jsonl").write_text(json.dumps({"answer": "1", "right": 1}))
    with pytest.raises(ValueError, match="none.jsonl: no pairs of 'gold', 'text' and 'right'; give JSON lines"):
        load_pairs(tmp_path / "none.jsonl")


def test_the_command_prints_the_figures_and_the_errors(tmp_path, capsys):
    (tmp_path / "own.jsonl").write_text(json.dumps({"kind": "a", "gold": "7", "text": "#### 8", "right": 1}))
    assert command.main(["corpus", str(tmp_path / "own.jsonl"), "--errors"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("own.jsonl\n") and "a: rejected, though right: gold '7', text '#### 8'" in printed
