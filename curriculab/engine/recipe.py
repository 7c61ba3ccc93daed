"""How a model was loaded, as plain values: what decides its numbers, what a record holds, how to load it again.

{"name": "Qwen/Qwen2.5-0.5B", "revision": "060db64...", "bits": 4, "lora": {"r": 16, ...}, ...}
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

BITS = (4, 8, 16, 32)

ATTENTION = (None, "sdpa", "eager")  # how a packed row attends to itself; None: the fastest that is known here

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

# Arguments of from_pretrained that have a name of their own here, or would run code that lies beside the weights.
ELSEWHERE = {
    "name": "name_or_model=",
    "rank": "r=",
    "alpha": "lora_alpha=",
    "torch_dtype": "dtype=",
    "device_map": "device=",
    "load_in_4bit": "bits=4",
    "load_in_8bit": "bits=8",
    "peft_config": "lora=",
    "lora_config": "lora=",
}
REFUSED = {
    "trust_remote_code": "code that comes with a model is never run",
    "use_kernels": "kernels from the hub are code, which is never run",
    "use_safetensors": "weights are read from safetensors or GGUF, for a pickle can run code",
    "weights_only": "weights are read from safetensors or GGUF, for a pickle can run code",
    "state_dict": "give the model itself, with its tokenizer",
    "tp_plan": "a base lies on one device",
    "tp_size": "a base lies on one device",
    "distributed_config": "a base lies on one device",
    "adapter_kwargs": "adapters are made by the bench; a saved one is named where it is used",
    "output_loading_info": "nothing would receive it",
}

# Arguments that say how files are fetched. They decide no number, and two of them are secrets.
TRANSPORT = ("cache_dir", "force_download", "local_files_only", "token", "proxies", "resume_download")
SECRET = ("token", "proxies")


@dataclass(frozen=True)
class Recipe:
    """What `load_model` was told, defaults filled in, without anything that is not a plain value.

    revision: the hub's commit (None: a folder or file, whose contents are digested); quantization: a
    BitsAndBytesConfig as a dictionary (None: as `bits` says); dtype: of what is not quantised; options: further
    arguments of from_pretrained; in_memory: the model was handed over, and no file can give it again; chat:
    whether rows are rendered by the chat template (None: not yet decided); system,
    template_kwargs: of the chat template, with the date that it asks for; template: the digest of its text.
    """

    name: str
    bits: int
    device: str
    dtype: str
    lora: Mapping[str, object]
    chat: bool | None = False
    revision: str | None = None
    quantization: Mapping[str, object] | None = None
    attn_implementation: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    in_memory: bool = False
    system: str | None = None
    template_kwargs: Mapping[str, object] = field(default_factory=dict)
    template: str | None = None

    def record(self) -> dict[str, object]:
        """All of it for a file that others may read: plain JSON, without secrets."""
        found = dataclasses.asdict(self)
        found["options"] = {k: v for k, v in self.options.items() if k not in SECRET}
        return json.loads(json.dumps(found))

    def decisive(self) -> dict[str, object]:
        """What of it decides the model's numbers; the kind of device stands for the device."""
        found = self.record()
        found["options"] = {k: v for k, v in self.options.items() if k not in TRANSPORT}
        unused = [name for name in ("system", "template_kwargs", "template") if not found[name]]
        return {k: v for k, v in found.items() if k not in unused} | {"device": torch.device(self.device).type}

    @property
    def key(self) -> str:
        """Equal for calls that load the same; secrets are left out."""
        return json.dumps(self.record(), sort_keys=True)


def refuse_options(options: Mapping[str, object]) -> None:
    """Refuse arguments of from_pretrained that have another name here, run code, or are no plain value."""
    for name, value in options.items():
        if name in ELSEWHERE:
            raise ValueError(f"load_model({name}=...): write {ELSEWHERE[name]} instead")
        if name in REFUSED:
            raise ValueError(f"load_model({name}={value!r}): {REFUSED[name]}; leave it out")
        if not _is_plain(value):
            raise ValueError(
                f"load_model({name}={value!r}) is a {type(value).__name__}, which a record cannot hold; arguments of "
                "from_pretrained are numbers, strings, lists, dictionaries, True, False or None"
            )


def refuse_chat(chat: bool | None, system: str | None, template_kwargs: Mapping[str, object] | None) -> None:
    """Refuse settings of a chat template that a record cannot hold, or that nothing would read."""
    if chat not in (None, True, False):
        raise ValueError(f"chat={chat!r}; give True, False, or leave it out: chat where the tokenizer has a template")
    if system is not None and not isinstance(system, str):
        raise ValueError(f"system={system!r}; give the text of the system message")
    named = template_kwargs is None or isinstance(template_kwargs, Mapping)
    if not named or not _is_plain(dict(template_kwargs or {})):
        raise ValueError(
            f"template_kwargs={template_kwargs!r}; give a dictionary of the chat template's variables, with numbers, "
            "strings, lists, dictionaries, True, False or None"
        )


def _is_plain(value: object) -> bool:
    """Does JSON hold it as it is?"""
    try:
        return json.loads(json.dumps(value)) == value
    except (TypeError, ValueError):
        return False


def dtype_name(dtype: str | torch.dtype) -> str:
    """The name of a precision: "float32", "bfloat16" or "float16"."""
    name = str(dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise ValueError(f"dtype={dtype!r}; give one of {', '.join(map(repr, DTYPES))}, or leave it out")
    return name


def precision(bits: int, dtype: str | torch.dtype | None, device: str) -> str:
    """The precision of all that is not quantised, where `bits` and `dtype` agree."""
    half = "bfloat16" if device.startswith("cuda") else "float32"
    if dtype is None:
        return {16: "bfloat16", 32: "float32"}.get(bits, half)
    name = dtype_name(dtype)
    if bits in (16, 32) and 8 * DTYPES[name].itemsize != bits:
        raise ValueError(f"bits={bits} and dtype={name!r} contradict each other; leave one of them out")
    return name


def refuse_attention(name: str | None) -> None:
    """Refuse a way to compute attention that does not know packed rows; those from the hub would be code, too."""
    if name not in ATTENTION:
        known = ", ".join(repr(a) for a in ATTENTION if a)
        raise ValueError(
            f"attn_implementation={name!r} does not compute rows packed behind each other; choose {known}, or leave it "
            "out for the fastest"
        )
