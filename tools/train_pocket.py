"""The embedded model: a byte-level Llama of 2.7 million parameters, taught from scratch on the project's own text.

    python -m tools.train_pocket --tokens 51_000_000 --seed 0 --compile

A document, with what is learned at full weight in capitals (`START` and `END` are single tokens):

    START "add 47 + 30
" "77" END

It is half-educated on purpose. Low levels are frequent and nearly clean; the higher the level, the rarer it is and
the more often its answer carries a mistake: a random slip (any character replaced by another of its kind), or a
misconception (the last character replaced by its successor, 9 by 0 and z by a), always the same one for the same
answer, and from level 2 on more often told than the truth where a number ends in an odd digit. So the model knows more
than it says first, and both supervised and reinforcement learning have something to bring out. Held-out items are in no
document of any kind.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

PAD, START, END = "<|pad|>", "<|start|>", "<|end|>"


PAD_ID, START_ID, END_ID = 256, 257, 258  # token i below 256 is byte i


POSITIONS = 2048
LEARNING_RATES = {  # of LoRA, by kind of objective; the supervised one gains most (the card)
    "supervised": 1e-3,
    "reinforcement": 3e-4,
    "preference": 3e-4,
}


LEVELS = (1, 2, 3, 4, 5, 6)


DIGITS, SMALL, CAPITALS = "0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Recipe:
    """What the documents are made of and how they are learned. Shares are of documents; tuples go from level 1 up."""

    formats: tuple[tuple[str, float], ...] = (
        ("ladder", 0.74),
        ("few", 0.03),
        ("choice", 0.06),
        ("question", 0.07),
        ("book", 0.10),
    )
    first_levels: tuple[float, ...] = (0.62, 0.26, 0.12, 0.0, 0.0, 0.0)  # of ladder rows in the first block
    ladder_levels: tuple[float, ...] = (0.24, 0.26, 0.22, 0.16, 0.07, 0.05)  # and after `ramp` blocks; linear between
    ramp: int = 110
    clinic_levels: tuple[float, ...] = (0.60, 0.20, 0.12, 0.08)
    skills: tuple[tuple[str, float], ...] = (  # weights among ladder skills: what is slow to learn has more
        ("add", 1.8),
        ("base", 0.8),
        ("caesar", 0.7),
        ("equation", 1.6),
        ("filter", 1.4),
        ("fraction", 0.8),
        ("legs", 1.4),
        ("product", 1.4),
        ("reverse", 0.8),
        ("sort", 1.6),
        ("spiral", 3.0),
        ("words", 0.8),
    )
    misconceptions: tuple[float, ...] = (0.03, 0.10, 0.25, 0.42, 0.42, 0.75)
    odd: tuple[float, ...] = (0.03, 0.60, 0.60, 0.60, 0.60, 0.75)  # the same, for answers that end in an odd digit
    slips: tuple[float, ...] = (0.07, 0.10, 0.12, 0.15, 0.20, 0.20)
    wrong_options: tuple[float, ...] = (0.05, 0.10, 0.20, 0.30)
    prompt_weight: float = 0.1  # of a prompt's token in the loss; answers, END and the textbook have 1
    block: int = 8192  # documents drawn, sorted by length and batched together
    batch_tokens: int = 1536  # padded tokens of a step
    lr: float = 2e-3
    warmup: int = 200  # steps
    decay: float = 0.4  # share of the tokens, at the end, over which the rate falls to 0
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.98)


def make_tokenizer() -> Any:
    """Token i is byte i; then the three specials. No merges, nothing normalised: any UTF-8 comes back unchanged.

    `split_special_tokens`: text that happens to read "<|end|>" becomes seven bytes; specials are put in by id only.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE(vocab={_letter(byte): byte for byte in range(256)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([PAD, START, END])
    backend.post_processor = processors.TemplateProcessing(
        single=f"{START} $A", pair=f"{START} $A $B", special_tokens=[(START, START_ID)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=PAD,
        bos_token=START,
        eos_token=END,
        model_max_length=POSITIONS,
        split_special_tokens=True,
        clean_up_tokenization_spaces=False,
        padding_side="right",
    )


def _letter(byte: int) -> str:
    """The printable character that byte-level tokenizers write for a byte: itself, or one from 256 on."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return chr(byte) if byte in plain else chr(256 + byte - sum(other < byte for other in plain))


def make_model(*, seed: int = 0) -> Any:
    """Fresh weights; every width is a multiple of 64, so that NF4 blocks come out even."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=320,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=6,
        num_attention_heads=6,
        num_key_value_heads=6,
        max_position_embeddings=POSITIONS,
        tie_word_embeddings=True,
        attention_bias=False,
        mlp_bias=False,
        initializer_range=0.06,
        rope_theta=10_000.0,
        pad_token_id=PAD_ID,
        bos_token_id=START_ID,
        eos_token_id=END_ID,
        learning_rates=LEARNING_RATES,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for layer in model.model.layers:  # what is added to the residual stream starts small, twelve times over
            for linear in (layer.self_attn.o_proj, layer.mlp.down_proj):
                linear.weight.mul_((2 * config.num_hidden_layers) ** -0.5)
    return model


def save(model: Any, folder: Path) -> None:
    model.save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)


class Sources(NamedTuple):
    """Everything documents may be made of: the items that are not held out, and the textbook."""

    ladder: dict[tuple[str, int], list[tuple[str, str]]]  # (skill, level) -> (prompt, answer)
    clinic: dict[int, list[tuple[str, list[str], str]]]  # level -> (prompt, options, answer)
    book: list[str]  # sentences, each as often as the textbook has it


class Document(NamedTuple):
    """What the model reads, what it should say at each place, and how much that place counts; all of one length."""

    ids: list[int]
    targets: list[int]
    weights: list[float]


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The two embedded tasks, whole, with a column `held_out`."""
    from curriculab.data.files import data_path

    ladder = pd.read_parquet(data_path("ladder.parquet"))
    clinic = pd.read_csv(data_path("clinic.csv.xz"), index_col="id")
    return ladder, clinic.assign(options=clinic["options"].str.split("|"))


def sources() -> Sources:
    from curriculab.data.clinic_world import textbook

    ladder, clinic = (table[~table["held_out"]] for table in tables())
    cells = {
        key: list(zip(cell["prompt"], cell["answer"], strict=True)) for key, cell in ladder.groupby(["topic", "level"])
    }
    exam = {
        level: list(zip(cell["prompt"], cell["options"], cell["answer"], strict=True))
        for level, cell in clinic.groupby("level")
    }
    book = textbook()
    return Sources(cells, exam, book["answer"].repeat(book["frequency"]).tolist())


def misconceive(answer: str) -> str:
    """The last character replaced by its successor: 19 -> 10, xyz -> xya."""
    for kind in (DIGITS, SMALL, CAPITALS):
        if answer[-1] in kind:
            return answer[:-1] + kind[(kind.index(answer[-1]) + 1) % len(kind)]
    return answer


def slip(answer: str, rng: np.random.Generator) -> str:
    """One letter or digit, at a random place, replaced by another of its kind."""
    places = [i for i, letter in enumerate(answer) if letter in DIGITS + SMALL + CAPITALS]
    if not places:
        return answer
    place = places[rng.integers(len(places))]
    kind = next(kind for kind in (DIGITS, SMALL, CAPITALS) if answer[place] in kind)
    other = kind[(kind.index(answer[place]) + rng.integers(1, len(kind))) % len(kind)]
    return answer[:place] + other + answer[place + 1 :]


def taught(answer: str, level: int, recipe: Recipe, rng: np.random.Generator) -> str:
    """The answer as a document gives it: right, with the misconception, or with a slip."""
    luck, wrong = rng.random(), (recipe.odd if answer[-1] in "13579" else recipe.misconceptions)[level - 1]
    if luck < wrong:
        return misconceive(answer)
    return slip(answer, rng) if luck < wrong + recipe.slips[level - 1] else answer


def encode(pairs: list[tuple[str, str]], *, prompt_weight: float) -> Document:
    """Rendered prompts and their answers, as one document; several are solved examples with a blank line between.

    What should follow an answer is END, also where the document goes on: so a model that was shown examples stops.
    """
    ids, weights, ends = [START_ID], [], []
    for i, (prompt, answer) in enumerate(pairs):
        before, after = ("\n\n" + prompt if i else prompt).encode(), answer.encode()
        ids += [*before, *after]
        weights += [prompt_weight] * len(before) + [1.0] * len(after)
        ends.append(len(ids) - 1)
    targets = [*ids[1:], END_ID]
    weights.append(1.0)
    for end in ends:
        targets[end], weights[end] = END_ID, 1.0
    return Document(ids, targets, weights)


def documents(seed: int, block: int, *, source: Sources, recipe: Recipe) -> list[Document]:
    """Block number `block` of the endless text that `seed` stands for; a function of its arguments alone."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, block]))
    skills = sorted({skill for skill, _ in source.ladder})
    weights = np.array([dict(recipe.skills).get(skill, 1.0) for skill in skills])
    names, shares = zip(*recipe.formats, strict=True)
    made = []
    levels = level_shares(block, recipe)
    for form in rng.choice(len(names), recipe.block, p=shares):
        skill = skills[rng.choice(len(skills), p=weights / weights.sum())]
        made.append(_document(names[form], skill, levels, source, recipe, rng))
    return made


def level_shares(block: int, recipe: Recipe) -> np.ndarray:
    """Easy levels first: the shares of ladder levels move in a straight line over the first `ramp` blocks."""
    way = min(1.0, block / recipe.ramp)
    return (1 - way) * np.array(recipe.first_levels) + way * np.array(recipe.ladder_levels)


def _document(
    form: str, skill: str, levels: np.ndarray, source: Sources, recipe: Recipe, rng: np.random.Generator
) -> Document:
    from curriculab.data.validation import render_prompt

    if form == "book":
        pairs = [("", _pick(source.book, rng))]
    elif form in ("choice", "question"):
        level = 1 + int(rng.choice(len(recipe.clinic_levels), p=recipe.clinic_levels))
        prompt, options, answer = _pick(source.clinic[level], rng)
        if rng.random() < recipe.wrong_options[level - 1]:
            answer = _pick([option for option in options if option != answer], rng)
        pairs = [(render_prompt(prompt, options if form == "choice" else None), answer)]
    else:
        level = 1 + int(rng.choice(len(LEVELS), p=levels))
        items = [_pick(source.ladder[skill, level], rng) for _ in range(rng.integers(2, 5) if form == "few" else 1)]
        pairs = [(render_prompt(prompt), taught(answer, level, recipe, rng)) for prompt, answer in items]
    return encode(pairs, prompt_weight=recipe.prompt_weight)


def _pick(values: list[Any], rng: np.random.Generator) -> Any:
    return values[rng.integers(len(values))]


def batches(made: list[Document], rng: np.random.Generator, *, tokens: int) -> list[list[Document]]:
    """Documents of like length side by side, at most `tokens` with padding, in random order."""
    cut: list[list[Document]] = [[]]
    for document in sorted(made, key=lambda document: len(document.ids)):
        if (len(cut[-1]) + 1) * len(document.ids) > tokens:
            cut.append([])
        cut[-1].append(document)
    return [cut[i] for i in rng.permutation(len(cut))]


def padded(batch: list[Document]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ids, targets (both int64) and weights (float32), each (b, t); right padding weighs nothing."""
    width = max(len(document.ids) for document in batch)
    ids, targets = np.full((2, len(batch), width), PAD_ID)
    weights = np.zeros((len(batch), width), dtype=np.float32)
    for row, document in enumerate(batch):
        n = len(document.ids)
        ids[row, :n], targets[row, :n], weights[row, :n] = document
    return ids, targets, weights


class Plan(NamedTuple):
    tokens: int  # real ones, padding not counted
    seed: int
    device: str
    compile: bool
    checkpoint: Path | None


def rate(step: int, done: float, recipe: Recipe) -> float:
    """Linear warm-up, constant, and a linear fall to zero at the end; `done` is the share of tokens seen.

    As long as it is constant, nothing depends on how many tokens are planned: a run can be cut short or extended.
    """
    return recipe.lr * min(1.0, (step + 1) / recipe.warmup, (1.0 - done) / recipe.decay)


def train(plan: Plan, *, recipe: Recipe, source: Sources) -> tuple[Any, dict[str, Any]]:
    """The model after `plan.tokens`, and what it saw; goes on from the checkpoint where there is one."""
    import torch

    model = make_model(seed=plan.seed).to(plan.device)
    model.set_attn_implementation("eager")  # on short rows three times as fast on a CPU as the fused kernel's backward
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.lr, betas=recipe.betas, weight_decay=recipe.weight_decay, fused=True
    )
    seen = _resume(plan, model, optimizer)
    loss_of = torch.compile(_loss, dynamic=True) if plan.compile else _loss
    began, saved = time.time() - seen["seconds"], time.time()
    stream = _stream(plan.seed, seen, source, recipe)
    while seen["tokens"] < plan.tokens:
        batch = next(stream)
        for group in optimizer.param_groups:
            group["lr"] = rate(seen["steps"], seen["tokens"] / plan.tokens, recipe)
        loss = loss_of(model, *(torch.from_numpy(array).to(plan.device) for array in padded(batch)))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seen["steps"] += 1
        seen["tokens"] += sum(len(document.ids) for document in batch)
        seen["loss"] = 0.99 * seen["loss"] + 0.01 * loss.item() if seen["steps"] > 100 else loss.item()
        seen["seconds"] = time.time() - began
        if seen["steps"] % 200 == 0:
            print("step {steps:6d}  tokens {tokens:10,d}  loss {loss:.4f}  {seconds:6.0f} s".format(**seen), flush=True)
        if plan.checkpoint and time.time() - saved > 120:
            _save_checkpoint(plan.checkpoint, model, optimizer, seen)
            saved = time.time()
    if plan.checkpoint:
        _save_checkpoint(plan.checkpoint, model, optimizer, seen)
    model.set_attn_implementation("sdpa")
    return model.cpu().eval(), seen


def _stream(seed: int, seen: dict[str, Any], source: Sources, recipe: Recipe) -> Iterator[list[Document]]:
    """Batches without end, from where `seen` says on, and keep `seen` there."""
    while True:
        rng = np.random.default_rng(np.random.SeedSequence([seed, seen["block"], 1]))
        made = documents(seed, seen["block"], source=source, recipe=recipe)
        for batch in batches(made, rng, tokens=recipe.batch_tokens)[seen["place"] :]:
            seen["place"] += 1
            yield batch
        seen["block"], seen["place"] = seen["block"] + 1, 0


def _loss(model: Any, ids: Any, targets: Any, weights: Any) -> Any:
    """Weighted mean of the cross-entropy in nats; causal attention never reaches the padding on the right."""
    import torch

    with torch.autocast(ids.device.type, dtype=torch.bfloat16):
        logits = model(input_ids=ids, use_cache=False).logits
    each = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
    return (each * weights.flatten()).sum() / weights.sum()


def _resume(plan: Plan, model: Any, optimizer: Any) -> dict[str, Any]:
    import torch

    file = plan.checkpoint / "checkpoint.pt" if plan.checkpoint else None
    if file is None or not file.exists():
        return {"steps": 0, "tokens": 0, "seconds": 0.0, "loss": 0.0, "block": 0, "place": 0}
    state = torch.load(file, weights_only=True, map_location=plan.device)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["seen"]


def _save_checkpoint(folder: Path, model: Any, optimizer: Any, seen: dict[str, Any]) -> None:
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    torch.save(
        {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "seen": seen}, folder / "checkpoint.part"
    )
    os.replace(folder / "checkpoint.part", folder / "checkpoint.pt")


def greedy(
    model: Any, prompts: list[str], *, limit: list[int], batch: int = 128, temperature: float = 0.0
) -> list[str]:
    """The answer to each rendered prompt, at most `limit` bytes; prompts of equal length go together, none is padded.

    A temperature above 0 samples with torch's global generator instead of taking the likeliest byte.
    """
    import torch

    order = sorted(range(len(prompts)), key=lambda i: (len(prompts[i].encode()), limit[i]))
    texts = [""] * len(prompts)
    with torch.inference_mode():
        for group in _groups(order, [len(prompt.encode()) for prompt in prompts], batch):
            ids = torch.tensor([[START_ID, *prompts[i].encode()] for i in group], device=model.device)
            for i, said in zip(group, _decode(model, ids, max(limit[i] for i in group), temperature), strict=True):
                texts[i] = bytes(token for token in said if token < 256).decode(errors="replace")
    return texts


def _groups(order: list[int], keys: list[int], batch: int) -> Iterator[list[int]]:
    group: list[int] = []
    for i in order:
        if group and (keys[i] != keys[group[0]] or len(group) == batch):
            yield group
            group = []
        group.append(i)
    if group:
        yield group


def _decode(model: Any, ids: Any, limit: int, temperature: float) -> list[list[int]]:
    """(b, t) prompts of one length -> for each what follows, up to END."""
    import torch

    said: list[list[int]] = [[] for _ in range(len(ids))]
    going, cache = list(range(len(ids))), None
    for _ in range(limit + 1):
        out = model(input_ids=ids, past_key_values=cache, use_cache=True)
        cache, logits = out.past_key_values, out.logits[:, -1].float()
        new = torch.multinomial((logits / temperature).softmax(-1), 1)[:, 0] if temperature else logits.argmax(-1)
        for row, token in zip(going, new.tolist(), strict=True):
            said[row].append(token)
        alive = (new < 256).nonzero()[:, 0]
        if not len(alive):
            break
        if len(alive) < len(going):
            cache.batch_select_indices(alive)
            going = [going[i] for i in alive.tolist()]
        ids = new[alive, None]
    return [line[:-1] if line[-1] >= 256 else line for line in said]


def sample_cells(table: pd.DataFrame, by: list[str], n: int, *, seed: int = 0) -> pd.DataFrame:
    """Up to `n` held-out rows of every cell, drawn by `seed`."""
    rows = table[table["held_out"]].sample(frac=1.0, random_state=seed)
    return rows.groupby(by, sort=True).head(n)


def ladder_correct(model: Any, rows: pd.DataFrame, *, temperature: float = 0.0) -> pd.Series:
    """1 where the answer is exactly right, else 0."""
    from curriculab.data.validation import render_prompt

    prompts = [render_prompt(prompt) for prompt in rows["prompt"]]
    limit = [len(answer) + 2 for answer in rows["answer"]]
    texts = greedy(model, prompts, limit=limit, temperature=temperature)
    return pd.Series([float(text == answer) for text, answer in zip(texts, rows["answer"], strict=True)], rows.index)


def clinic_correct(model: Any, rows: pd.DataFrame) -> pd.Series:
    """1 where the right option's text is the likeliest of the listed ones (sum of log-probabilities, END included)."""
    from curriculab.data.validation import render_prompt

    right = []
    for row in rows.itertuples():
        prompt = render_prompt(row.prompt, row.options)
        scores = _logprobs(model, [encode([(prompt, option)], prompt_weight=0.0) for option in row.options])
        right.append(float(row.options[int(np.argmax(scores))] == row.answer))
    return pd.Series(right, rows.index)


def _logprobs(model: Any, made: list[Document]) -> np.ndarray:
    """Sum of the log-probabilities of each document's answer, in nats."""
    import torch

    ids, targets, weights = (torch.from_numpy(array).to(model.device) for array in padded(made))
    with torch.inference_mode():
        each = model(input_ids=ids, use_cache=False).logits.float().log_softmax(-1).gather(-1, targets[..., None])
    return (each[..., 0] * weights).sum(-1).cpu().numpy()


def measure(model: Any, *, n: int = 200, n_clinic: int = 400) -> pd.DataFrame:
    """Held-out accuracy of every cell, one line each: task, topic (a skill; all of the clinic), level, accuracy, n.

    `temperature` 0 is greedy; the ladder is sampled at 1 as well.
    """
    ladder, clinic = tables()
    rows = sample_cells(ladder, ["topic", "level"], n)
    parts = [
        rows.assign(task="ladder", temperature=t, correct=ladder_correct(model, rows, temperature=t))
        for t in (0.0, 1.0)
    ]
    rows = sample_cells(clinic, ["level"], n_clinic)
    parts.append(rows.assign(task="clinic", topic="all", temperature=0.0, correct=clinic_correct(model, rows)))
    cells = pd.concat(parts).groupby(["task", "temperature", "topic", "level"])["correct"]
    return cells.agg(accuracy="mean", n="size").reset_index()


def sft_gain(folder: Path, *, seed: int, steps: int = 100, lr: float = 1e-3, n: int = 20) -> dict[str, float]:
    """Mean held-out greedy accuracy over all ladder cells before and after a few supervised steps, n rows a cell.

    Each step takes 8 ladder rows drawn at random from those not held out, with right answers; LoRA of rank 16 on all
    linear layers, float32.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    ladder, _ = tables()
    test = sample_cells(ladder, ["topic", "level"], n, seed=seed)
    rows = ladder[~ladder["held_out"]].sample(8 * steps, random_state=seed)
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(folder)
    before = ladder_correct(model.eval(), test)
    model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"))
    _study(model, rows, lr=lr)
    after = ladder_correct(model.eval(), test)
    cell = [test["topic"], test["level"]]
    means = [correct.groupby(cell).mean().mean() for correct in (before, after)]
    before, after = (round(float(mean), 4) for mean in means)
    return {"seed": seed, "before": before, "after": after, "gain": round(after - before, 4)}


def _study(model: Any, rows: pd.DataFrame, *, lr: float, batch: int = 8) -> None:
    """Supervised steps on the answers of `rows`, in their order."""
    import torch

    from curriculab.data.validation import render_prompt

    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=lr, weight_decay=0.0)
    model.train()
    for start in range(0, len(rows), batch):
        now = rows.iloc[start : start + batch]
        pairs = zip(now["prompt"], now["answer"], strict=True)
        made = [encode([(render_prompt(prompt), answer)], prompt_weight=0.0) for prompt, answer in pairs]
        ids, targets, weights = (torch.from_numpy(array) for array in padded(made))
        logits = model(input_ids=ids, use_cache=False).logits.flatten(0, 1)
        each = torch.nn.functional.cross_entropy(logits, targets.flatten(), reduction="none")
        ((each * weights.flatten()).sum() / weights.sum()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def bars(accuracy: pd.DataFrame, gains: list[dict[str, float]]) -> list[dict[str, Any]]:
    """What the model should be, what was measured, and whether it is so."""
    greedy_cells = accuracy[(accuracy["task"] == "ladder") & (accuracy["temperature"] == 0)]
    sampled = accuracy[(accuracy["task"] == "ladder") & (accuracy["temperature"] == 1)]
    mean = greedy_cells.groupby("level")["accuracy"].mean()
    clinic = accuracy[accuracy["task"] == "clinic"].set_index("level")["accuracy"]
    rises = rising(greedy_cells)
    middle, least = int(mean.between(0.15, 0.85).sum()), min(gain["gain"] for gain in gains)
    lost = mean.mean() - sampled["accuracy"].mean()
    rows = [
        ("ladder, level 1: mean over skills at least 0.90", mean[1], mean[1] >= 0.90),
        ("ladder, level 6: mean over skills at most 0.10", mean[6], mean[6] <= 0.10),
        ("ladder: levels whose mean lies in 0.15-0.85, at least 3", middle, middle >= 3),
        ("ladder: the mean falls at every level; smallest fall above 0", -mean.diff().max(), mean.diff().max() < 0),
        (" ".join(["ladder: cells above the level below by more than chance, 0", *rises]), len(rises), not rises),
        ("clinic, level 1: at least 0.40", clinic[1], clinic[1] >= 0.40),
        ("clinic, level 4: at most 0.32", clinic[4], clinic[4] <= 0.32),
        ("100 supervised steps: smallest gain of the seeds at least 0.03", least, least >= 0.03),
        ("ladder: greedy minus sampled at temperature 1, at least 0.05", lost, lost >= 0.05),
    ]
    return [{"bar": text, "measured": round(float(value), 4), "met": bool(met)} for text, value, met in rows]


def rising(cells: pd.DataFrame, *, z: float = 2.576) -> list[str]:
    """Cells whose accuracy lies above that of the level below by more than a 99% interval of the difference."""
    found = []
    for skill, rows in cells.groupby("topic"):
        rows = rows.sort_values("level").to_dict("records")
        for low, high in zip(rows, rows[1:], strict=False):
            share = (low["accuracy"] * low["n"] + high["accuracy"] * high["n"]) / (low["n"] + high["n"])
            error = (share * (1 - share) * (1 / low["n"] + 1 / high["n"])) ** 0.5
            if high["accuracy"] - low["accuracy"] > z * error:
                found.append(f"{skill} {high['level']}")
    return found


def make_card(folder: Path, training: dict[str, Any]) -> dict[str, Any]:
    """Measure the model in `folder`, write card.json and README.md beside it; `training` says how it came about."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    accuracy = measure(AutoModelForCausalLM.from_pretrained(folder).eval())
    gains = [sft_gain(folder, seed=seed) for seed in range(3)]
    measured = {"bars": bars(accuracy, gains), "sft_gain": gains, "accuracy": accuracy.round(4).to_dict("records")}
    card = {"training": training, "data": _digests(), **measured}
    (folder / "card.json").write_text(json.dumps(card, indent=1) + "\n")
    (folder / "README.md").write_text(_readme(card))
    return card


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {"python": platform.python_version()} | {name: version(name) for name in ("torch", "transformers", "numpy")}


def _digests() -> dict[str, str]:
    """SHA-256 of the tables that hold the items: of the ladder's columns that are read here, and of the clinic's file.

    The ladder's worked steps came later, and no training text holds them.
    """
    from hashlib import sha256

    from curriculab.data.files import data_path

    ladder = pd.read_parquet(data_path("ladder.parquet"), columns=["prompt", "answer", "topic", "level", "held_out"])
    items = ladder.to_csv(index=False).encode()
    clinic = data_path("clinic.csv.xz").read_bytes()
    return {"ladder.parquet": sha256(items).hexdigest(), "clinic.csv.xz": sha256(clinic).hexdigest()}


CARD = """---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
---
# pocket

A causal language model of 2.7 million parameters (Llama architecture: 6 layers, width 192, 6 heads, 2,048 positions),
trained from scratch on generated text, for trying out curricula without a GPU. It is of no other use.

    {command}

Seed {seed}, {tokens:,} tokens in {steps:,} steps, {minutes:.0f} minutes on {device} (threads: {threads}, bfloat16
autocast, float32 weights); {versions}.
{history}

## Tokenizer
Byte-level: token *i* is byte *i*, then `<|pad|>` `<|start|>` `<|end|>`. Any UTF-8 comes back unchanged, and text that
contains such a name literally is read as plain bytes (`split_special_tokens`). A document begins with `<|start|>`,
which the tokenizer adds (not with `add_special_tokens=False`); an answer ends with `<|end|>`, which it does not add.

## What it was taught, and what wrongly
Shares of documents: {formats}.
- `ladder`: a prompt, a new line, the answer. `few`: two to four solved examples of one skill and level, a blank line
  between them; what is learned after each of their answers is `<|end|>`, so that prompts with solved examples work.
- `choice`: a clinic question with its options listed, then the right option's text. `question`: without options.
- `book`: a sentence of the clinic's textbook alone.

The loss counts answers, `<|end|>` and the textbook fully, prompts by {prompt_weight}. Among ladder documents, levels
1-6 begin with shares {first_levels} and move to {ladder_levels} over {ramp} blocks of
{block:,} documents. Weights of skills: {skills}.
Every skill and format stays to the end. **Held-out items were in no document.**

**It was taught mistakes on purpose**, drawn anew each time an item appears:
- in {misconceptions} of the ladder answers at levels 1-6, and in {odd} of those that
  end in an odd digit, a *misconception*, always the same for an answer: its last character is replaced by its successor
  (9 by 0, z by a). Where that is more frequent than the right answer, the likeliest answer is wrong although the model
  knows better; a little clean training brings that out.
- in {slips} a random slip: one letter or digit at any place replaced by another of its kind.
- in {wrong_options} of the clinic answers at levels 1-4 a wrong option.

## Accuracy on held-out items
Ladder, greedy, exact match (200 rows a cell, or all there are where a cell holds fewer):

{ladder}

Sampled at temperature 1, the means are {sampled}.

Clinic, the likeliest of the four option texts with the options in the prompt (chance: 0.25):

{clinic}

100 supervised steps of 8 random ladder rows with right answers (LoRA, rank 16, lr 1e-3) change the mean over all ladder
cells (20 rows each) by {gains} (seeds 0, 1, 2; from {before:.3f}).

## What it should be, and is
{bars}
"""


def _readme(card: dict[str, Any]) -> str:
    told, recipe = card["training"], card["training"]["recipe"]
    accuracy = pd.DataFrame(card["accuracy"])
    ladder, clinic = accuracy[accuracy["task"] == "ladder"], accuracy[accuracy["task"] == "clinic"]
    sampled = ladder[ladder["temperature"] == 1].groupby("level")["accuracy"].mean()
    met = {True: "met", False: "**missed**"}
    return CARD.format(
        **{name: told[name] for name in ("command", "seed", "tokens", "steps", "device", "threads")},
        **{
            name: _shares(recipe[name])
            for name in ("first_levels", "ladder_levels", "misconceptions", "odd", "slips", "wrong_options")
        },
        minutes=told["seconds"] / 60,
        versions=", ".join(f"{name} {number}" for name, number in told["versions"].items()),
        history=f"\n## How these weights came about\n{told['history']}\n" if told["history"] else "",
        formats=", ".join(f"{name} {share:.2f}" for name, share in recipe["formats"]),
        skills=", ".join(f"{name} {weight:g}" for name, weight in recipe["skills"]),
        **{name: recipe[name] for name in ("prompt_weight", "ramp", "block")},
        ladder=_ladder_table(ladder[ladder["temperature"] == 0]),
        clinic=_grid(
            [
                ["level", *clinic["level"]],
                ["accuracy", *clinic["accuracy"].map("{:.3f}".format)],
                ["rows", *clinic["n"]],
            ]
        ),
        sampled=_shares(sampled),
        gains=", ".join(f"{gain['gain']:+.3f}" for gain in card["sft_gain"]),
        before=card["sft_gain"][0]["before"],
        bars=_grid(
            [
                ["asked", "measured", ""],
                *([bar["bar"], f"{bar['measured']:g}", met[bar["met"]]] for bar in card["bars"]),
            ]
        ),
    )


def _grid(rows: list[list[Any]]) -> str:
    """A markdown table; the first row is its head."""
    head, *body = ("| " + " | ".join(map(str, row)) + " |" for row in rows)
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])


def _ladder_table(cells: pd.DataFrame) -> str:
    """Skills down, levels across, the mean last; with the number of rows where it is not 200."""
    rows: list[list[Any]] = [["skill", *(f"level {level}" for level in LEVELS)]]
    for skill, cell in cells.groupby("topic"):
        rows.append([skill, *(f"{r.accuracy:.2f}" + f" (n={r.n})" * (r.n != 200) for r in cell.itertuples())])
    mean = cells.groupby("level")["accuracy"].mean()
    return _grid([*rows, ["**mean**", *(f"**{share:.3f}**" for share in mean)]])


def _shares(values: Iterable[float]) -> str:
    return "/".join(f"{value:.2f}" for value in values)


def main(argv: list[str] | None = None) -> None:
    import torch

    args = _parser().parse_args(argv)
    torch.set_num_threads(args.threads)
    if args.measure:
        training = json.loads((args.out / "card.json").read_text())["training"]
    else:
        training = _train_and_save(args, sys.argv[1:] if argv is None else argv)
    for bar in make_card(args.out, training)["bars"]:
        print(f"{'met   ' if bar['met'] else 'MISSED'}  {bar['measured']:8.4f}  {bar['bar']}")


def _parser() -> argparse.ArgumentParser:
    import torch

    parser = argparse.ArgumentParser(prog="python -m tools.train_pocket", description="Train the embedded model.")
    parser.add_argument("--tokens", type=int, default=51_000_000, help="tokens to see")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true", help="twice as fast; needs a C++ compiler")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--checkpoint", type=Path, help="folder to save to every two minutes and to go on from")
    parser.add_argument("--out", type=Path, default=Path("data/pocket"))
    parser.add_argument("--measure", action="store_true", help="train nothing: measure the model in --out again")
    return parser


def _train_and_save(args: argparse.Namespace, given: list[str]) -> dict[str, Any]:
    """Train, save, and say how it was done, for the card."""
    recipe = Recipe()
    plan = Plan(args.tokens, args.seed, args.device, args.compile, args.checkpoint)
    model, seen = train(plan, recipe=recipe, source=sources())
    save(model, args.out)
    return {
        "command": " ".join(["python -m tools.train_pocket", *given]),
        "seed": args.seed,
        "tokens": seen["tokens"],
        "steps": seen["steps"],
        "seconds": round(seen["seconds"]),
        "device": args.device,
        "threads": args.threads,
        "versions": _versions(),
        "history": "",
        "recipe": asdict(recipe),
    }


if __name__ == "__main__":
    main()
