"""Words of texts in any script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curriculab.data.words import without_blanks, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("add 47 + 30", ["add", "47", "+", "30"]),
        ("größer, straße", ["größer,", "straße"]),
        ("小明有3个苹果", list("小明有3个苹果")),
        ("用 GPU 训练", ["用", "GPU", "训", "练"]),
        ("ねこがいる。", list("ねこがいる。")),
        ("กินข้าว", ["กิ", "น", "ข้", "า", "ว"]),
        ("사과 세 개", ["사과", "세", "개"]),
        ("Он ест", ["Он", "ест"]),
        ("", []),
    ],
)
def test_words_of_scripts(text: str, found: list[str]) -> None:
    assert words(text) == found


@given(st.text(alphabet=st.characters(max_codepoint=0x0E00), max_size=40))
def test_scripts_with_blanks_are_split_at_them(text: str) -> None:
    assert words(text) == text.split()


@given(st.text(max_size=40))
def test_no_character_is_lost(text: str) -> None:
    assert "".join(words(text)) == "".join(text.split())


def test_texts_without_blanks_are_counted() -> None:
    assert without_blanks(["a b", "小明", "x 小", "사과"]) == 2
