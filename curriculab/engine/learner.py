"""Answers requests with a real model: every variant and seed owns adapters by role, all on one frozen base."""

from __future__ import annotations

import json
import os
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import safe_open

from curriculab.engine.adapter import Adapter, blend
from curriculab.engine.generation import CACHE_TOKENS, Prompt, Written, write
from curriculab.engine.model import MIB, Model, place
from curriculab.engine.packing import MICRO_BATCH
from curriculab.engine.scoring import score
from curriculab.engine.training import train_steps
from curriculab.objectives.objective import Objective
from curriculab.objectives.registry import resolve
from curriculab.protocol import Answer, Ask, Copy, Owner, Piece, Sample, Score, Train
from curriculab.rewards import verify_rows

COMPUTING = threading.RLock()  # models are shared in a process; a bench in the background and a cell take turns


SMALLEST = 64  # tokens in one forward: less is no use, the memory is spent elsewhere


def memory_line(model: Model, adapters: int, tokens: int) -> str:
    """What a step takes, as predicted and as measured, in one line. tokens: of a forward and backward."""
    parts = model.memory(tokens)
    predicted = parts.weights + adapters * parts.adapter + parts.activations
    what = f"weights {parts.weights:.1f}, {adapters} adapters {adapters * parts.adapter:.1f}, {tokens:,} tokens"
    if model.device.type == "cuda":
        measured = f"{torch.cuda.max_memory_allocated(model.device) / MIB:,.0f} MiB measured on the device"
    else:
        pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else 0
        measured = f"{pages * os.sysconf('SC_PAGE_SIZE') / MIB:,.0f} MiB resident in this process, torch and all"
    return f"memory: {predicted:,.1f} MiB predicted ({what} {parts.activations:.1f}), {measured}"


