"""Where models come from: commits on the hub, GGUF files, models in memory."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers.processors import ByteLevel
from transformers import AutoModelForCausalLM, AutoTokenizer

from curriculab.engine.loading import load_model, load_recorded
from tests.engine.loaded import in_memory, loss, refused

COMMITS = ("a" * 40, "b" * 40)


@pytest.fixture(scope="module")
def hub(tmp_path_factory, save_tiny) -> Path:
    """A cache of the hub with two commits of somebody/tiny, of which the second, on main, has other weights."""
    cache = tmp_path_factory.mktemp("cache")
    repository = cache / "models--somebody--tiny"
    for number, commit in enumerate(COMMITS):
        folder = save_tiny(repository / "snapshots" / commit, "llama")
        if number:
            base = AutoModelForCausalLM.from_pretrained(folder)
            with torch.no_grad():
                base.get_input_embeddings().weight.mul_(2)
            base.save_pretrained(folder)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMITS[1])
    return cache


def test_a_commit_on_the_hub_is_loaded_recorded_and_loaded_again(hub):
    first = load_model("somebody/tiny", revision=COMMITS[0], bits=32, cache_dir=str(hub), local_files_only=True)
    digest, values = first.digest(), loss(first)
    assert (first.contents, first.record()["revision"]) == (COMMITS[0], COMMITS[0])
    newest = load_model("somebody/tiny", bits=32, cache_dir=str(hub), local_files_only=True)
    assert newest.record()["revision"] == COMMITS[1]  # which main was when it was loaded
    assert newest.digest() != digest and not np.allclose(loss(newest), values)
    again = load_recorded(json.loads(json.dumps(first.record())))
    assert again.digest() == digest and (loss(again) == values).all()


def test_how_files_are_fetched_decides_nothing_and_a_token_is_not_written_down(hub):
    plain = load_model("somebody/tiny", bits=32, cache_dir=str(hub))
    told = load_model("somebody/tiny", bits=32, cache_dir=str(hub), token="hf_secret", local_files_only=True)
    assert plain.digest() == told.digest() and "hf_secret" not in json.dumps(told.record())


LEAVES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def gguf_name(name: str) -> str:
    """The name in llama.cpp of a tensor of Qwen2."""
    whole = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    if name in whole:
        return whole[name]
    _, _, layer, rest = name.split(".", 3)
    leaf, _, kind = rest.rpartition(".")
    return f"blk.{layer}.{LEAVES[leaf]}.{kind}"


def save_gguf(folder: Path, path: Path) -> Path:
    """A Qwen2 with the pocket tokenizer as a GGUF file of float32 tensors."""
    import gguf

    base, tokenizer = in_memory(folder)
    config, writer = base.config, gguf.GGUFWriter(path, "qwen2")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    tokens = [f"unused {i}" for i in range(config.vocab_size)]
    for token, i in tokenizer.get_vocab().items():
        tokens[i] = token
    tokens[-1] = "Āā"  # a file of byte pairs holds at least one merge: of two bytes that no text has
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types([1] * len(tokens))
    writer.add_token_merges(["Ā ā"])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    for name, tensor in base.state_dict().items():
        if name != "lm_head.weight":  # tied
            writer.add_tensor(gguf_name(name), tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def qwen(tmp_path_factory, save_tiny) -> Path:
    """Its tokenizer adds no start of text, as that which transformers makes of a GGUF file."""
    folder = save_tiny(tmp_path_factory.mktemp("qwen") / "folder", "qwen2")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.post_processor = ByteLevel(trim_offsets=False)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.needs("gguf")
def test_a_gguf_file_reads_like_the_folder_it_was_made_of(qwen, tmp_path):
    path = save_gguf(qwen, tmp_path / "tiny.gguf")
    model = load_model(path, dtype="float32")
    digest, values, record = model.digest(), loss(model), model.record()
    assert (model.bits, record["name"]) == (32, str(path))
    folder = load_model(str(qwen), bits=32)
    assert folder.tokens("2 + 2").tolist() == model.tokens("2 + 2").tolist()
    assert loss(folder) == pytest.approx(values, abs=1e-6)
    assert load_recorded(record).digest() == digest
    inside = load_model(str(tmp_path), gguf_file="tiny.gguf", dtype="float32")
    assert (loss(inside) == values).all()


@pytest.mark.needs("gguf")
def test_a_gguf_file_is_not_quantised_a_second_time(qwen, tmp_path):
    path = save_gguf(qwen, tmp_path / "tiny.gguf")
    line = (
        f"{str(path)!r} is unpacked out of GGUF to 16 or 32 bits and not quantised again; give bits=16 or bits=32, "
        "or load the original model with bits=4"
    )
    assert refused(name_or_model=path, bits=4) == line


def test_a_gguf_file_that_is_not_there(tmp_path):
    assert refused(name_or_model=str(tmp_path / "no.gguf")) == (
        f"there is no file {str(tmp_path / 'no.gguf')!r}; name a GGUF file, or a hub id with gguf_file='...'"
    )


def test_the_digest_of_a_model_in_memory_follows_weights_tokenizer_and_settings(tiny_folder):
    def digest(change=None, **settings: object) -> str:
        base, tokenizer = in_memory(tiny_folder)
        if change:
            change(base, tokenizer)
        return load_model(base, tokenizer=tokenizer, **settings).digest()

    def weight(base, tokenizer) -> None:
        with torch.no_grad():
            base.model.norm.weight[0] += 1e-3

    def words(base, tokenizer) -> None:
        tokenizer.add_tokens(["2 +"])

    assert digest() == digest()
    assert len({digest(), digest(weight), digest(words), digest(r=8)}) == 4
