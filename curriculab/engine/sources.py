"""Where a model lies: the pocket model, a folder in the hub's format, a GGUF file, a hub id; and what is in it."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from curriculab.data.files import data_path
from curriculab.engine.smollm2 import NAME, hub_or_folder


@dataclass(frozen=True)
class Source:
    """What from_pretrained is told to read: `path`, a folder or a hub id, and the GGUF file in it, if it is one."""

    path: str | Path
    gguf: str | None = None

    @property
    def local(self) -> bool:
        return isinstance(self.path, Path)

    def digest(self) -> str:
        """Digest (16 hex digits) of a local source's files; empty for a hub id, whose commit is known after loading."""
        if not isinstance(self.path, Path):
            return ""
        if self.gguf:
            return _digest_of_files([self.path / self.gguf])
        found = (f for f in self.path.iterdir() if f.is_file() and not f.name.startswith(".") and f.suffix != ".md")
        return _digest_of_files(sorted(found))


def commit_of(source: Source, revision: str | None, options: Mapping[str, object]) -> str | None:
    """The commit on the hub that a branch or tag (None: main) stands for just now; None where it cannot be found.

    The configuration, or the GGUF file, is fetched for it, as loading the model would do next.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    how = {k: v for k, v in options.items() if k in ("cache_dir", "token", "local_files_only", "subfolder")}
    try:
        file = hf_hub_download(str(source.path), source.gguf or "config.json", revision=revision, **how)
    except (OSError, HfHubHTTPError, HFValidationError):
        return revision  # loading fails too, and says why
    folders = Path(file).parts
    return folders[folders.index("snapshots") + 1] if "snapshots" in folders else revision


def find_source(name: str, options: Mapping[str, object]) -> Source:
    """The source that a name means; refuses a path that leads nowhere."""
    if name == "pocket":
        return Source(data_path("pocket"))
    if name == NAME:
        return Source(hub_or_folder(options))
    path, gguf = Path(name).expanduser(), options.get("gguf_file")
    if path.suffix.lower() == ".gguf" and path.is_file():
        return Source(path.parent, path.name)
    if path.is_dir():
        if gguf and not (path / gguf).is_file():
            raise ValueError(f"the folder {name!r} holds no file {gguf!r}; name a GGUF file in it")
        if not gguf and not (path / "config.json").exists():
            raise ValueError(
                f"the folder {name!r} holds no config.json; name a folder in the hub's format, or a hub id"
            )
        return Source(path, gguf)
    if path.suffix.lower() == ".gguf":
        raise ValueError(f"there is no file {name!r}; name a GGUF file, or a hub id with gguf_file='...'")
    if path.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise ValueError(f"there is no folder {name!r}; name 'pocket', a local folder in the hub's format, or a hub id")
    return Source(name, gguf)


def digest_of_model(base: torch.nn.Module, tokenizer: object) -> str:
    """Digest (16 hex digits) of a model in memory: configuration, every tensor, and how its tokenizer cuts text."""
    h = hashlib.blake2b(digest_size=8)
    h.update(base.config.to_json_string(use_diff=True).encode())
    for name, tensor in base.state_dict().items():
        h.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        h.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    backend = getattr(tokenizer, "backend_tokenizer", None)
    words = backend.to_str() if backend is not None else repr(sorted(tokenizer.get_vocab().items()))
    special = (tokenizer.bos_token_id, tokenizer.eos_token_id, getattr(tokenizer, "chat_template", None))
    h.update(f"{words} {special}".encode())
    return h.hexdigest()


def _digest_of_files(files: Iterable[Path]) -> str:
    h = hashlib.blake2b(digest_size=8)
    for file in files:
        state = file.stat()
        h.update(f"{file.name} {_digest_of_file(str(file), state.st_size, state.st_mtime_ns)}".encode())
    return h.hexdigest()


@functools.cache
def _digest_of_file(path: str, size: int, changed: int) -> str:
    """Digest of one file; read again only when its size or time of change differ."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
