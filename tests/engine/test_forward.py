"""The packed forward against each architecture's own."""

from __future__ import annotations

import pandas as pd
import pytest

from curriculab.engine.loading import load_model


def rows(**columns: object) -> pd.DataFrame:
    table = {"prompt": ["2 + 2", ""], "answer": ["4", "a text to study"], **columns}
    return pd.DataFrame(table, index=pd.Index(["a", "b"], name="id"))


@pytest.mark.parametrize("architecture", ["qwen2", "mistral", "qwen3"])
def test_other_architectures_read_like_their_own_forward(tmp_path, save_tiny, architecture):
    import torch
    import torch.nn.functional as F

    from curriculab.engine.scoring import score

    model = load_model(str(save_tiny(tmp_path / architecture, architecture)), bits=32)
    found = score(model, [None], [rows()], "nll", "row")[0].reply["nll"]
    for text, ours in zip(model.encode(rows()), found, strict=True):
        ids = torch.tensor(text.tokens)[None]
        with torch.no_grad():
            model.base.set_attn_implementation("eager")
            logits = model.base(input_ids=ids).logits[0]
            model.base.set_attn_implementation("curriculab")
        own = F.cross_entropy(logits[:-1], ids[0, 1:], reduction="none").numpy()[text.learned[1:]].mean()
        assert ours == pytest.approx(own, abs=1e-5)
