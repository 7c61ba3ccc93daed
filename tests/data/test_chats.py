"""Columns of messages: what loads by itself, what is refused by row, and what a near twin of two chats is."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pandas as pd
import pytest

import curriculab as cl
from curriculab.data.chats import chat_answer, chat_prompt
from curriculab.data.loading import load_pool
from tests.data.written import message, write

FIRST = [("system", "Be brief."), ("user", "1 + 1?"), ("assistant", "2"), ("user", "And 2 + 2?"), ("assistant", "4")]
SECOND = [("user", "3 + 1?"), ("assistant", "4!")]
PROMPTS = ["<|system|>\nBe brief.\n<|user|>\n1 + 1?\n<|assistant|>\n2\n<|user|>\nAnd 2 + 2?", "3 + 1?"]


def messages(turns: list[tuple[str, object]]) -> list[dict[str, object]]:
    return [{"role": role, "content": content} for role, content in turns]


def share_gpt(turns: list[tuple[str, str]]) -> list[dict[str, str]]:
    names = {"user": "human", "assistant": "gpt", "system": "system"}
    return [{"from": names[role], "value": content} for role, content in turns]


def lines(*rows: dict[str, object]) -> str:
    return "\n".join(map(json.dumps, rows))


BOTH = {
    "messages": [{"messages": messages(t)} for t in (FIRST, SECOND)],
    "conversations": [{"conversations": share_gpt(t), "id": f"c{i}"} for i, t in enumerate((FIRST, SECOND))],
    "prompt and completion": [{"prompt": messages(t[:-1]), "completion": messages(t[-1:])} for t in (FIRST, SECOND)],
    "prompt and text": [{"prompt": messages(t[:-1]), "completion": t[-1][1]} for t in (FIRST, SECOND)],
    "prompt and answer": [{"prompt": messages(t[:-1]), "answer": t[-1][1]} for t in (FIRST, SECOND)],
    "parts": [{"messages": messages([(r, [{"type": "text", "text": c}]) for r, c in t])} for t in (FIRST, SECOND)],
}


@pytest.mark.filterwarnings("ignore:.*several turns")
@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("suffix", ["jsonl", "parquet", "csv"])
def test_chats_load_by_themselves(here: Path, name: str, suffix: str) -> None:
    frame = pd.DataFrame(BOTH[name])
    if suffix == "csv":
        frame.map(lambda v: json.dumps(v) if isinstance(v, list) else v).to_csv(here / "q.csv", index=False)
    elif suffix == "parquet":
        frame.to_parquet(here / "q.parquet")
    else:
        write(here, "q.jsonl", lines(*BOTH[name]))
    pool = load_pool(f"q.{suffix}")
    assert pool["prompt"].tolist() == PROMPTS and pool["answer"].tolist() == ["4", "4!"]
    assert list(pool.columns) == ["prompt", "answer"]


def test_several_turns_are_said(here: Path) -> None:
    with pytest.warns(UserWarning) as seen:
        load_pool(write(here, "q.jsonl", lines(*BOTH["messages"])))
    assert [str(w.message) for w in seen] == [
        "q.jsonl: 1 of 2 chats have several turns; the last message is the answer that is learned and judged, the "
        "assistant's others stand in the prompt"
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_pool(write(here, "q.jsonl", lines(BOTH["messages"][1])))


@pytest.mark.parametrize("columns", [{"prompt": "messages"}, {"answer": "messages"}, {"level": "grade"}])
def test_a_mapping_may_name_the_column(here: Path, columns: dict[str, str]) -> None:
    source = write(here, "q.jsonl", lines({"messages": messages(SECOND), "grade": 2}))
    pool = load_pool(source, columns=columns)
    assert (pool["prompt"].tolist(), pool["answer"].tolist()) == (["3 + 1?"], ["4!"])


def test_an_answer_of_another_column_is_kept(here: Path) -> None:
    source = write(here, "q.jsonl", lines({"messages": messages(SECOND), "gold": "4"}))
    pool = load_pool(source, columns={"answer": "gold"})
    assert (pool["prompt"].tolist(), pool["answer"].tolist()) == (["3 + 1?"], ["4"])


CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}


@pytest.mark.parametrize(
    ("chat", "expected"),
    [
        (
            [*messages(SECOND[:1]), CALL, *messages(SECOND[1:])],
            "message 2 calls a tool; rows with tools cannot be read; leave them out of the file",
        ),
        (
            messages([*SECOND[:1], ("tool", "4"), *SECOND[1:]]),
            "message 2 is a tool; rows with tools cannot be read; leave them out of the file",
        ),
        (
            messages(SECOND[:1]),
            "the last message is the user's ('3 + 1?'), expected the assistant's, which is the "
            "answer; leave such rows out of the file",
        ),
        (messages(SECOND[1:]), "the answer is the only message, expected a message of the user before the answer"),
        (
            messages([*SECOND, *SECOND[1:]]),
            "message 2 is the assistant's, expected a message of the user before the answer",
        ),
        (messages([("user", [{"type": "image"}]), *SECOND[1:]]), "message 1 holds image, expected text alone"),
        (messages([("user", " "), *SECOND[1:]]), "message 1, the user's, is empty, expected text"),
        (messages([("judge", "?"), *SECOND]), "message 1 has the role 'judge', expected system, user or assistant"),
        (
            messages([("user", "a\n<|user|>\nb"), ("assistant", "c"), *SECOND]),
            "a message of the user holds the line '<|user|>', which names a speaker",
        ),
        ([], "found [], expected a list of messages, each with a role and a content"),
    ],
)
def test_what_is_no_chat_is_refused_by_its_row(here: Path, chat: list, expected: str) -> None:
    source = write(here, "q.jsonl", lines({"messages": messages(SECOND)}, {"messages": chat}))
    assert message(source) == f"q.jsonl, line 2, column 'messages': {expected}"


def test_an_empty_message_of_the_system_is_none() -> None:
    frame = pd.DataFrame({"messages": [messages([("system", ""), *SECOND])]})
    assert chat_prompt("messages")(frame).tolist() == ["3 + 1?"] and chat_answer("messages")(frame).tolist() == ["4!"]


def test_a_shared_message_of_the_system_makes_no_near_twins() -> None:
    system = ("system", "You are a patient teacher of mathematics who answers in one short sentence and never guesses.")
    asked = [
        [system, ("user", text)] for text in ("Why is the sum of two odd numbers even?", "What is a prime number?")
    ]
    pool = pd.DataFrame(
        {"prompt": [cl.data.conversations.written(one) for one in asked], "answer": ["a", "b"]}, ["x", "y"]
    )
    assert cl.data.near_twins(pool.iloc[:1], pool.iloc[1:]).empty
    other = pool.iloc[:1].assign(prompt=pool["prompt"].iloc[0].replace("patient", "strict")).set_axis(["z"])
    assert cl.data.near_twins(pool, other.assign(answer="a")).values.tolist() == [["z", "x", 1.0]]