@dataclass(eq=False)
class ModelLearner:
    """A model with one dictionary of adapters per (variant, seed).

    objectives: the bench's setting of each objective, the first being the default; others: read-only models by role;
    micro_batch: tokens in one forward.
    """

    model: Model
    objectives: Mapping[str, Objective]
    others: Mapping[str, Model] = field(default_factory=dict)
    temperature: float = 1.0
    max_new_tokens: int = 64
    micro_batch: int = MICRO_BATCH

    def __post_init__(self) -> None:
        self.adapters: dict[Owner, dict[str, Adapter]] = {}
        self.initial: dict[int, Adapter] = {}
        self.halvings: list[int] = []  # tokens in one forward from then on, after the device ran out of memory

    # -- roles ------------------------------------------------------------------------------------------------------
    def setting(self, request: Train) -> Objective:
        """The objective a Train is answered with."""
        return resolve(self.objectives, request.objective).fitted(self.model.learning_rates, self.max_new_tokens)

    def init(self, seed: int) -> Adapter:
        if seed not in self.initial:
            self.initial[seed] = self.model.adapter(seed)
        return self.initial[seed]

    def role(self, ask: Ask, name: str) -> tuple[Model, Adapter | None]:
        """Which model and adapter a role means; only "learner" needs no making."""
        if name in self.others:
            return self.others[name], None
        if name == "base":
            return self.model, None
        if name == "init":
            return self.model, self.init(ask.owner[1])
        own = self.adapters.setdefault(ask.owner, {})
        if name not in own and name != "learner":
            known = ", ".join(sorted({*own, *self.others, "learner", "init", "base"}))
            raise ValueError(f"no adapter {name!r} yet; there are {known}; make it with Copy('init', to={name!r})")
        if name not in own:
            own[name] = self.init(ask.owner[1]).copy()
        return self.model, own[name]

    # -- owners ------------------------------------------------------------------------------------------------
    def start(self, owners: Sequence[Owner]) -> None:
        """Let these owners begin anew, at the initial adapter of their seed."""
        for owner in owners:
            self.adapters.pop(owner, None)

    def fork(self, parent: Owner, child: Owner, folder: Path | None = None) -> None:
        """Let `child` begin with the adapters that `parent` has now, or had in the checkpoint `folder`."""
        then = self.adapters if folder is None else self.read(folder)
        own = then.get(parent, {})
        self.adapters.setdefault(child, {role: adapter.copy() for role, adapter in own.items()})

    def export(self, owner: Owner, folder: Path) -> None:
        """Write the learner's adapter in PEFT's format."""
        adapter = self.adapters.get(owner, {}).get("learner") or self.init(owner[1])
        self.model.save_adapter(adapter, folder)

    def limit(self, tokens: int) -> None:
        """Put at most so many tokens into one forward."""
        self.micro_batch = tokens

    def drain_halvings(self) -> list[int]:
        """Tokens in one forward after each time that the device ran out of memory, since this was last asked."""
        found, self.halvings = self.halvings, []
        return found

    def save(self, folder: Path) -> None:
        """Write every adapter with its optimiser's state, not the base, as `adapters.safetensors`."""
        from safetensors.torch import save_file

        named = {
            json.dumps([*owner, role, name]): tensor.contiguous().cpu().clone()
            for owner, own in self.adapters.items()
            for role, adapter in own.items()
            for name, tensor in adapter.state().items()
        }
        save_file(named, folder / "adapters.safetensors", metadata={"micro_batch": str(self.micro_batch)})

    def load(self, folder: Path) -> None:
        """Take every adapter as `save` wrote it."""
        self.adapters = self.read(folder)
        with safe_open(folder / "adapters.safetensors", "pt") as file:
            self.micro_batch = int(file.metadata()["micro_batch"])

    def read(self, folder: Path) -> dict[tuple[str, int], dict[str, Adapter]]:
        """The adapters of a checkpoint, by (variant, seed) and role."""
        states: dict[tuple[str, int, str], dict[str, torch.Tensor]] = {}
        with safe_open(folder / "adapters.safetensors", "pt") as file:
            for key in file.keys():  # noqa: SIM118, it is no dictionary
                variant, seed, role, name = json.loads(key)
                copied = file.get_tensor(key).clone()  # else it would stay a window on the file
                states.setdefault((variant, seed, role), {})[name] = copied
        found: dict[tuple[str, int], dict[str, Adapter]] = {}
        for (variant, seed, role), state in states.items():
            if state["weights"].shape != (self.model.layout.size,):
                raise ValueError(f"{folder} holds adapters of another shape than {self.model!r}")
            made = Adapter.from_state(self.model.layout, state, self.model.device)
            found.setdefault((variant, seed), {})[role] = made
        return found

    # -- answering ---------------------------------------------------------------------------------------------------
    def answer(self, asks: Sequence[Ask]) -> list[Answer | Exception]:
        """One Answer per ask; a ask that cannot be answered gets its exception, the others their answers."""
        kind = type(asks[0].request)
        with COMPUTING:
            if kind is Train:
                return self._train(asks)
            how = {Score: self._score, Sample: self._sample, Copy: self._copy}[kind]
            return self._fitting(lambda: self._together(how, asks))

    def _fitting(self, how: Callable[[], list]) -> list:
        """What `how` gives; when the device runs out of memory, again with half the tokens in one forward."""
        while True:
            try:
                return how()
            except torch.OutOfMemoryError as error:
                if self.micro_batch <= SMALLEST:
                    raise MemoryError(
                        f"the device has no room for a forward of {self.micro_batch} tokens beside "
                        f"{sum(map(len, self.adapters.values()))} adapters; free memory on it, or train fewer variants "
                        "and seeds at once: asked again, a bench with a store goes on from its last checkpoint"
                    ) from error
                for own in self.adapters.values():
                    for adapter in own.values():
                        adapter.clear()
                self.micro_batch //= 2
                self.halvings.append(self.micro_batch)
                why = str(error).partition("\n")[0]
                warnings.warn(f"{why}; from here on {self.micro_batch} tokens in one forward", stacklevel=2)
            if self.model.device.type == "cuda":
                torch.cuda.empty_cache()

    def _together(self, how: Callable[[Sequence], list], asked: Sequence) -> list[Answer | Exception]:
        """Answer all in one call; if one of them is bad, each by itself. Nothing is changed before all were read."""
        try:
            return how(asked)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            if len(asked) == 1:
                return [error]
            return [one for each in asked for one in self._together(how, [each])]

    def _train(self, asks: Sequence[Ask]) -> list[Answer | Exception]:
        """Tickets of different adapters share forwards; a second step of the same adapter waits for the first."""
        answers: list[Answer | Exception | None] = [None] * len(asks)
        waiting = list(range(len(asks)))
        while waiting:
            wave: dict[tuple, int] = {}
            for i in waiting:
                wave.setdefault((*asks[i].owner, asks[i].request.role), i)
            found = self._fitting(lambda wave=wave: self._together(self._step, [asks[i] for i in wave.values()]))
            for i, answer in zip(wave.values(), found, strict=True):
                answers[i] = answer
            waiting = [i for i in waiting if answers[i] is None]
        return answers

    def _step(self, asks: Sequence[Ask]) -> list[Answer | Exception]:
        requests = [t.request for t in asks]
        settings = [self.setting(r) for r in requests]
        for request in requests:
            if request.role in (*self.others, "init", "base"):
                raise ValueError(f"the role {request.role!r} is read only; train 'learner' or a role of your own")
        adapters = [self.role(t, r.role)[1] for t, r in zip(asks, requests, strict=True)]
        return train_steps(
            self.model,
            adapters,
            [r.rows for r in requests],
            settings,
            roles=[r.role for r in requests],
            budget=self.micro_batch,
        )

    def _score(self, asks: Sequence[Ask]) -> list[Answer | Exception]:
        answers: dict[int, Answer | Exception] = {}
        kinds: dict[tuple, list[int]] = {}
        for i, t in enumerate(asks):
            model, _ = self.role(t, t.request.role)
            measure = t.request.measure if isinstance(t.request.measure, str) else tuple(t.request.measure)
            kinds.setdefault((id(model), measure, t.request.per), []).append(i)
        for (_, measure, per), members in kinds.items():
            pairs = [self.role(asks[i], asks[i].request.role) for i in members]
            tables = [asks[i].request.rows for i in members]
            found = score(pairs[0][0], [a for _, a in pairs], tables, measure, per, budget=self.micro_batch)
            names = (measure,) if isinstance(measure, str) else measure
            for i, answer in zip(members, found, strict=True):
                answers[i] = self._finite(asks[i], answer, names)
        return [answers[i] for i in range(len(asks))]

    def _finite(self, ask: Ask, answer: Answer, columns: Sequence[str]) -> Answer | Exception:
        """The answer, unless the model said something that is no number: then what, of which row."""
        for name in columns:
            for row, value in zip(answer.reply.index, answer.reply[name].tolist(), strict=True):
                if not np.isfinite(value).all():
                    adapter = self.role(ask, ask.request.role)[1]
                    after = f" after {adapter.steps} steps of {ask.request.role!r}" if adapter else ""
                    return FloatingPointError(
                        f"the {name} of row {row!r} is not finite{after}; lower lr, or look at the rows trained before"
                    )
        return answer

    def _sample(self, asks: Sequence[Ask]) -> list[Answer | Exception]:
        models: dict[int, list[int]] = {}
        for i, t in enumerate(asks):
            models.setdefault(id(self.role(t, t.request.role)[0]), []).append(i)
        answers: dict[int, Answer | Exception] = {}
        for members in models.values():
            model = self.role(asks[members[0]], asks[members[0]].request.role)[0]
            asked = [self._prompts(model, asks[i]) for i in members]
            places = int(CACHE_TOKENS[model.device.type] * self.micro_batch / MICRO_BATCH)
            written = iter(write(model, [p for prompts in asked for p in prompts], cache_tokens=places))
            for i, prompts in zip(members, asked, strict=True):
                answers[i] = self._answered(model, asks[i], prompts, [next(written) for _ in prompts])
                answers[i] = self._finite(asks[i], answers[i], ("logprob", "entropy"))
        return [answers[i] for i in range(len(asks))]

    def _prompts(self, model: Model, ask: Ask) -> list[Prompt]:
        request, rows = ask.request, ask.request.rows
        _, adapter = self.role(ask, request.role)
        n = np.broadcast_to(np.asarray(request.n, dtype=int), len(rows))
        heat = self.temperature if request.temperature is None else request.temperature
        heat = np.broadcast_to(np.asarray(heat, dtype=float), len(rows))
        most = request.max_new_tokens or self.max_new_tokens
        options = rows["options"] if "options" in rows else [None] * len(rows)
        turns = [t if isinstance(t, tuple) else () for t in rows["turns"]] if "turns" in rows else [()] * len(rows)
        prompts = []
        for at, (prompt, choice, said) in enumerate(zip(rows["prompt"], options, turns, strict=True)):
            tokens = np.concatenate([model.prompt(prompt, choice), *map(model.piece, said)])
            room = min(most, model.positions - len(tokens))
            prompts.append(
                Prompt(tokens, adapter, int(n[at]), float(heat[at]), room, tuple(request.stop), (*ask.stream, at))
            )
        model.refuse_too_long(rows.index, np.array([len(p.tokens) + 1 for p in prompts]), "Sample")
        return prompts

    def _answered(self, model: Model, ask: Ask, prompts: list[Prompt], written: list[list[Written]]) -> Answer:
        """The reply to a Sample: one line per answer."""
        rows = ask.request.rows
        counts = [len(w) for w in written]
        flat = [a for w in written for a in w]
        lines = rows.iloc[np.repeat(np.arange(len(rows)), counts)]
        first = ask.first_number
        text = [self._text(model, a) for a in flat]
        said = [t if isinstance(t, tuple) else () for t in lines["turns"]] if "turns" in lines else [()] * len(lines)
        behind = [place(ask.request.role, p.tokens) for p in prompts]
        pieces = [
            (
                *before,
                Piece(
                    t,
                    learn=True,
                    end=a.ended == "eos",
                    tokens=tuple(a.tokens),
                    logprobs=tuple(a.logprobs),
                    temperature=prompts[row].temperature,
                    behind=behind[row],
                    sample=first + line,
                ),
            )
            for line, (before, t, a, row) in enumerate(
                zip(said, text, flat, np.repeat(np.arange(len(rows)), counts), strict=True)
            )
        ]
        goes_on = "group" in lines and "turns" in lines
        group = lines["group"] if goes_on else np.repeat(np.arange(first, first + len(rows)), counts)
        correct = verify_rows(lines, text)
        reply = lines.assign(
            turns=pd.Series(pieces, index=lines.index, dtype=object),
            text=text,
            ended=[a.ended for a in flat],
            length=[len(a.tokens) for a in flat],
            logprob=[float(np.sum(a.logprobs)) for a in flat],
            entropy=[float(np.mean(a.entropies)) for a in flat],
            group=group,
            correct=correct,
            reward=correct,
        )
        generated = sum(len(a.tokens) for a in flat)
        return Answer(reply, sum(len(p.tokens) for p in prompts) + generated, rollouts=len(flat), generated=generated)

    @staticmethod
    def _text(model: Model, answer: Written) -> str:
        tokens = answer.tokens[:-1] if answer.ended == "eos" else answer.tokens
        return model.tokenizer.decode(tokens, skip_special_tokens=True)

    def _copy(self, asks: Sequence[Ask]) -> list[Answer | Exception]:
        """One after the other, for one may read what another made; one that fails leaves the others' alone."""
        answers: list[Answer | Exception] = []
        for ask in asks:
            try:
                self._copied(ask)
                answers.append(Answer(None))
            except ValueError as error:
                answers.append(error)
        return answers

    def _copied(self, ask: Ask) -> None:
        request = ask.request
        if request.to in ("init", "base", *self.others):
            to = request.to
            raise ValueError(f"Copy(to={to!r}): that role never changes; copy to 'learner' or a role of your own")
        own = self.adapters.setdefault(ask.owner, {})
        if isinstance(request.source, str):
            source = self.role(ask, request.source)[1]
            own[request.to] = (source or Adapter.zero(self.model.layout, self.model.device)).copy()
            return
        for name, weight in request.source.items():
            if not isinstance(weight, int | float | np.number) or not np.isfinite(weight):
                raise ValueError(f"Copy of a sum with {name!r}: {weight!r}; weights are finite numbers")
        parts = {self.role(ask, name)[1]: w for name, w in request.source.items() if name != "base"}
        own[request.to] = blend(parts) if parts else Adapter.zero(self.model.layout, self.model.device)
