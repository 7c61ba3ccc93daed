"""Load a quantised base model with LoRA adapters."""

from __future__ import annotations

import functools
import gc
import hashlib
import logging
import warnings
from pathlib import Path

import torch

from curriculab.data.files import data_path
from curriculab.engine.linear import attach
from curriculab.engine.model import BITS, Model

_loaded: dict[tuple, Model] = {}


def load_model(
    name: str = "pocket",
    *,
    bits: int = 4,
    rank: int = 16,
    alpha: int = 32,
    device: str | None = None,
    chat: bool = False,
) -> Model:
    """A frozen base in `bits` (4: NF4 with double quantisation, 8, 16, 32) with LoRA on all linear layers.

    `name`: "pocket", a local folder, or a hub id. float32 compute on a CPU, bfloat16 on CUDA. The base is loaded once
    per process: the same call again returns it, another one frees it first. `chat` renders rows through the
    tokenizer's chat template. rank and alpha: Hu et al. 2022; r=16, alpha=2r are common for QLoRA. A variable that
    still holds the old model keeps its memory: `del model` first where two do not fit.
    """
    if bits not in BITS:
        raise ValueError(f"bits={bits!r}; a base is loaded in one of {BITS} bits")
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    path = _where(name)
    revision = _revision(path)
    key = (str(path), revision, bits, rank, alpha, device, chat)
    if key not in _loaded:
        free_models()
        peft, tokenizer = _read(path, name, bits, rank, alpha, device)
        layout = attach(peft, rank, alpha)
        revision = revision or str(getattr(peft.get_base_model().config, "_commit_hash", "") or "")
        _loaded[key] = Model(name, bits, peft, tokenizer, layout, revision, chat)
    return _loaded[key]


def free_models() -> None:
    """Forget the loaded base and give its memory back."""
    _loaded.clear()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _where(name: str) -> str | Path:
    if name == "pocket":
        return data_path("pocket")
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").exists():
            raise ValueError(
                f"the folder {name!r} holds no config.json; name a folder in the hub's format, or a hub id"
            )
        return folder
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise ValueError(f"there is no folder {name!r}; name 'pocket', a local folder in the hub's format, or a hub id")
    return name


def _revision(path: str | Path) -> str:
    """Digest of a local folder's configuration and weights; empty for a hub id, whose commit is known after loading."""
    if not isinstance(path, Path):
        return ""
    h = hashlib.blake2b(digest_size=8)
    for file in sorted(f for f in path.iterdir() if f.is_file() and not f.name.startswith(".") and f.suffix != ".md"):
        state = file.stat()
        h.update(f"{file.name} {_digest_of_file(str(file), state.st_size, state.st_mtime_ns)}".encode())
    return h.hexdigest()


@functools.cache
def _digest_of_file(path: str, size: int, changed: int) -> str:
    """Digest of one file; read again only when its size or time of change differ."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()


def _read(path: str | Path, name: str, bits: int, rank: int, alpha: int, device: str) -> tuple[torch.nn.Module, object]:
    _quiet()
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
    from transformers.utils.logging import disable_progress_bar

    half = torch.bfloat16 if device.startswith("cuda") else torch.float32
    quantised = {
        4: dict(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=half
        ),
        8: dict(load_in_8bit=True),
    }
    how = {"quantization_config": BitsAndBytesConfig(**quantised[bits])} if bits in quantised else {}
    dtype = {16: torch.bfloat16, 32: torch.float32}.get(bits, half)
    if isinstance(path, Path):
        disable_progress_bar()  # local files load in no time
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
        base = AutoModelForCausalLM.from_pretrained(
            path, dtype=dtype, device_map={"": device}, trust_remote_code=False, use_safetensors=True, **how
        )
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise ValueError(
            f"the model {name!r} could not be loaded ({reason}); name 'pocket', a local folder in the hub's format, "
            "or a hub id that this machine can reach"
        ) from error
    if getattr(base.config, "attn_logit_softcapping", None):
        kind = base.config.model_type
        raise ValueError(
            f"{kind!r} caps its attention scores, which the packed forward does not compute; choose another model"
        )
    base.requires_grad_(False)
    base.config.use_cache = False
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules="all-linear", lora_dropout=0.0, task_type="CAUSAL_LM")
    peft = get_peft_model(base, config)
    peft.requires_grad_(False)
    peft.train()  # in eval mode bitsandbytes repacks NF4 weights on a CPU, and the packed ones have no backward
    return peft, tokenizer


def _quiet() -> None:
    """8-bit layers warn at every call on a CPU, and bitsandbytes about an optional kernel: say neither."""
    warnings.filterwarnings("ignore", message=r"MatMul8bitLt: inputs will be cast.*")
    warnings.filterwarnings(
        "ignore", message=r"`is_gradient_checkpointing` is deprecated.*"
    )  # peft 0.21 asks transformers 5
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
