"""Devices that are not there, models spread over several, and weights that other libraries quantised."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from transformers import GPTQConfig

from curriculab.engine import refusals
from tests.engine.loaded import in_memory, refused

MADE_OF = (
    "which is not computed here; load the model that they were made of, with bits=4 or bits=8 where memory is short"
)


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("gptq", {"bits": 4, "group_size": 128}),
        ("awq", {"bits": 4, "group_size": 128}),
        ("fp8", {"activation_scheme": "dynamic"}),
        ("mxfp4", {}),
        ("compressed-tensors", {"format": "pack-quantized"}),
    ],
)
@pytest.mark.parametrize("bits", [None, 16])
def test_files_that_others_quantised_are_refused_by_their_method(tiny_folder, tmp_path, method, settings, bits):
    shutil.copytree(tiny_folder, tmp_path / "model")
    file = tmp_path / "model" / "config.json"
    config = {**json.loads(file.read_text()), "quantization_config": {"quant_method": method, **settings}}
    file.write_text(json.dumps(config))
    name = str(tmp_path / "model")
    said = refused(name_or_model=name, device="cpu", bits=bits)
    assert said == f"the weights of {name!r} are quantised by {method!r}, {MADE_OF}"


@pytest.mark.parametrize("config", [{"quant_method": "gptq", "bits": 4}, GPTQConfig(bits=4)])
def test_a_model_in_memory_that_others_quantised_is_refused(tiny_folder, config):
    base, tokenizer = in_memory(tiny_folder)
    base.config.quantization_config = config
    assert f"are quantised by 'gptq', {MADE_OF}" in refused(name_or_model=base, tokenizer=tokenizer)


@pytest.mark.parametrize(
    ("mapped", "places"),
    [
        ({"model.embed_tokens": "cpu", "model.layers.0": 0, "model.layers.1": 1}, "cpu, cuda:0, cuda:1"),
        ({"": "disk"}, "cpu, disk"),
        ({"": "cuda"}, "cpu, cuda:0"),
    ],
)
def test_a_model_that_accelerate_spread_over_devices_is_refused(tiny_folder, mapped, places):
    base, tokenizer = in_memory(tiny_folder)
    base.hf_device_map = mapped
    assert refused(name_or_model=base, tokenizer=tokenizer) == (
        f"the LlamaForCausalLM lies on {places}; a base lies on one device: load it without device_map, or with "
        "device_map={'': 'cuda:0'}"
    )


def test_a_model_of_which_a_part_lies_on_no_device_is_refused(tiny_folder):
    base, tokenizer = in_memory(tiny_folder)
    base.model.layers[1].to("meta")
    assert refused(name_or_model=base, tokenizer=tokenizer).startswith("the LlamaForCausalLM lies on cpu, meta; ")


@pytest.mark.parametrize("device", ["auto", "gpu", "mps", "meta", "cuda:", 0])
def test_what_is_no_device_of_a_base_is_refused(device):
    assert refused(device=device) == (
        f"device={device!r}; a base lies on one device: choose 'cpu', 'cuda', or of several 'cuda:1'"
    )


@pytest.mark.parametrize(
    ("device", "found", "line"),
    [
        ("cuda", 0, "device='cuda', and torch finds no CUDA device here; leave device out for the CPU"),
        ("cuda:2", 2, "device='cuda:2', and torch finds 2 CUDA devices here; they are counted from 'cuda:0'"),
    ],
)
def test_a_device_that_is_not_there_is_refused(monkeypatch, device, found, line):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: found)
    assert refused(device=device) == line


def test_devices_that_are_there_are_not_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for device in (None, "cpu", "cuda", "cuda:0", "cuda:1"):
        refusals.refuse_device(device)
