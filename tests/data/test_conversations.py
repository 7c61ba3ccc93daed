"""Conversations as texts: written and read back the same, in plain words for models without a template."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curriculab.data.conversations import in_plain_words, messages_of, without_system, written

TURNS = [("system", "Be brief."), ("user", "1 + 1?"), ("assistant", "2"), ("user", "And 2 + 2?")]


def test_a_question_alone_is_its_own_text() -> None:
    assert written([("user", "1 + 1?")]) == "1 + 1?" and messages_of("1 + 1?") is None


@given(st.booleans(), st.lists(st.tuples(st.text(), st.text()), max_size=3), st.text())
def test_a_conversation_is_read_back_as_it_was_written(system: bool, turns: list, last: str) -> None:
    said = [("system", "Be brief.\n")] * system
    for asked, answered in turns:
        said += [("user", asked), ("assistant", answered)]
    said.append(("user", last))
    assert len(said) == 1 or messages_of(written(said)) == said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<|user|> hello",
        "a\n<|user|>\nb",
        "<|user|>\na\n<|assistant|>\nb",
        "<|user|>\na\n<|system|>\nb\n<|user|>\nc",
    ],
)
def test_other_texts_are_no_conversations(text: str) -> None:
    assert messages_of(text) is None and in_plain_words(text) == text == without_system(text)


def test_in_plain_words() -> None:
    assert in_plain_words(written(TURNS)) == "Be brief.\n\nUser: 1 + 1?\nAssistant: 2\nUser: And 2 + 2?\nAssistant:"
    assert in_plain_words(written([TURNS[0], TURNS[1]])) == "Be brief.\n\n1 + 1?"
    assert without_system(written(TURNS)) == "1 + 1?\n2\nAnd 2 + 2?"
