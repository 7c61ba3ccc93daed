"""A Sample as prompts for generation, and what was generated as its reply: one line an answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from curriculab.engine.adapter import Adapter
from curriculab.engine.generation import Prompt, Written
from curriculab.engine.model import Model
from curriculab.engine.texts import context_hash
from curriculab.protocol import Answer, Ask, Piece, Rows
from curriculab.rewards import verify_rows
from curriculab.rewards.cutoffs import counting


def prompts_of(
    model: Model, adapter: Adapter | None, ask: Ask, *, temperature: float, max_new_tokens: int
) -> list[Prompt]:
    """One Prompt per row; temperature and max_new_tokens count where the request names none."""
    request, rows = ask.request, ask.request.rows
    n = np.broadcast_to(np.asarray(request.n, dtype=int), len(rows))
    hot = temperature if request.temperature is None else request.temperature
    hot = np.broadcast_to(np.asarray(hot, dtype=float), len(rows))
    most = request.max_completion_length or max_new_tokens
    options = rows["options"] if "options" in rows else [None] * len(rows)
    prompts = []
    for at, (prompt, choice, said) in enumerate(zip(rows["prompt"], options, _turns(rows), strict=True)):
        tokens = model.texts.context(prompt, choice, said)
        room = min(most, model.positions - len(tokens))
        stream = (*ask.stream, at)
        prompts.append(Prompt(tokens, adapter, int(n[at]), float(hot[at]), room, tuple(request.stop), stream))
    model.refuse_too_long(rows.index, np.array([len(p.tokens) + 1 for p in prompts]), "Sample")
    return prompts


def reply_to(model: Model, ask: Ask, prompts: Sequence[Prompt], written: Sequence[Sequence[Written]]) -> Answer:
    """The reply to a Sample: the row of every answer, its text behind the row's turns, its figures, its reward."""
    rows = ask.request.rows
    counts = [len(answers) for answers in written]
    owner = np.repeat(np.arange(len(rows)), counts)  # (answers,), the row of each
    flat = [answer for answers in written for answer in answers]
    lines, first = rows.iloc[owner], ask.first_number
    text = [text_of(model, answer) for answer in flat]
    hashes = [context_hash(ask.request.role, p.tokens) for p in prompts]
    adapter = prompts[0].adapter
    weights = None if adapter is None else adapter.fingerprint()
    turns = []
    for line, (before, row) in enumerate(zip(_turns(lines), owner, strict=True)):
        temperature = prompts[row].temperature
        where = {"temperature": temperature, "context_hash": hashes[row], "sampled_by": weights}
        turns.append((*before, _piece(flat[line], text[line], sample=first + line, **where)))
    continued = "group" in lines and "turns" in lines
    with counting() as cut_off:
        correct = verify_rows(lines, text)
    reply = lines.assign(
        turns=pd.Series(turns, index=lines.index, dtype=object),
        text=text,
        ended=[a.ended for a in flat],
        length=[len(a.tokens) for a in flat],
        logprob=[float(np.sum(a.logprobs)) for a in flat],
        entropy=[float(np.mean(a.entropies)) for a in flat],
        group=lines["group"] if continued else first + owner,
        correct=correct,
        reward=correct,
    )
    generated = sum(len(a.tokens) for a in flat)
    read = np.array([len(p.tokens) for p in prompts])
    cost = {"rollouts": len(flat), "generated": generated, "read": read}
    return Answer(reply, int(read.sum()) + generated, figures=cut_off, **cost)


def text_of(model: Model, answer: Written) -> str:
    """An answer as text, without the end of text."""
    tokens = answer.tokens[:-1] if answer.ended == "eos" else answer.tokens
    return model.tokenizer.decode(tokens, skip_special_tokens=True)


def _piece(answer: Written, text: str, **where: object) -> Piece:
    ended = answer.ended == "eos"
    return Piece(text, learn=True, end=ended, tokens=tuple(answer.tokens), logprobs=tuple(answer.logprobs), **where)


def _turns(rows: Rows) -> list[tuple[Piece, ...]]:
    """What was said behind each row's prompt; nothing where the column holds no turns."""
    if "turns" not in rows:
        return [()] * len(rows)
    return [turns if isinstance(turns, tuple) else () for turns in rows["turns"]]
