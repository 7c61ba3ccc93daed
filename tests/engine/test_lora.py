"""LoRA settings against PEFT, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from curriculab.engine.adapter import Adapter
from curriculab.engine.loading import load_model, load_recorded
from tests.engine.loaded import ROWS, loss, refused


@pytest.mark.parametrize(
    "settings",
    [
        {"r": 4, "lora_alpha": 12, "target_modules": ["q_proj", "v_proj"]},
        {"r": 4, "lora_alpha": 12, "target_modules": ["down_proj"], "use_rslora": True},
        {"r": 4, "lora_alpha": 12, "target_modules": r".*\.1\.self_attn\.(k|o)_proj"},
        {"r": 4, "lora_alpha": 12, "target_modules": ["q_proj"], "layers_to_transform": [1]},
        {"r": 4, "target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": "layers"},
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
        ("init_lora_weights", "pissa"),
    ],
)
def test_a_feature_of_peft_that_is_not_computed_is_named(field, value):
    said = refused(lora=LoraConfig(**{field: value}))
    assert said == (
        f"LoraConfig({field}={value!r}) is not computed here; leave {field} out (what is: r, lora_alpha, "
        "target_modules, target_parameters, exclude_modules, layers_to_transform, layers_pattern, use_rslora)"
    )


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


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"r": 8}, "was trained with r=8, and this model has r=16; load the model with the LoraConfig of the adapter"),
        ({"lora_alpha": 16}, "was trained with lora_alpha=16, and this model has lora_alpha=32; "),
        ({"use_rslora": True}, "was trained with use_rslora=True, and this model has use_rslora=False; "),
        ({"use_dora": True}, "was trained with use_dora=True, and this model has use_dora=False; "),
        ({"init_lora_weights": "pissa"}, "began as init_lora_weights='pissa', which changes the base's weights; "),
        ({"target_modules": ["q_proj"]}, "adapts no layer model.layers.0.self_attn.k_proj, which this model does"),
    ],
)
def test_a_saved_adapter_that_means_something_else_here_is_refused(tiny_folder, tmp_path, settings, line):
    """Written by PEFT alone; the scale of an adapter is in no tensor of it."""
    asked = {"r": 16, "lora_alpha": 32, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **settings}
    theirs = get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_folder), LoraConfig(**asked))
    theirs.save_pretrained(tmp_path)
    model = load_model(str(tiny_folder), bits=32)
    with pytest.raises(ValueError) as caught:
        model.load_adapter(tmp_path)
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_an_adapter_that_peft_saved_is_read(tiny_folder, tmp_path):
    asked = {"r": 16, "lora_alpha": 32, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}
    theirs = get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_folder), LoraConfig(**asked))
    theirs.save_pretrained(tmp_path)
    adapter = load_model(str(tiny_folder), bits=32).load_adapter(tmp_path)
    named = {name.replace(".default", ""): value for name, value in theirs.state_dict().items()}
    assert all(torch.equal(value, named[name]) for name, value in adapter.tensors().items())
