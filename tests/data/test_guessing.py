"""Columns of published layouts are guessed, and what is missing is said with the guess."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pandas as pd
import pytest

import curriculab as cl
from curriculab.data.chats import chat_answer, chat_prompt
from curriculab.data.guessing import guess_columns, missing_column
from curriculab.data.loading import load_pool
from curriculab.data.mapping import text_after, text_boxed, text_joined
from curriculab.data.options import pick_option
from tests.data.written import message, write

USER, ASSISTANT = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
LAYOUTS = {
    "arc": (
        {"id": "x", "question": "q", "choices": {"text": ["r", "a"], "label": ["A", "B"]}, "answerKey": "B"},
        {
            "prompt": "question",
            "answer": pick_option("answerKey", "choices.text", "choices.label"),
            "options": "choices.text",
        },
    ),
    "arc as it is published": (
        {
            "question": {"stem": "q", "choices": [{"text": "a", "label": "A"}, {"text": "b", "label": "B"}]},
            "answerKey": "A",
        },
        {
            "prompt": "question.stem",
            "answer": pick_option("answerKey", "question.choices.text", "question.choices.label"),
            "options": "question.choices.text",
        },
    ),
    "mmlu": (
        {"question": "q", "choices": ["r", "a"], "answer": 1, "subject": "law"},
        {"prompt": "question", "answer": "answer", "options": "choices", "topic": "subject"},
    ),
    "chat": ({"messages": [USER, ASSISTANT]}, {"prompt": chat_prompt("messages"), "answer": chat_answer("messages")}),
    "chat with a system": (
        {"messages": [{"role": "system", "content": "s"}, USER, ASSISTANT]},
        {"prompt": chat_prompt("messages"), "answer": chat_answer("messages")},
    ),
    "sharegpt": (
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
        {"prompt": chat_prompt("conversations"), "answer": chat_answer("conversations")},
    ),
    "dapo": (
        {"prompt": [USER], "reward_model": {"ground_truth": "a", "style": "rule"}},
        {"prompt": chat_prompt("prompt"), "answer": "reward_model.ground_truth"},
    ),
    "squad": (
        {"question": "q", "answers": {"text": ["a", "b"], "answer_start": [3, 4]}},
        {"prompt": "question", "answer": "answers.text.0"},
    ),
    "list of answers": ({"question": "q", "answer": ["a", "b"]}, {"prompt": "question", "answer": "answer.0"}),
    "alpaca": (
        {"instruction": "q", "input": "more", "output": "a"},
        {"prompt": text_joined("instruction", "input"), "answer": "output"},
    ),
    "math": (
        {"problem": "q", "level": "Level 5", "type": "Algebra", "solution": r"So $x = \boxed{a}$."},
        {"prompt": "problem", "solution": "solution", "answer": text_boxed("solution"), "level": "level"},
    ),
    "preferences": ({"prompt": "q", "chosen": "a", "rejected": "b"}, {"prompt": "prompt", "answer": "chosen"}),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_published_layouts_are_guessed_and_load_by_the_guess(here: Path, name: str) -> None:
    row, expected = LAYOUTS[name]
    source = write(here, "q.jsonl", json.dumps(row))
    guess = guess_columns(pd.DataFrame([row]))
    assert guess == expected
    if name == "mmlu":  # one row, whose place can be counted from 0 or from 1
        guess |= {"answer": pick_option("answer", "choices")}
    pool = load_pool(source, columns={target: column for target, column in guess.items() if target != column})
    assert pool["answer"].tolist() == ["a"]
    asked = {"alpaca": "q\n\nmore", "chat with a system": "<|system|>\ns\n<|user|>\nq"}
    assert pool["prompt"].tolist() == [asked.get(name, "q")]


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_guess_is_in_the_message_and_can_be_pasted(here: Path, name: str) -> None:
    row, expected = LAYOUTS[name]
    if (
        {"prompt", "answer"} <= row.keys()
        or name in ("mmlu", "preferences")
        or {"messages", "conversations"} & row.keys()
    ):
        return  # they load without a message
    told = message(write(here, "q.jsonl", json.dumps(row)))
    written = told.partition("for example columns=")[2]
    wanted = {t: c for t, c in expected.items() if t in ("prompt", "answer", "options", "solution") and t != c}
    assert pasted(written) == wanted


def pasted(written: str) -> dict[str, object]:
    """The value of `{"prompt": "question", "answer": cl.text_after("answer", "####")}`, without running it."""
    tree = ast.parse(written.strip(), mode="eval").body
    return {ast.literal_eval(key): _value(value) for key, value in zip(tree.keys, tree.values, strict=True)}


def _value(node: ast.expr) -> object:
    if not isinstance(node, ast.Call):
        return ast.literal_eval(node)
    assert isinstance(node.func, ast.Attribute) and node.func.value.id == "cl"
    named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords}
    return getattr(cl, node.func.attr)(*map(ast.literal_eval, node.args), **named)


def test_most_answers_with_a_marker_are_taken_apart_and_the_others_refused_by_their_place(here: Path) -> None:
    rows = [{"question": f"q{i}", "answer": f"so\n#### {i}"} for i in range(9)] + [{"question": "q", "answer": "9"}]
    assert guess_columns(pd.DataFrame(rows))["answer"] == text_after("answer", "####")
    source = write(here, "q.jsonl", "\n".join(map(json.dumps, rows)))
    assert message(source, columns={"prompt": "question", "answer": text_after("answer", "####")}) == (
        "q.jsonl, line 10, column 'answer': found '9', expected '####' in it"
    )


def test_without_a_guess_the_first_columns_are_the_example() -> None:
    assert missing_column("prompt", pd.DataFrame({"a": [1], "b": [2]}), "q") == (
        'q: no column \'prompt\'; it has a, b; say which one it is, for example columns={"prompt": "a", "answer": "b"}'
    )
    assert missing_column("prompt", pd.DataFrame({"a": ["one"]}), "q") == (
        "q: no column 'prompt'; a pool has a prompt and an answer, and this has only the column 'a'; "
        'where these are plain texts to learn, columns={"answer": "a"}'
    )
