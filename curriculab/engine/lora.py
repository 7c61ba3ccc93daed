"""The LoRA settings of a model, checked: what peft.LoraConfig offers and several adapters in one forward can do.

lora_config(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"])      the same as a peft.LoraConfig of these
"""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from peft import LoraConfig

R, LORA_ALPHA = 16, 32  # Hu et al. 2022 write r and alpha; r=16 and alpha=2r are common for QLoRA

# Fields of a LoraConfig that are taken over; every other one keeps its default, or the config is refused.
COMPUTED = (
    "r",
    "lora_alpha",
    "target_modules",
    "target_parameters",
    "exclude_modules",
    "layers_to_transform",
    "layers_pattern",
    "use_rslora",
)

# Fields that say where a config comes from, and change nothing of what is computed.
DESCRIPTIVE = (
    "task_type",
    "peft_type",
    "auto_mapping",
    "peft_version",
    "base_model_name_or_path",
    "revision",
    "inference_mode",
    "runtime_config",
)


def lora_config(
    lora: LoraConfig | None = None,
    *,
    r: int | None = None,
    lora_alpha: float | None = None,
    target_modules: str | Sequence[str] | None = None,
) -> LoraConfig:
    """The LoRA of all adapters of a model, from a LoraConfig or from single values; refuses what is not computed."""
    import peft

    given = {"r": r, "lora_alpha": lora_alpha, "target_modules": target_modules}
    given = {name: value for name, value in given.items() if value is not None}
    if lora is None:
        asked = {"r": R, "lora_alpha": LORA_ALPHA, "target_modules": "all-linear"} | given
        _refuse_wrong_values(**asked)
    elif not isinstance(lora, peft.LoraConfig):
        raise ValueError(f"lora={lora!r} is a {type(lora).__name__}; give a peft.LoraConfig, or r= and lora_alpha=")
    elif given:
        raise ValueError(
            f"lora= and {next(iter(given))}= were both given; write {next(iter(given))} into the LoraConfig"
        )
    else:
        _refuse_other_fields(lora)
        asked = {name: getattr(lora, name) for name in COMPUTED}
        asked["target_modules"] = asked["target_modules"] or "all-linear"
        _refuse_wrong_values(asked["r"], asked["lora_alpha"], asked["target_modules"])
    return peft.LoraConfig(**asked, lora_dropout=0.0, task_type="CAUSAL_LM")


def narrowed(base: torch.nn.Module, config: LoraConfig) -> LoraConfig:
    """The LoraConfig for this base where "all-linear" would be wrong of it: a model with a vision tower, whose text
    model alone is adapted, and a mixture of experts, whose stacks of weights are adapted and whose routers are not."""
    from transformers.pytorch_utils import Conv1D

    inside = text_model_name(base)
    stacks = [f"{name}.{p}" for name, module in base.named_modules() for p in _stacks(name, module)]
    if config.target_modules != "all-linear" or (not stacks and not inside):
        return config
    head, names = base.get_output_embeddings(), []
    for name, module in base.named_modules():
        linear = isinstance(module, torch.nn.Linear | Conv1D) and module is not head
        if linear and name.startswith(inside) and not _is_router(name, module):
            names.append(name)
    stacks = [name for name in stacks if name.startswith(inside)]
    found = dataclasses.replace(config, target_modules=names, target_parameters=stacks or None)
    return dataclasses.replace(found, target_modules=[n for n in names if n not in _taken_for_experts(base, found)])


def _taken_for_experts(base: torch.nn.Module, config: LoraConfig) -> set[str]:
    """Linear layers that PEFT would take for experts by their names, as older checkpoints have them, such as the
    gate_proj of an expert that all tokens share: it cannot adapt them beside the stacks, and gives these other ranks.
    """
    try:
        from peft.utils.transformers_weight_conversion import convert_peft_config_for_transformers
    except ImportError:  # older versions convert nothing
        return set()
    converted = copy.deepcopy(config)
    convert_peft_config_for_transformers(converted, base, None)
    return set(config.target_modules) - set(converted.target_modules)


def text_model_name(base: torch.nn.Module) -> str:
    """Where the text model lies in a model of texts and images, such as "model.language_model."; "" where all is."""
    if base.config.get_text_config(decoder=True) is base.config:
        return ""
    text = base.get_decoder()
    return next((f"{name}." for name, module in base.named_modules() if module is text and name), "")


def _stacks(name: str, module: torch.nn.Module) -> list[str]:
    """The parameters of a module of experts that hold a weight for each of them."""
    if name.rpartition(".")[2] != "experts":
        return []
    return [p for p, weight in module.named_parameters(recurse=False) if weight.dim() == 3]


