"""Load a base model, frozen and quantised, with LoRA layers for the adapters of every variant.

load_model("pocket")                                             the model that comes with the package
load_model("Qwen/Qwen2.5-0.5B", revision="060db6499f32", r=8)    a commit on the hub, 4 bits
load_model("~/models/smollm.Q4_1.gguf", dtype="float32")         a GGUF file, unpacked
load_model(model, tokenizer=tokenizer)                           what is in memory already
"""

from __future__ import annotations

import gc
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from curriculab.engine.backend import ModelBackend
from curriculab.engine.check_at_load import checked, may_be_packed
from curriculab.engine.linear import attach
from curriculab.engine.lora import lora_config, lora_settings, narrowed, refuse_other_layers
from curriculab.engine.model import Model
from curriculab.engine.quantised import multiply_rows_apart
from curriculab.engine.recipe import (
    BITS,
    DTYPES,
    TRANSPORT,
    Recipe,
    dtype_name,
    precision,
    refuse_attention,
    refuse_chat,
    refuse_options,
)
from curriculab.engine.refusals import refuse_device, refuse_other_quantisation, refuse_several_devices
from curriculab.engine.sources import Source, commit_of, digest_of_model, find_source
from curriculab.engine.template import has_template, with_template
from curriculab.registry.progress import working

if TYPE_CHECKING:
    from peft import LoraConfig
    from transformers import BitsAndBytesConfig, PreTrainedModel, PreTrainedTokenizerBase

_loaded: dict[tuple[str, str], Model] = {}


def load_model(
    name_or_model: str | Path | PreTrainedModel = "pocket",
    *,
    tokenizer: PreTrainedTokenizerBase | None = None,
    bits: int | None = None,
    quantization_config: BitsAndBytesConfig | Mapping[str, object] | None = None,
    lora: LoraConfig | None = None,
    r: int | None = None,
    lora_alpha: float | None = None,
    target_modules: str | Sequence[str] | None = None,
    revision: str | None = None,
    dtype: str | torch.dtype | None = None,
    attn_implementation: str | None = None,
    device: str | None = None,
    chat: bool | None = None,
    system: str | None = None,
    template_kwargs: Mapping[str, object] | None = None,
    **from_pretrained: object,
) -> Model:
    """Load a frozen base model with LoRA layers, which all variants of a bench share.

    A base that is read from files is loaded once per process: the same call returns it again, and another call frees
    it first. A variable that still holds the old model keeps its memory: `del model` first where two do not fit.

    Parameters
    ----------
    name_or_model : str, Path or PreTrainedModel
        "pocket", "smollm2", a folder in the hub's format, a GGUF file (needs the extra `gguf`), a hub id (also with
        `gguf_file="name.gguf"`), or a model in memory. The latter is changed in place: it is frozen and gets LoRA
        layers and the attention of packed rows.
    tokenizer : PreTrainedTokenizerBase, optional
        The tokenizer of a model in memory, and of nothing else.
    bits : {4, 8, 16, 32}, optional
        Precision of the base: 4 (NF4 with double quantisation, Dettmers et al. 2023), 8 (LLM.int8, weights only), 16 or
        32. By default 4; of files that are quantised already, of a GGUF file and of a model in memory, what they are.
    quantization_config : BitsAndBytesConfig, optional
        Other settings of bitsandbytes, instead of `bits`.
    lora : peft.LoraConfig, optional
        LoRA settings, instead of the next three.
    r, lora_alpha : int and float, optional
        Rank of every adapter (16) and its scale, lora_alpha / r (32).
    target_modules : str or list of str, optional
        Layers that are adapted, as PEFT names them; all linear layers but the head by default.
    revision : str, optional
        Commit, tag or branch of a hub id. A record holds the commit.
    dtype : str or torch.dtype, optional
        Precision of what is not quantised: float32 on a CPU and bfloat16 on CUDA by default.
    attn_implementation : {"sdpa", "eager"}, optional
        How packed rows are attended to when they are trained and scored; by default the fastest way that is known here.
    device : str, optional
        "cpu", "cuda", "cuda:1"; CUDA where there is one.
    chat : bool, optional
        Render rows through the tokenizer's chat template; by default where it has one, which is printed once.
    system : str, optional
        The system message of every conversation.
    template_kwargs : mapping, optional
        Variables of the chat template, such as `{"enable_thinking": False}`. A template that asks for today's date gets
        `date_string`, "26 Jul 2024" by default, so that prompts are the same on every day.
    **from_pretrained
        Further arguments of `AutoModelForCausalLM.from_pretrained`, such as `subfolder` or `token`. Code that lies
        beside a model is never run, so `trust_remote_code` is refused.

    Returns
    -------
    Model
        The base with its tokenizer; `bench = cl.Bench(model, ...)` trains adapters on it.

    Raises
    ------
    ValueError
        An argument that is wrong, contradicts another, or is not computed here; a model that cannot be loaded, or
        whose attention packed rows do not have; `chat=True` of a tokenizer without a chat template.

    Examples
    --------
    >>> import curriculab as cl
    >>> model = cl.load_model("pocket", bits=32, r=8, lora_alpha=16, device="cpu")
    >>> model.layout.rank, model.positions
    (8, 2048)
    """
    refuse_options(from_pretrained)
    refuse_attention(attn_implementation)
    refuse_chat(chat, system, template_kwargs)
    refuse_device(device)
    rendering = {"chat": chat, "system": system, "template_kwargs": dict(template_kwargs or {})}
    adapters = lora_config(lora, r=r, lora_alpha=lora_alpha, target_modules=target_modules)
    if not isinstance(name_or_model, str | Path):
        unused = {
            "bits": bits,
            "quantization_config": quantization_config,
            "revision": revision,
            "dtype": dtype,
            "device": device,
            **from_pretrained,
        }
        return _of_memory(name_or_model, tokenizer, unused, adapters, attn_implementation, rendering)
    name = str(name_or_model)
    if tokenizer is not None:
        raise ValueError(f"load_model({name!r}, tokenizer=...): the tokenizer lies with the model; leave it out")
    source = find_source(name, from_pretrained)
    if revision is not None and source.local:
        raise ValueError(f"revision={revision!r} is of a model on the hub, and {name!r} is local; leave it out")
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    asked, (bits, quantization) = bits, _quantization(name, source, bits, quantization_config, dtype)
    recipe = Recipe(
        name=name,
        bits=bits,
        device=device,
        dtype=precision(bits, dtype, device),
        lora=lora_settings(adapters),
        revision=None if source.local else commit_of(source, revision, from_pretrained),
        quantization=quantization,
        attn_implementation=attn_implementation,
        options=from_pretrained,
        **rendering,
    )
    digest = source.digest()
    for known in (recipe,) if chat is not None else (replace(recipe, chat=True), replace(recipe, chat=False)):
        found = _loaded.get((known.key, digest))
        if found is not None and (chat is not None or known.chat == has_template(found.tokenizer)):
            return found
    free_models()
    with working(f"loading {name}"):
        model = _of_files(recipe, source, adapters, digest, asked)
    _loaded[replace(recipe, chat=model.chat).key, digest] = model
    return model


