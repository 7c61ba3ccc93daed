"""What the tests of loading share: rows to read, a model in memory, and the line of a refusal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from curriculab.engine.adapter import Adapter
from curriculab.engine.loading import load_model
from curriculab.engine.model import Model
from curriculab.engine.scoring import score

ROWS = pd.DataFrame(
    {"prompt": ["2 + 2", "a much longer prompt", "2 + 2"], "answer": ["4", "a text to study", "5"]},
    index=pd.Index(["a", "b", "c"], name="id"),
)


def loss(model: Model, adapter: Adapter | None = None) -> np.ndarray:
    """Mean nats a learned token of each of ROWS, (3,)."""
    return score(model, [adapter], [ROWS], "nll", "row")[0].reply["nll"].to_numpy()


def in_memory(folder: Path) -> tuple[torch.nn.Module, object]:
    """The model and the tokenizer of a folder."""
    return AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


def refused(**call: object) -> str:
    """The one line that this call of load_model is refused with."""
    with pytest.raises(ValueError) as caught:
        load_model(**call)
    assert "\n" not in str(caught.value)
    return str(caught.value)
