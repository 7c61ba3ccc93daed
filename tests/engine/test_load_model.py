"""What load_model takes: commits on the hub, GGUF files, models in memory, LoRA and bitsandbytes settings."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, GPTQConfig

from curriculab.engine.adapter import Adapter
from curriculab.engine.attention import KERNELS
from curriculab.engine.loading import load_model, load_recorded
from curriculab.engine.model import Model
from curriculab.engine.scoring import score
from curriculab.engine.training import train_steps
from curriculab.objectives.sft import Sft

ROWS = pd.DataFrame(
    {"prompt": ["2 + 2", "a much longer prompt", "2 + 2"], "answer": ["4", "a text to study", "5"]},
    index=pd.Index(["a", "b", "c"], name="id"),
)


def loss(model: Model, adapter: Adapter | None = None) -> np.ndarray:
    """Mean nats a learned token of each of ROWS, (3,)."""
    return score(model, [adapter], [ROWS], "nll", "row")[0].reply["nll"].to_numpy()


def in_memory(folder: Path) -> tuple[torch.nn.Module, object]:
    return AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


def refused(**call: object) -> str:
    with pytest.raises(ValueError) as caught:
        load_model(**call)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# -- the hub ----------------------------------------------------------------------------------------------------------
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


def test_an_option_of_from_pretrained_reaches_it_and_the_digest(tiny_folder):
    shorter = load_model(str(tiny_folder), bits=32, max_position_embeddings=256)
    assert shorter.positions == 256
    assert load_recorded(shorter.record()).positions == 256
    assert load_model(str(tiny_folder), bits=32).digest() != shorter.digest()


# -- GGUF -------------------------------------------------------------------------------------------------------------
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
    return save_tiny(tmp_path_factory.mktemp("qwen") / "folder", "qwen2")


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


# -- in memory --------------------------------------------------------------------------------------------------------
def test_a_model_in_memory_reads_trains_and_answers_like_its_folder(tiny_folder):
    base, tokenizer = in_memory(tiny_folder)
    given, read = load_model(base, tokenizer=tokenizer), load_model(str(tiny_folder), bits=32)
    assert given.base is base and given.bits == 32 and (loss(given) == loss(read)).all()
    adapters = [model.adapter(seed=3) for model in (given, read)]
    for model, adapter in zip((given, read), adapters, strict=True):
        train_steps(model, [adapter], [ROWS], [Sft(lr=1e-2)])
    assert torch.equal(adapters[0].weights, adapters[1].weights) and loss(given, adapters[0])[0] < loss(given)[0]


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
    assert len({digest(), digest(weight), digest(words), digest(r=8), digest(chat=True)}) == 5


def test_a_model_in_memory_cannot_be_loaded_again_from_its_record(tiny_folder):
    base, tokenizer = in_memory(tiny_folder)
    record = load_model(base, tokenizer=tokenizer).record()
    with pytest.raises(ValueError) as caught:
        load_recorded(record)
    assert str(caught.value) == (
        f"the model {record['name']!r} was given in memory, and no file can give it again; save it and its tokenizer "
        "with save_pretrained(folder), and load the folder"
    )


def test_what_goes_wrong_with_a_model_in_memory_is_said_in_one_line(tiny_folder):
    base, tokenizer = in_memory(tiny_folder)
    assert refused(name_or_model=base) == (
        "tokenizer=None; give the tokenizer of the model in memory, as transformers loads it"
    )
    assert refused(name_or_model=base, tokenizer=tokenizer, bits=4) == (
        "bits=4 says how files are read, and the LlamaForCausalLM is in memory; leave it out"
    )
    assert refused(name_or_model=torch.nn.Linear(2, 2), tokenizer=tokenizer) == (
        "load_model of a Linear; give a name, a path, or a PreTrainedModel of transformers with tokenizer="
    )
    peft = get_peft_model(base, LoraConfig(target_modules=["q_proj"]))
    line = " carries PEFT adapters already; give what model.merge_and_unload() returns"
    assert refused(name_or_model=peft, tokenizer=tokenizer) == f"the PeftModel{line}"
    assert refused(name_or_model=base, tokenizer=tokenizer) == f"the LlamaForCausalLM{line}"
    assert refused(name_or_model=str(tiny_folder), tokenizer=tokenizer) == (
        f"load_model({str(tiny_folder)!r}, tokenizer=...): the tokenizer lies with the model; leave it out"
    )


# -- LoRA -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "settings",
    [
        {"r": 4, "lora_alpha": 12, "target_modules": ["q_proj", "v_proj"]},
        {"r": 4, "lora_alpha": 12, "target_modules": ["down_proj"], "use_rslora": True},
        {"r": 4, "lora_alpha": 12, "target_modules": r".*\.1\.self_attn\.(k|o)_proj"},
        {"r": 4, "lora_alpha": 12, "target_modules": ["q_proj"], "layers_to_transform": [1]},
    ],
)
def test_lora_settings_compute_what_peft_computes(tiny_folder, tmp_path, settings):
    """An adapter with weights everywhere, saved, and read by PEFT alone."""
    model = load_model(str(tiny_folder), bits=32, lora=LoraConfig(**settings))
    weights = torch.randn(model.layout.size, generator=torch.Generator().manual_seed(1)) / 10
    adapter = Adapter(model.layout, weights)
    model.save_adapter(adapter, tmp_path / "adapter")
    ours = loss(model, adapter)
    theirs = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_folder), tmp_path / "adapter")
    for value, text in zip(ours, model.encode(ROWS), strict=True):
        ids = torch.tensor(text.tokens)[None]
        with torch.no_grad():
            logits = theirs(input_ids=ids).logits[0, :-1]
        own = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none").numpy()
        assert value == pytest.approx(own[text.learned[1:]].mean(), abs=1e-5)
    assert not np.allclose(ours, loss(model), atol=1e-3)
    assert load_recorded(model.record()).digest() == model.digest()


def test_single_values_and_a_lora_config_are_the_same(tiny_folder):
    one = load_model(str(tiny_folder), bits=32, r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"])
    config = LoraConfig(r=8, lora_alpha=16, target_modules=["v_proj", "q_proj"])
    assert load_model(str(tiny_folder), bits=32, lora=config) is one and one.layout.scale == 2
    assert load_model("pocket", bits=32).recipe.lora["r"] == 16


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("use_dora", True),
        ("lora_dropout", 0.1),
        ("bias", "lora_only"),
        ("modules_to_save", ["lm_head"]),
        ("rank_pattern", {"q_proj": 2}),
        ("init_lora_weights", "gaussian"),
    ],
)
def test_a_feature_of_peft_that_is_not_computed_is_named(field, value):
    said = refused(lora=LoraConfig(**{field: value}))
    assert said == (
        f"LoraConfig({field}={value!r}) is not computed here; leave {field} out (what is: r, lora_alpha, "
        "target_modules, exclude_modules, layers_to_transform, layers_pattern, use_rslora)"
    )


# -- precision and attention ------------------------------------------------------------------------------------------
def test_a_bitsandbytes_config_is_what_bits_stands_for(tiny_folder):
    own = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32,
    )
    four = load_model(str(tiny_folder), bits=4, device="cpu")
    values = loss(four)
    same = load_model(str(tiny_folder), quantization_config=own, device="cpu")
    assert same.bits == 4 and (loss(same) == values).all()
    other = load_model(str(tiny_folder), quantization_config=BitsAndBytesConfig(load_in_4bit=True), device="cpu")
    digest, fp4 = other.digest(), loss(other)
    assert digest != four.digest() and not (fp4 == values).all()
    again = load_recorded(json.loads(json.dumps(other.record())))
    assert again.digest() == digest and (loss(again) == fp4).all()


def test_files_that_are_quantised_already_say_their_bits(tiny_folder, tmp_path):
    base = AutoModelForCausalLM.from_pretrained(
        tiny_folder, quantization_config=BitsAndBytesConfig(load_in_8bit=True), device_map={"": "cpu"}
    )
    base.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_folder).save_pretrained(tmp_path)
    model = load_model(str(tmp_path), device="cpu")
    assert model.bits == 8 and load_recorded(model.record()).digest() == model.digest()
    assert refused(name_or_model=str(tmp_path), bits=4, device="cpu") == (
        f"the files of {str(tmp_path)!r} hold 8 bits already; leave bits=4 out"
    )


@pytest.mark.parametrize("kernel", ["sdpa", "eager"])
def test_every_attention_computes_the_same(qwen, kernel, monkeypatch):
    inner, rows = KERNELS[kernel], []

    def counted(q, *more) -> torch.Tensor:
        rows.append(q.shape[2])
        return inner(q, *more)

    monkeypatch.setitem(KERNELS, kernel, counted)

    def trained(**how: object) -> tuple[np.ndarray, torch.Tensor]:
        model = load_model(str(qwen), bits=32, **how)
        adapter = model.adapter(seed=0)
        train_steps(model, [adapter], [ROWS], [Sft(lr=1e-3)])
        return loss(model, adapter), adapter.weights.detach()

    values, weights = trained()
    assert not rows
    other_values, other_weights = trained(attn_implementation=kernel)
    assert other_values == pytest.approx(values, abs=1e-5)
    assert torch.linalg.vector_norm(other_weights - weights) < 0.02 * torch.linalg.vector_norm(weights)
    assert (
        load_model(str(qwen), bits=32).digest() != load_model(str(qwen), bits=32, attn_implementation=kernel).digest()
    )


def test_dtype_is_the_precision_of_what_is_not_quantised(tiny_folder):
    model = load_model(str(tiny_folder), bits=4, dtype="bfloat16", device="cpu")
    assert model.base.get_input_embeddings().weight.dtype == torch.bfloat16
    half = load_model(str(tiny_folder), bits=16, dtype=torch.float16, device="cpu")
    assert half.base.get_input_embeddings().weight.dtype == torch.float16 and np.isfinite(loss(half)).all()
    assert half.record()["dtype"] == "float16"


# -- one line each ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("call", "line"),
    [
        ({"rank": 8}, "load_model(rank=...): write r= instead"),
        ({"alpha": 8}, "load_model(alpha=...): write lora_alpha= instead"),
        ({"torch_dtype": "auto"}, "load_model(torch_dtype=...): write dtype= instead"),
        (
            {"trust_remote_code": True},
            "load_model(trust_remote_code=True): code that comes with a model is never run; leave it out",
        ),
        (
            {"use_safetensors": False},
            "load_model(use_safetensors=False): weights are read from safetensors or GGUF, for a pickle can run code; "
            "leave it out",
        ),
        (
            {"max_memory": {0: 1}},
            "load_model(max_memory={0: 1}) is a dict, which a record cannot hold; arguments of from_pretrained are "
            "numbers, strings, lists, dictionaries, True, False or None",
        ),
        ({"r": 0}, "r=0; the rank of an adapter is a whole number from 1 on, such as r=16"),
        ({"lora_alpha": -1}, "lora_alpha=-1; give a number above 0, such as lora_alpha=32"),
        (
            {"target_modules": []},
            "target_modules=[]; give 'all-linear', a pattern, or names such as ['q_proj', 'v_proj']",
        ),
        ({"lora": {"r": 8}}, "lora={'r': 8} is a dict; give a peft.LoraConfig, or r= and lora_alpha="),
        ({"lora": LoraConfig(), "r": 8}, "lora= and r= were both given; write r into the LoraConfig"),
        ({"revision": "main"}, "revision='main' is of a model on the hub, and 'pocket' is local; leave it out"),
        (
            {"bits": 32, "dtype": "bfloat16"},
            "bits=32 and dtype='bfloat16' contradict each other; leave one of them out",
        ),
        ({"dtype": "int8"}, "dtype='int8'; give one of 'float32', 'bfloat16', 'float16', or leave it out"),
        (
            {"attn_implementation": "flash_attention_2"},
            "attn_implementation='flash_attention_2' does not compute rows packed behind each other; choose 'sdpa', "
            "'eager', or leave it out for the fastest",
        ),
        (
            {"bits": 4, "quantization_config": BitsAndBytesConfig(load_in_4bit=True)},
            "bits=4 and quantization_config= say the same thing twice; leave one of them out",
        ),
        (
            {"quantization_config": GPTQConfig(bits=4)},
            "quantization_config is a GPTQConfig; a base is quantised by bitsandbytes: give a BitsAndBytesConfig, or "
            "bits=",
        ),
        (
            {"quantization_config": BitsAndBytesConfig()},
            "the BitsAndBytesConfig quantises nothing; give load_in_4bit=True, load_in_8bit=True, or bits=",
        ),
    ],
)
def test_a_wrong_value_gives_one_line(call, line):
    assert refused(name_or_model="pocket", **call) == line


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        ("nowhere", "LoRA on"),
        ("embed_tokens", "the layer 'model.embed_tokens' is of type Embedding, and adapters sit on torch.nn.Linear"),
        ("lm_head", "target_modules names the output layer, which is computed for few tokens only; leave it out"),
    ],
)
def test_a_layer_that_cannot_be_adapted_is_named(tiny_folder, layer, why):
    assert refused(name_or_model=str(tiny_folder), bits=32, target_modules=[layer]).startswith(why)


def test_a_model_whose_state_would_run_from_row_to_row_is_refused(tmp_path, tiny_folder):
    from transformers import MambaConfig, MambaForCausalLM

    config = MambaConfig(vocab_size=320, hidden_size=16, num_hidden_layers=1, state_size=4)
    MambaForCausalLM(config).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_folder / name, tmp_path / name)
    assert refused(name_or_model=str(tmp_path), bits=32) == (
        "'mamba' carries a state from token to token, which would run from one packed row into the next; choose "
        "another model"
    )
