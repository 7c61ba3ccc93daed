"""Mean loss of 1,000 rows, against plain transformers loops: padded batches of 32 rows as they come, and single rows.

All sides score the bare base in float32 from tokens at hand. `uniform` rows are texts of 16 to 256 tokens, every length
equally likely, scored from their second token on; `ladder` rows are scored on their answers. `five` are five measures
of the uniform rows (loss, perplexity, two entropies, angle) beside the padded loop that finds their loss only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from benchmarks.measure import Clock, figure, in_turns
from benchmarks.sft import plain_base
from curriculab.data.loading import load_pool
from curriculab.difficulty import survey
from curriculab.engine.loading import load_model
from curriculab.engine.model import Model
from curriculab.engine.scoring import score
from curriculab.engine.texts import Text

SHORTEST, LONGEST = 16, 256  # tokens
BATCH = 32
WARM = 64  # rows scored before the clock starts
SAME_LOSS = 1e-5  # nats a token
FIVE = ("answer_loss", "perplexity", "prefix_entropy", "answer_entropy", "angle_concentration")


def run(
    *, n: int = 1000, repeats: int = 3, nf4: bool = True, say: Callable[[str], None] = print
) -> Iterator[dict[str, object]]:
    """The figures of this family, one by one."""
    pool = load_pool("ladder", n=3000, seed=0)
    ladder = pool.iloc[np.random.default_rng(0).permutation(len(pool))[:n]]
    for bits in (32, 4) if nf4 else (32,):
        model, base = load_model("pocket", bits=bits), plain_base(bits)
        for name, rows in (("score", uniform(pool, n)), ("score_ladder", ladder)):
            say(f"{name}: {n} rows, {bits} bits")
            yield from compare(name, model, base, rows, repeats if bits == 32 else 1)


def uniform(pool: pd.DataFrame, n: int) -> pd.DataFrame:
    """Ladder questions and answers cut to lengths uniform in SHORTEST..LONGEST tokens, start and end included."""
    rng = np.random.default_rng(1)
    lines = [f"{p}\n{a}\n" for p, a in zip(pool.prompt, pool.answer, strict=True) if p.isascii() and a.isascii()]
    texts = []
    for length in rng.integers(SHORTEST, LONGEST + 1, n):
        text = ""
        while len(text) < length:
            text += lines[rng.integers(len(lines))]
        texts.append(text[: length - 2])  # a byte is a token; the start and the end are one each
    return pd.DataFrame({"prompt": "", "answer": texts}, index=[f"text/{i:04d}" for i in range(n)])


def compare(
    name: str, model: Model, base: torch.nn.Module, rows: pd.DataFrame, repeats: int
) -> list[dict[str, object]]:
    texts = model.encode(rows)
    found: dict[str, np.ndarray] = {}
    contestants = {
        "ours": partial(ours, model, rows, found),
        "padded": partial(plain, base, texts, BATCH, model.tokenizer.pad_token_id, found),
    }
    if name == "score":
        contestants["five"] = partial(five, model, rows, found)
    if name == "score" and model.bits == 32:
        contestants["batch1"] = partial(plain, base, texts, 1, model.tokenizer.pad_token_id, found)
    ours(model, rows.iloc[:WARM], {}, Clock())
    plain(base, texts[:WARM], BATCH, model.tokenizer.pad_token_id, {}, Clock())
    clocks = in_turns(contestants, repeats)
    tokens, end = sum(map(len, texts)), "" if model.bits == 32 else "_nf4"
    about = f"{len(rows)} rows, {tokens} tokens, " + ("float32" if model.bits == 32 else "NF4 (not judged)")
    lines = []
    for mine, peer in [("ours", "padded"), ("ours", "batch1"), ("five", "padded")]:
        if mine not in contestants or peer not in contestants:
            continue
        off = float(np.abs(found[mine] - found[str(1 if peer == "batch1" else BATCH)]).max())
        if model.bits == 32 and off > SAME_LOSS:
            raise AssertionError(
                f"{name} against {peer}: losses up to {off:.1e} apart, at most {SAME_LOSS:.0e} is rounding"
            )
        what = f"{name}_five_vs_{peer}{end}" if mine == "five" else f"{name}_vs_{peer}{end}"
        lines.append(
            figure(
                what,
                clocks[mine],
                clocks[peer],
                work=len(rows),
                unit="rows/s",
                note=f"{about}, losses at most {off:.0e} apart",
            )
        )
    return lines


def ours(model: Model, rows: pd.DataFrame, found: dict[str, np.ndarray], clock: Clock) -> None:
    (answer,) = clock.time(lambda: score(model, [None], [rows], "nll", "row"))
    found["ours"] = answer.reply["nll"].to_numpy(float)


def five(model: Model, rows: pd.DataFrame, found: dict[str, np.ndarray], clock: Clock) -> None:
    """Five measures in one call, which asks for one forward."""
    seen = clock.time(lambda: survey(rows, model, FIVE, cache=False))
    if len(seen.ledger) != 1:
        raise AssertionError(f"five measures took {len(seen.ledger)} requests; they share one forward")
    found["five"] = seen.scores["answer_loss"].to_numpy(float)


def plain(
    base: torch.nn.Module, texts: list[Text], batch: int, pad: int, found: dict[str, np.ndarray], clock: Clock
) -> None:
    """The loop one writes with transformers alone; found under its batch size."""
    cuts = [texts[at : at + batch] for at in range(0, len(texts), batch)]
    found[str(batch)] = np.concatenate(clock.time(lambda: [padded_losses(base, cut, pad) for cut in cuts]))


@torch.inference_mode()
def padded_losses(base: torch.nn.Module, texts: list[Text], pad: int) -> np.ndarray:
    """Mean loss of every text's learned tokens (b,), nats, in one right-padded batch."""
    tokens = [torch.as_tensor(t.tokens) for t in texts]
    learned = [torch.as_tensor(t.learned) for t in texts]
    ids = torch.nn.utils.rnn.pad_sequence(tokens, batch_first=True, padding_value=pad)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(t) for t in tokens], batch_first=True)
    wanted = torch.nn.utils.rnn.pad_sequence(learned, batch_first=True)[:, 1:]
    logits = base(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1]
    nll = F.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten(), reduction="none").view(wanted.shape)
    return ((nll * wanted).sum(1) / wanted.sum(1)).numpy()