def load_recorded(record: Mapping[str, object]) -> Model:
    """Load the model that a record (`Model.record()`) describes; refuses one that was given in memory."""
    found = ("digest", "packed", "apart", "template")  # not asked for, but seen
    asked = {
        k: v for k, v in record.items() if k not in ("name", "lora", "options", "in_memory", "quantization", *found)
    }
    if record["in_memory"]:
        raise ValueError(
            f"the model {record['name']!r} was given in memory, and no file can give it again; save it and its "
            "tokenizer with save_pretrained(folder), and load the folder"
        )
    from peft import LoraConfig

    if record["quantization"] is not None:
        asked |= {"quantization_config": record["quantization"], "bits": None}
    return load_model(record["name"], lora=LoraConfig(**record["lora"]), **asked, **record["options"])


def free_models() -> None:
    """Forget the loaded base and give its memory back.

    Examples
    --------
    >>> from curriculab.engine import free_models
    >>> first = cl.load_model("pocket", bits=32, device="cpu")
    >>> cl.load_model("pocket", bits=32, device="cpu").base is first.base
    True
    >>> free_models()
    >>> cl.load_model("pocket", bits=32, device="cpu").base is first.base
    False
    """
    _loaded.clear()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


# -- from files -------------------------------------------------------------------------------------------------------
def _quantization(
    name: str, source: Source, bits: int | None, config: object, dtype: str | torch.dtype | None
) -> tuple[int, dict | None]:
    """The bits of the base, and bitsandbytes' settings where they are not those that `bits` stands for."""
    if bits is not None and bits not in BITS:
        raise ValueError(f"bits={bits!r}; a base is loaded in one of {BITS} bits")
    if bits is not None and config is not None:
        raise ValueError(f"bits={bits} and quantization_config= say the same thing twice; leave one of them out")
    if source.gguf:
        if bits in (4, 8) or config is not None:
            raise ValueError(
                f"{name!r} is unpacked out of GGUF to 16 or 32 bits and not quantised again; give bits=16 or bits=32, "
                "or load the original model with bits=4"
            )
        return bits or _bits_of_dtype(dtype), None
    if config is None:
        return bits or 4, None
    config = _bitsandbytes(config)
    return 4 if config.load_in_4bit else 8, _plain(config)