def _is_router(name: str, module: torch.nn.Module) -> bool:
    """Whether a linear layer chooses experts: a kind of its own, or one that is named so."""
    return "Router" in type(module).__name__ or name.rpartition(".")[2] in ("gate", "router")


def lora_settings(config: LoraConfig) -> dict[str, object]:
    """What a LoraConfig computes, as plain values for a record; LoraConfig(**these) is the same again."""
    found: dict[str, object] = {}
    for name in COMPUTED:
        value = getattr(config, name)
        found[name] = sorted(value) if isinstance(value, set | frozenset) else value
    return found


def refuse_other_layers(base: torch.nn.Module) -> None:
    """Refuse a model of which LoRA would adapt anything but linear layers below the head and stacks of experts."""
    from peft.tuners.lora import LoraLayer
    from peft.tuners.lora.layer import ParamWrapper
    from transformers.pytorch_utils import Conv1D

    if isinstance(base.get_output_embeddings(), LoraLayer):
        raise ValueError("target_modules names the output layer, which is computed for few tokens only; leave it out")
    for name, module in base.named_modules():
        if isinstance(module, ParamWrapper):
            _refuse_other_parameter(name, module)
        elif isinstance(module, LoraLayer) and not isinstance(module.base_layer, torch.nn.Linear | Conv1D):
            kind = type(module.base_layer).__name__
            raise ValueError(
                f"the layer {name!r} is of type {kind}, and adapters sit on torch.nn.Linear; choose other "
                "target_modules"
            )


def _refuse_other_parameter(name: str, wrapper: torch.nn.Module) -> None:
    parameter = wrapper.parameter_name
    if getattr(wrapper.get_base_layer(), parameter).dim() != 3:
        raise ValueError(
            f"target_parameters names {parameter!r} of {name!r}, which is no stack of experts; adapt a linear layer by "
            "target_modules"
        )


def _refuse_wrong_values(r: int, lora_alpha: float, target_modules: str | Sequence[str]) -> None:
    if isinstance(r, bool) or not isinstance(r, int) or r < 1:
        raise ValueError(f"r={r!r}; the rank of an adapter is a whole number from 1 on, such as r={R}")
    if isinstance(lora_alpha, bool) or not isinstance(lora_alpha, int | float) or not lora_alpha > 0:
        raise ValueError(f"lora_alpha={lora_alpha!r}; give a number above 0, such as lora_alpha={2 * r}")
    named = [target_modules] if isinstance(target_modules, str) else target_modules
    if not isinstance(named, list | tuple | set) or not named or not all(isinstance(n, str) and n for n in named):
        raise ValueError(
            f"target_modules={target_modules!r}; give 'all-linear', a pattern, or names such as ['q_proj', 'v_proj']"
        )


def _refuse_other_fields(lora: LoraConfig) -> None:
    """Refuse features of PEFT that adapters sharing a forward do not have: DoRA, dropout, biases, other modules."""
    plain = type(lora)()
    for field in dataclasses.fields(lora):
        value = getattr(lora, field.name)
        if field.name not in (*COMPUTED, *DESCRIPTIVE) and value != getattr(plain, field.name):
            raise ValueError(
                f"LoraConfig({field.name}={value!r}) is not computed here; leave {field.name} out "
                f"(what is: {', '.join(COMPUTED)})"
            )


# Ways to begin an adapter that change the base's weights, so that the adapter means nothing on the base as it was.
CHANGE_THE_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")


def refuse_other_adapter(folder: str | Path, rank: int, alpha: float, rank_stabilised: bool) -> None:
    """Refuse a saved adapter whose numbers would mean something else here than where it was trained."""
    file = Path(folder) / "adapter_config.json"
    if not file.is_file():
        return
    found = json.loads(file.read_text())
    plain = {"peft_type": "LORA", "use_dora": False, "bias": "none", "rank_pattern": {}, "alpha_pattern": {}}
    for name, wanted in {"r": rank, "lora_alpha": alpha, "use_rslora": rank_stabilised, **plain}.items():
        if found.get(name, wanted) != wanted:
            raise ValueError(
                f"the adapter in {str(folder)!r} was trained with {name}={found[name]!r}, and this model has "
                f"{name}={wanted!r}; load the model with the LoraConfig of the adapter, where it is computed here"
            )
    begun = str(found.get("init_lora_weights", True)).lower()
    if begun.startswith(CHANGE_THE_BASE):
        raise ValueError(
            f"the adapter in {str(folder)!r} began as init_lora_weights={found['init_lora_weights']!r}, which changes "
            "the base's weights; save it by PEFT as plain LoRA, with path_initial_model_for_weight_conversion"
        )
