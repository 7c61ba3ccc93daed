"""A frozen base model with LoRA layers, its tokenizer, and the backend that answers requests with it.

model = load_model("pocket", bits=4)          # the embedded model; a local folder or a hub id goes the same way
model.memory(batch_tokens=512)                # what weights, one adapter and activations take, in MiB
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from curriculab.engine.adapter import Adapter, Layout
from curriculab.engine.footprint import facts, footprint
from curriculab.engine.limits import MemoryLimits
from curriculab.engine.quantised import Unpacked, keep_unpacked
from curriculab.engine.recipe import Recipe
from curriculab.engine.texts import Text, TextEncoder, text_encoder
from curriculab.protocol import Backend, Owner, Rows
from curriculab.registry.names import also_named
from curriculab.runs.display import as_html

if TYPE_CHECKING:
    from curriculab.objectives.objective import Objective


UNLIMITED = 2**20  # tokens; of a model that names no longest text


def longest_text(config: object, tokenizer: object) -> int:
    """The longest text that a model takes, tokens, by the names that configurations give it; a model whose positions
    have no end (ALiBi) takes what its tokenizer says, at most `UNLIMITED`."""
    config = config.get_text_config(decoder=True)
    for name in ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"):
        if isinstance(found := getattr(config, name, None), int):
            return int(found * _stretch(config))
    return min(int(getattr(tokenizer, "model_max_length", None) or UNLIMITED), UNLIMITED)


def _stretch(config: object) -> float:
    """How many times its `max_position_embeddings` a model with dynamic rotary positions takes."""
    rope = getattr(config, "rope_parameters", None) or {}
    return float(rope.get("factor") or 1) if rope.get("rope_type") == "dynamic" else 1.0


def rope_border(config: object) -> int | None:
    """The longest text, tokens, that rotary positions turn alike in: beyond it "longrope" takes other factors and
    "dynamic" others for each length, so that a longer row cannot share a forward; None where there is no such length.
    """
    config = config.get_text_config(decoder=True)
    rope = getattr(config, "rope_parameters", None) or {}
    kind = rope.get("rope_type")
    if kind == "dynamic":
        return int(config.max_position_embeddings)
    if kind == "longrope":
        own = getattr(config, "original_max_position_embeddings", None)
        return int(rope.get("original_max_position_embeddings") or own or config.max_position_embeddings)
    return None


@dataclass(eq=False)
class Model:
    """A frozen base with LoRA layers, its tokenizer, and the layout that all its adapters share.

    `load_model` makes it: `recipe` says how it was loaded, `peft` is the PEFT model around the base, `contents` digests
    its files or tensors (of a model on the hub: the commit), `backend_class` makes what answers requests with it.
    `packed` says whether rows go through one forward behind each other; else the model reads one row at a time.
    `apart` is what the check at load found: how far the two forwards are from each other, nats. `own_attention` names
    the attention that the base was loaded with.

    Examples
    --------
    >>> model, pool = cl.load_model("pocket", bits=32, device="cpu"), cl.load_pool("ladder", n=40, seed=0)
    >>> model.name, model.bits, model.chat, model.device.type, model.positions, model.learning_rates["supervised"]
    ('pocket', 32, False, 'cpu', 2048, 0.001)
    >>> len(model.tokens("2 + 2")), len(model.prompt("2 + 2"))
    (5, 7)
    >>> [len(text) for text in model.encode(pool.iloc[:2])] == list(model.lengths(pool.iloc[:2]))
    True
    >>> model.refuse_too_long(pool.index, model.lengths(pool).to_numpy(), "Train")  # all of them fit
    >>> model.base.num_parameters() > 2_500_000, list(model.memory().index)
    (True, ['weights', 'adapter', 'activations'])
    >>> adapter = model.load_adapter(model.save_adapter(model.adapter(seed=0), "adapter"))
    >>> model.record()["digest"] == model.digest()
    True
    """

    recipe: Recipe
    peft: torch.nn.Module
    tokenizer: object
    layout: Layout
    contents: str
    backend_class: Callable[..., Backend]
    packed: bool = True
    apart: float | None = None
    own_attention: str = "eager"
    texts: TextEncoder = field(init=False, repr=False)
    border: int | None = field(init=False, repr=False)  # of rope_border
    unpacked: Unpacked = field(init=False, repr=False)  # weights that are kept out of 4 and 8 bits

    def __post_init__(self) -> None:
        self.border, self.unpacked = rope_border(self.base.config), keep_unpacked(self.base, self.device)
        self.texts = text_encoder(self.tokenizer, self.recipe, self.positions, self.base.generation_config)

    @property
    def name(self) -> str:
        """What `load_model` was given: a name, a path, or where a model in memory says that it comes from."""
        return self.recipe.name

    @property
    def bits(self) -> int:
        """Precision of the frozen weights: 4, 8, 16 or 32."""
        return self.recipe.bits

    @property
    def chat(self) -> bool:
        """Whether rows are rendered through the tokenizer's chat template."""
        return self.recipe.chat

    @property
    def base(self) -> torch.nn.Module:
        """The transformers causal language model inside."""
        return self.peft.get_base_model()

    @property
    def device(self) -> torch.device:
        """Where the base lies."""
        return self.base.get_input_embeddings().weight.device

    @property
    def positions(self) -> int:
        """Longest text the model takes, tokens."""
        return longest_text(self.base.config, self.tokenizer)

    @property
    def learning_rates(self) -> Mapping[str, float]:
        """Learning rates for LoRA by kind of objective ("supervised", "reinforcement", "preference"), as the key
        `learning_rates` of the model's config.json gives them; empty where it gives none."""
        return getattr(self.base.config, "learning_rates", None) or {}

    # -- text to tokens -----------------------------------------------------------------------------------------------
    def tokens(self, text: str) -> np.ndarray:
        """Tokens of plain text, no special ones added or recognised, (t,)."""
        return self.texts.tokens(text)

    def prompt(self, prompt: str, options: Sequence[str] | None = None) -> np.ndarray:
        """Tokens before the answer, (t,): the plain rendering, or the model's chat template when `chat` is on."""
        return self.texts.prompt(prompt, options)

    def encode(self, rows: Rows, *, purpose: str = "Train", role: str | None = None) -> list[Text]:
        """Every row with its `turns` (else its own solution or answer) as tokens; refuses rows that do not fit.

        role: also take along the log-probabilities that this role sampled, just where they stand now.
        """
        return self.texts.encode(rows, purpose=purpose, role=role)

    def lengths(self, rows: Rows, *, answers_only: bool = False) -> pd.Series:
        """Count the tokens of each row with its learned text, prompt and end of text included.

        Parameters
        ----------
        rows : DataFrame
            Rows of a pool, with `prompt` and `answer`.
        answers_only : bool
            Count the learned text with its end alone: the room that it takes to write it.

        Returns
        -------
        Series
            Tokens, by the rows' ids; compare with `model.positions`.
        """
        return self.texts.answer_lengths(rows) if answers_only else self.texts.lengths(rows)

    def refuse_too_long(self, ids: pd.Index, lengths: np.ndarray, purpose: str) -> None:
        """Refuse rows of more tokens than the model takes, by name and number."""
        self.texts.refuse_too_long(ids, lengths, purpose)

    # -- adapters and backend -----------------------------------------------------------------------------------------
    def adapter(self, seed: int) -> Adapter:
        """Make the adapter that every variant of a seed begins with: A uniform as PEFT draws it, B zero."""
        return Adapter.fresh(self.layout, seed=seed, device=self.device)

    def save_adapter(self, adapter: Adapter, folder: str | Path) -> Path:
        """Write one adapter as a folder that plain `peft.PeftModel.from_pretrained` loads."""
        return adapter.save(folder, self.peft.peft_config["default"])

    def load_adapter(self, folder: str | Path) -> Adapter:
        """Read an adapter that `save_adapter` wrote, or a recorded run."""
        return Adapter.load(self.layout, folder, self.device)

    @also_named(others="reference_models")
    def backend(
        self,
        objectives: Mapping[str, Objective] | None = None,
        *,
        reference_models: Mapping[str, Model] | None = None,
        adapters: Mapping[Owner, Mapping[str, Adapter]] | None = None,
        temperature: float = 1.0,
        max_new_tokens: int | None = None,
        limits: MemoryLimits | None = None,
    ) -> Backend:
        """Make a backend that answers requests with this model.

        Parameters
        ----------
        objectives : mapping of str to objective, optional
            Settings by name, the default first, where it shall train.
        reference_models : mapping of str to Model, optional
            Models that are only read, by role.
        adapters : mapping, optional
            Adapters by owner (variant, seed) and role, to begin with.
        temperature : float
            Of answers where a request names none.
        max_new_tokens, limits : int and MemoryLimits, optional
            Room for an answer, tokens, where a request names none (64 if left out); and limits of memory.

        Returns
        -------
        Backend

        Examples
        --------
        >>> import curriculab as cl
        >>> from curriculab.protocol import Ask
        >>> model, pool = cl.load_model("pocket", bits=32, device="cpu"), cl.load_pool("ladder", n=40, seed=0)
        >>> request = cl.Score(pool.iloc[:3], "nll", role="base")
        >>> (answer,) = model.backend().answer([Ask(("", 0), turn=1, place=0, stream=(0,), request=request)])
        >>> answer.reply.shape
        (3, 1)
        """
        given = {k: v for k, v in (("max_new_tokens", max_new_tokens), ("limits", limits)) if v is not None}
        backend = self.backend_class(self, objectives or {}, reference_models or {}, temperature, **given)
        for owner, own in (adapters or {}).items():
            backend.adapters[owner] = dict(own)
        return backend

    # -- what it takes, and what it is --------------------------------------------------------------------------------
    def memory(self, batch_tokens: int = 512) -> pd.Series:
        """Estimate what the parts take, MiB.

        Parameters
        ----------
        batch_tokens : int
            Tokens of one training forward.

        Returns
        -------
        Series
            MiB of the frozen `weights`, one `adapter` while it is trained (16 bytes a parameter), and `activations` of
            a training forward, from the layers' widths; on CUDA also what is `allocated` now and `free`.
        """
        return footprint(self.base, self.layout, batch_tokens)

    def digest(self) -> str:
        """What decides the numbers of this model: its weights, and all that `load_model` was told (16 hex digits)."""
        decisive = json.dumps([self.contents, self.recipe.decisive()], sort_keys=True)
        return hashlib.blake2b(decisive.encode(), digest_size=8).hexdigest()

    def record(self) -> dict[str, object]:
        """How it was loaded, as plain JSON with its digest: what a spec holds, to load the same model again."""
        return {**self.recipe.record(), "digest": self.digest(), "packed": self.packed, "apart": self.apart}

    def __repr__(self) -> str:
        layout = self.layout
        return (
            f"Model({self.name!r}, {self.bits} bits, LoRA r={layout.rank} on {len(layout.entries)} layers, "
            f"{layout.size / 1e6:.2f}M weights an adapter, {self.device})"
        )

    def _repr_html_(self) -> str:
        lines = {
            "commit" if self.recipe.revision else "digest": self.contents,
            "precision": f"{self.bits} bits, else {self.recipe.dtype}, on {self.device}",
            **facts(self.layout),
            "longest text": f"{self.positions:,} tokens",
        }
        return as_html(f"Model {self.name}", pd.Series(lines).to_frame(""))