def _bits_of_dtype(dtype: str | torch.dtype | None) -> int:
    """Bits of what is not quantised: of `dtype`, else 16 where there is CUDA and 32 elsewhere."""
    if dtype is not None:
        return 8 * DTYPES[dtype_name(dtype)].itemsize
    return 16 if torch.cuda.is_available() else 32


def _bitsandbytes(config: object) -> BitsAndBytesConfig:
    """A BitsAndBytesConfig that quantises, from itself or from its dictionary."""
    from transformers import BitsAndBytesConfig

    if isinstance(config, Mapping):
        known = {k: v for k, v in config.items() if not k.startswith("_")}
        config = BitsAndBytesConfig(**{k: v for k, v in known.items() if k != "quant_method"})
    if not isinstance(config, BitsAndBytesConfig):
        raise ValueError(
            f"quantization_config is a {type(config).__name__}; a base is quantised by bitsandbytes: give a "
            "BitsAndBytesConfig, or bits="
        )
    if not (config.load_in_4bit or config.load_in_8bit):
        raise ValueError(
            "the BitsAndBytesConfig quantises nothing; give load_in_4bit=True, load_in_8bit=True, or bits="
        )
    return config


def _plain(config: BitsAndBytesConfig) -> dict[str, object]:
    """A BitsAndBytesConfig as JSON holds it."""
    return {k: v for k, v in config.to_dict().items() if not k.startswith("_")}


def _of_files(recipe: Recipe, source: Source, adapters: LoraConfig, digest: str, asked: int | None) -> Model:
    _quiet()
    recipe, base, tokenizer = _read(recipe, source)
    if not source.gguf:
        recipe = replace(recipe, bits=_found_bits(recipe, base))
        if asked is not None and recipe.bits != asked:
            raise ValueError(f"the files of {recipe.name!r} hold {recipe.bits} bits already; leave bits={asked} out")
    return _with_adapters(recipe, base, tokenizer, adapters, digest or recipe.revision or "")


