"""Loading: precision, models in memory, records, and one line for what cannot be loaded."""

from __future__ import annotations

import gc
import json
import shutil
import weakref

import numpy as np
import pandas as pd
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, GPTQConfig

from curriculab.engine import loading
from curriculab.engine.loading import load_model, load_recorded
from curriculab.engine.scoring import score
from curriculab.engine.training import train_steps
from curriculab.objectives.sft import Sft
from tests.engine.loaded import ROWS, in_memory, loss, refused


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


@pytest.mark.slow
@pytest.mark.parametrize("bits", [4, 8, 16, 32])
def test_every_precision_loads_scores_and_reports_memory(tiny_folder, bits):

    model = load_model(str(tiny_folder), bits=bits)
    loss = score(model, [None], [rows()], "nll", "row")[0].reply["nll"]
    assert np.isfinite(loss).all() and (loss > 0).all()
    memory = model.memory(batch_tokens=100)
    assert set(memory.index) >= {"weights", "adapter", "activations"} and (memory > 0).all()


@pytest.mark.slow
def test_fewer_bits_take_less_memory(tiny_folder):
    weights = {bits: load_model(str(tiny_folder), bits=bits).memory()["weights"] for bits in (4, 8, 32)}
    assert weights[4] < weights[8] < weights[32]


def test_attention_with_a_cap_is_computed_over_packed_rows(tmp_path, save_tiny):
    model = load_model(str(save_tiny(tmp_path / "gemma2", "gemma2")), bits=32)
    assert model.packed and model.apart < 1e-5


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


def test_an_option_of_from_pretrained_reaches_it_and_the_digest(tiny_folder):
    shorter = load_model(str(tiny_folder), bits=32, max_position_embeddings=256)
    assert shorter.positions == 256
    assert load_recorded(shorter.record()).positions == 256
    assert load_model(str(tiny_folder), bits=32).digest() != shorter.digest()


def test_a_model_in_memory_reads_trains_and_answers_like_its_folder(tiny_folder):
    base, tokenizer = in_memory(tiny_folder)
    given, read = load_model(base, tokenizer=tokenizer), load_model(str(tiny_folder), bits=32)
    assert given.base is base and given.bits == 32 and (loss(given) == loss(read)).all()
    adapters = [model.adapter(seed=3) for model in (given, read)]
    for model, adapter in zip((given, read), adapters, strict=True):
        train_steps(model, [adapter], [ROWS], [Sft(lr=1e-2)])
    assert torch.equal(adapters[0].weights, adapters[1].weights) and loss(given, adapters[0])[0] < loss(given)[0]


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


def test_dtype_is_the_precision_of_what_is_not_quantised(tiny_folder):
    model = load_model(str(tiny_folder), bits=4, dtype="bfloat16", device="cpu")
    assert model.base.get_input_embeddings().weight.dtype == torch.bfloat16
    half = load_model(str(tiny_folder), bits=16, dtype=torch.float16, device="cpu")
    assert half.base.get_input_embeddings().weight.dtype == torch.float16 and np.isfinite(loss(half)).all()
    assert half.record()["dtype"] == "float16"


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


def test_a_model_whose_state_would_run_from_row_to_row_is_refused(tmp_path, tiny_folder):
    from transformers import MambaConfig, MambaForCausalLM

    config = MambaConfig(vocab_size=320, hidden_size=16, num_hidden_layers=1, state_size=4)
    MambaForCausalLM(config).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_folder / name, tmp_path / name)
    assert refused(name_or_model=str(tmp_path), bits=32).startswith(
        f"LoRA on {str(tmp_path)!r}: [PEFT:PeftType.LORA] Module 'out_proj' is incompatible with Mamba-based models"
    )


def test_a_mistyped_argument_is_named():
    assert refused(name_or_model="pocket", bitz=8) == (
        "load_model(bitz=...): neither load_model nor from_pretrained of 'pocket' takes it; see help(load_model)"
    )
