"""Loading, tokens, memory: on local folders in the hub's format."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pandas as pd
import pytest

from curriculab.data.rendering import learned_text
from curriculab.engine import loading
from curriculab.engine.loading import load_model
from curriculab.environments.turns import say, splice, tell
from curriculab.protocol import Piece


def rows(**columns: object) -> pd.DataFrame:
    table = {"prompt": ["2 + 2", ""], "answer": ["4", "a text to study"], **columns}
    return pd.DataFrame(table, index=pd.Index(["a", "b"], name="id"))


@pytest.mark.slow
def test_the_same_call_returns_the_same_base_and_another_frees_it(save_tiny, tmp_path):
    folder = str(save_tiny(tmp_path / "its own", "llama"))
    first = load_model(folder, bits=32)
    assert load_model(folder, bits=32) is first
    gone = weakref.ref(first.base)
    del first
    other = load_model(folder, bits=16)
    gc.collect()
    assert list(loading._loaded.values()) == [other] and gone() is None


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


def test_learned_text_prefers_the_solution_but_not_beside_options():
    table = rows(solution=["two and two is 4", None], options=[["3", "4"], None])
    assert learned_text(table) == ["4", "a text to study"]
    assert learned_text(table.drop(columns="options")) == ["two and two is 4", "a text to study"]


def test_a_row_without_answer_is_named():
    with pytest.raises(
        ValueError, match=r"row 'a' has no answer to learn or score \(1 such rows\); say\(rows, text\) first"
    ):
        learned_text(rows(answer=[None, "x"]))


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


@pytest.mark.slow
@pytest.mark.parametrize("bits", [4, 8, 16, 32])
def test_every_precision_loads_scores_and_reports_memory(tiny_folder, bits):
    from curriculab.engine.scoring import score

    model = load_model(str(tiny_folder), bits=bits)
    loss = score(model, [None], [rows()], "nll", "row")[0].reply["nll"]
    assert np.isfinite(loss).all() and (loss > 0).all()
    memory = model.memory(batch_tokens=100)
    assert set(memory.index) >= {"weights", "adapter", "activations"} and (memory > 0).all()


@pytest.mark.slow
def test_fewer_bits_take_less_memory(tiny_folder):
    weights = {bits: load_model(str(tiny_folder), bits=bits).memory()["weights"] for bits in (4, 8, 32)}
    assert weights[4] < weights[8] < weights[32]


@pytest.mark.parametrize("architecture", ["qwen2", "mistral", "qwen3"])
def test_other_architectures_read_like_their_own_forward(tmp_path, save_tiny, architecture):
    import torch
    import torch.nn.functional as F

    from curriculab.engine.scoring import score

    model = load_model(str(save_tiny(tmp_path / architecture, architecture)), bits=32)
    found = score(model, [None], [rows()], "nll", "row")[0].reply["nll"]
    for text, ours in zip(model.encode(rows()), found, strict=True):
        ids = torch.tensor(text.tokens)[None]
        with torch.no_grad():
            model.base.set_attn_implementation("eager")
            logits = model.base(input_ids=ids).logits[0]
            model.base.set_attn_implementation("curriculab")
        own = F.cross_entropy(logits[:-1], ids[0, 1:], reduction="none").numpy()[text.learned[1:]].mean()
        assert ours == pytest.approx(own, abs=1e-5)


def test_attention_that_the_packed_forward_does_not_compute_is_refused(tmp_path, save_tiny):
    with pytest.raises(
        ValueError, match="'gemma2' caps its attention scores, which the packed forward does not compute"
    ):
        load_model(str(save_tiny(tmp_path / "gemma2", "gemma2")), bits=32)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ({"name_or_model": "pocket", "bits": 3}, "bits=3; a base is loaded in one of (4, 8, 16, 32) bits"),
        (
            {"name_or_model": "./nowhere"},
            "there is no folder './nowhere'; name 'pocket', a local folder in the hub's format, or a hub id",
        ),
    ],
)
def test_what_cannot_be_loaded_is_said_in_one_line(call, line):
    with pytest.raises(ValueError) as caught:
        load_model(**call)
    assert str(caught.value) == line


def test_an_unknown_hub_name_gives_one_line():
    with pytest.raises(ValueError) as caught:
        load_model("nobody/no-such-model")
    said = str(caught.value)
    assert said.startswith("the model 'nobody/no-such-model' could not be loaded (") and "\n" not in said
    assert said.endswith("name 'pocket', a local folder in the hub's format, or a hub id that this machine can reach")


def test_a_folder_without_a_model_says_so(tmp_path):
    with pytest.raises(ValueError, match=r"holds no config\.json; name a folder in the hub's format, or a hub id"):
        load_model(str(tmp_path))