def _read(recipe: Recipe, source: Source) -> tuple[Recipe, PreTrainedModel, PreTrainedTokenizerBase]:
    """The base and the tokenizer of a source, by transformers, and the recipe with what the tokenizer decides."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    if source.local:
        disable_progress_bar()  # local files load in no time
    options = {k: v for k, v in recipe.options.items() if k != "gguf_file"}
    options |= {} if recipe.revision is None else {"revision": recipe.revision}
    options |= {"gguf_file": source.gguf} if source.gguf else {"use_safetensors": True}
    fetched = {k: v for k, v in options.items() if k in (*TRANSPORT, "revision", "subfolder", "gguf_file")}
    with _one_line_errors(recipe, source):
        tokenizer = AutoTokenizer.from_pretrained(source.path, trust_remote_code=False, **fetched)
    recipe = with_template(recipe, tokenizer)
    if not source.gguf:
        with _one_line_errors(recipe, source):
            config = AutoConfig.from_pretrained(source.path, trust_remote_code=False, **fetched)
        refuse_other_quantisation(recipe.name, config)
    with _one_line_errors(recipe, source):
        base = AutoModelForCausalLM.from_pretrained(
            source.path,
            dtype=DTYPES[recipe.dtype],
            device_map={"": recipe.device},
            trust_remote_code=False,
            **options,
            **_quantised(recipe, source),
        )
    return recipe, base, tokenizer


@contextmanager
def _one_line_errors(recipe: Recipe, source: Source) -> Iterator[None]:
    """What goes wrong while transformers reads files, in one line."""
    try:
        yield
    except (OSError, ValueError, ImportError, TypeError) as error:
        if unknown := re.search(r"unexpected keyword argument '(\w+)'", str(error)):
            raise ValueError(
                f"load_model({unknown[1]}=...): neither load_model nor from_pretrained of {recipe.name!r} takes it; "
                "see help(load_model)"
            ) from error
        reason = " ".join(str(error).split())[:160]
        extra = "; pip install 'curriculab[gguf]' first" if source.gguf and isinstance(error, ImportError) else ""
        raise ValueError(
            f"the model {recipe.name!r} could not be loaded ({reason}); name 'pocket', a local folder in the hub's "
            f"format, or a hub id that this machine can reach{extra}"
        ) from error


def _quantised(recipe: Recipe, source: Source) -> dict[str, object]:
    """What from_pretrained is told of quantisation."""
    import transformers

    if source.gguf:  # older versions of transformers always unpack, and have no such config
        config = getattr(transformers, "GgufConfig", None)
        return {"quantization_config": config(dequantize=True)} if config else {}
    if recipe.quantization is not None:
        return {"quantization_config": _bitsandbytes(recipe.quantization)}
    half = DTYPES[recipe.dtype]
    settings = {
        4: dict(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=half
        ),
        8: dict(load_in_8bit=True),
    }
    if recipe.bits not in settings:
        return {}
    return {"quantization_config": transformers.BitsAndBytesConfig(**settings[recipe.bits])}


# -- from memory ------------------------------------------------------------------------------------------------------
def _of_memory(
    base: object,
    tokenizer: PreTrainedTokenizerBase | None,
    unused: Mapping[str, object],
    adapters: LoraConfig,
    attn_implementation: str | None,
    rendering: Mapping[str, object],
) -> Model:
    """A model that was given; the files it came from are not asked."""
    from peft import PeftModel
    from peft.tuners.tuners_utils import BaseTunerLayer
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    kind = type(base).__name__
    if isinstance(base, PeftModel) or (
        isinstance(base, torch.nn.Module) and any(isinstance(m, BaseTunerLayer) for m in base.modules())
    ):
        raise ValueError(f"the {kind} carries PEFT adapters already; give what model.merge_and_unload() returns")
    if not isinstance(base, PreTrainedModel):
        raise ValueError(
            f"load_model of a {kind}; give a name, a path, or a PreTrainedModel of transformers with tokenizer="
        )
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise ValueError(
            f"tokenizer={tokenizer!r}; give the tokenizer of the model in memory, as transformers loads it"
        )
    for name, value in unused.items():
        if value is not None:
            raise ValueError(f"{name}={value!r} says how files are read, and the {kind} is in memory; leave it out")
    refuse_other_quantisation(str(base.config.name_or_path or kind), base.config)
    refuse_several_devices(base)
    weight = base.get_input_embeddings().weight
    recipe = Recipe(
        name=str(base.config.name_or_path or kind),
        bits=8 * weight.dtype.itemsize,
        device=str(weight.device),
        dtype=dtype_name(weight.dtype),
        lora=lora_settings(adapters),
        attn_implementation=attn_implementation,
        in_memory=True,
        **rendering,
    )
    recipe = with_template(recipe, tokenizer)
    _quiet()
    digest = digest_of_model(base, tokenizer)
    recipe = replace(recipe, bits=_found_bits(recipe, base))
    return _with_adapters(recipe, base, tokenizer, adapters, digest)


# -- both -------------------------------------------------------------------------------------------------------------
def _found_bits(recipe: Recipe, base: PreTrainedModel) -> int:
    """The bits that the base has: what was given, or read, may be quantised already."""
    config = getattr(base.config, "quantization_config", None)
    if config is None:
        return recipe.bits
    return 4 if _bitsandbytes(config).load_in_4bit else 8


def _with_adapters(
    recipe: Recipe, base: PreTrainedModel, tokenizer: object, adapters: LoraConfig, digest: str
) -> Model:
    """The base, frozen, with LoRA layers that follow the plan of a packed forward."""
    from peft import get_peft_model

    base.requires_grad_(False)
    base.config.use_cache = False
    packed, own_attention = may_be_packed(base), base.config._attn_implementation or "eager"
    try:
        peft = get_peft_model(base, narrowed(base, adapters))
    except ValueError as error:
        reason = " ".join(str(error).split()).partition(" Please ")[0]
        raise ValueError(f"LoRA on {recipe.name!r}: {reason[:200]}") from error
    refuse_other_layers(peft.get_base_model())
    peft.requires_grad_(False)
    without_dropout(peft)
    multiply_rows_apart(peft)
    layout = attach(peft, adapters)
    how = {"packed": packed, "own_attention": own_attention}
    return checked(Model(recipe, peft, tokenizer, layout, digest, ModelBackend, **how))


def without_dropout(peft: torch.nn.Module) -> None:
    """Put a model into eval mode, which turns all dropout off, but for quantised layers: in eval mode bitsandbytes
    repacks NF4 weights on a CPU, and the packed ones have no backward."""
    peft.eval()
    for module in peft.modules():
        if type(module).__module__.startswith("bitsandbytes."):
            module.train()


def _quiet() -> None:
    """8-bit layers warn at every call on a CPU, and bitsandbytes about an optional kernel: say neither."""
    warnings.filterwarnings("ignore", message=r"MatMul8bitLt: inputs will be cast.*")
    warnings.filterwarnings(
        "ignore", message=r"`is_gradient_checkpointing` is deprecated.*"
    )  # peft 0.21 asks transformers 5
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
