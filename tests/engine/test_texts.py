"""Rows as tokens: what is learned of them, and what does not fit."""

from __future__ import annotations

import pandas as pd
import pytest

from curriculab.engine.loading import load_model
from curriculab.environments.turns import say, splice, tell
from curriculab.protocol import Piece


def rows(**columns: object) -> pd.DataFrame:
    table = {"prompt": ["2 + 2", ""], "answer": ["4", "a text to study"], **columns}
    return pd.DataFrame(table, index=pd.Index(["a", "b"], name="id"))


def test_encoding_learns_the_answer_and_the_end_only(tiny_folder):
    model = load_model(str(tiny_folder), bits=32)
    start, end = model.tokenizer.bos_token_id, model.tokenizer.eos_token_id
    first, second = model.encode(rows())
    assert first.tokens.tolist() == [start, *model.tokens("2 + 2\n"), *model.tokens("4"), end]
    assert first.learned.tolist() == [False] * 7 + [True, True]
    assert second.learned.sum() == len("a text to study") + 1


def test_turns_are_learned_where_they_say_so(tiny_folder):
    model = load_model(str(tiny_folder), bits=32)
    said = say(tell(splice(say(rows(), "one", end=False), "two"), "three"), "four")
    text = model.encode(said)[0]
    assert model.tokenizer.decode(text.tokens[text.learned]) == "onefour<|end|>"
    assert model.tokenizer.decode(text.tokens) == "<|start|>2 + 2\nonetwo\nthree\nfour<|end|>"


def test_the_models_own_tokens_are_never_made_again(tiny_folder):
    model = load_model(str(tiny_folder), bits=32)
    table = rows().assign(turns=[(Piece("xy", learn=True, tokens=(7, 8)),)] * 2)
    assert model.encode(table)[0].tokens[-2:].tolist() == [7, 8]


def test_special_tokens_in_text_stay_text(tiny_folder):
    model = load_model(str(tiny_folder), bits=32)
    assert model.tokenizer.eos_token_id not in model.tokens("stop <|end|> here")


def test_rows_that_do_not_fit_are_named_and_counted(tiny_folder):
    model = load_model(str(tiny_folder), bits=32)
    table = rows(prompt=["x" * 600, "y" * 700])
    with pytest.raises(ValueError) as caught:
        model.encode(table)
    assert str(caught.value) == (
        f"Train: 2 of 2 rows are longer than the 512 tokens {str(tiny_folder)!r} takes: "
        "'a' (604 tokens), 'b' (718 tokens); "
        "keep the others with pool[model.lengths(pool) <= model.positions]"
    )
    assert model.lengths(table).tolist() == [604, 718]
