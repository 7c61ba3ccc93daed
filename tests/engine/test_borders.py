"""Which token of a text belongs to which of its parts."""

from __future__ import annotations

import pytest
from transformers import ByT5Tokenizer

from curriculab.engine.borders import Cutter
from tests.engine.templates import IM, STYLES, build

PARTS = ["What is 2 + 3?\n", "", "The answer is 5.", " And then?"]


@pytest.mark.parametrize("kind", ["bytes", "space", "spaces"])
def test_the_parts_are_the_tokens_of_the_whole_text(kind):
    cutter = Cutter(build(("<s>", "</s>"), "</s>", "<s>", kind=kind))
    parts = cutter.plain(PARTS)
    whole = cutter.tokenizer("".join(PARTS), add_special_tokens=False).input_ids
    assert [token for part in parts for token in part] == whole and [len(part) > 0 for part in parts] == [1, 0, 1, 1]
    assert len(Cutter(cutter.tokenizer).plain(["", ""])[1]) == 0


@pytest.mark.parametrize("kind", ["bytes", "space", "spaces"])
def test_a_text_within_another_begins_without_a_space_of_its_own(kind):
    cutter = Cutter(build(("<s>", "</s>"), "</s>", "<s>", kind=kind))
    tokens = cutter.tokenizer.convert_ids_to_tokens(cutter.inside(["5", "\n"])[0])
    assert tokens == ["5"]


@pytest.mark.parametrize("name", ["Llama 2", "Phi-3", "Qwen3", "Mistral", "Gemma"])
def test_hidden_special_tokens_leave_the_others_as_they_are(name):
    """A text with a special token in its data: but for those of the data, the tokens are the tokenizer's own."""
    style = STYLES[name]
    cutter = Cutter(style.tokenizer())
    special, data = style.specials[-1], f" {style.specials[0]} "
    found = cutter.rendered([f"{special}\nsystem ", cutter.hide(data), f" <think>{special}\nuser"])
    plain = cutter.rendered([f"{special}\nsystem ", "  ", f" <think>{special}\nuser"])
    assert found[0].tolist() == plain[0].tolist() and found[2].tolist()[-4:] == plain[2].tolist()[-4:]
    assert not set(found[1].tolist()) & set(cutter.specials.values())
    assert cutter.tokenizer.decode(found[1], skip_special_tokens=False).strip() == style.specials[0]


def test_what_a_tokenizer_puts_before_a_text():
    for adds, expected in ((True, ["<s>"]), (False, [])):
        tokenizer = build(("<s>", "</s>"), "</s>", "<s>", adds_bos=adds)
        assert tokenizer.convert_ids_to_tokens(Cutter(tokenizer).start) == expected
    assert Cutter(ByT5Tokenizer()).start.tolist() == []  # it puts one behind
    assert Cutter(build(IM, "<|im_end|>")).start.tolist() == []
