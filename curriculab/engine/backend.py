"""A backend with a real model: every variant and seed owns adapters by role, all on one frozen base.

backend = model.backend({"sft": Sft()}, max_new_tokens=8)
reply, = backend.answer([Ask(("easy first", 0), turn=1, place=0, stream=(0, 1, 0), request=Score(rows, "nll"))])
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch

from curriculab.engine.adapter import Adapter
from curriculab.engine.allocator import keep_until_gone
from curriculab.engine.checkpoint import read_adapters, read_limits, write_adapters
from curriculab.engine.footprint import in_bytes
from curriculab.engine.generation import write
from curriculab.engine.gradient_checkpointing import checkpoint_layers
from curriculab.engine.limits import KvCacheBytes, MemoryLimits
from curriculab.engine.memory import cache_bytes_for, tokens_for
from curriculab.engine.model import Model
from curriculab.engine.roles import ModelRoles
from curriculab.engine.sampling import prompts_of, reply_to
from curriculab.engine.scoring import score
from curriculab.engine.training import train_steps
from curriculab.engine.waves import MOST_TOKENS, STRIDE, place_bytes
from curriculab.objectives.objective import Objective
from curriculab.objectives.registry import resolve
from curriculab.protocol import Answer, Ask, Copy, Owner, Sample, Score, Train

COMPUTING = threading.RLock()  # models are shared in a process; a bench in the background and a cell take turns

SMALLEST = 64  # tokens in one forward: less is no use, the memory is spent elsewhere


@dataclass(eq=False)
class ModelBackend:
    """Answers requests with a model.

    objectives: the bench's setting of each objective, the first being the default; reference_models: read-only models
    by role; temperature, max_new_tokens: of a Sample that names none; limits: of memory, as the bench was given them.
    Its state: micro_batch, tokens in one forward, and cache_bytes, of keys and values (None: not found yet).

    Examples
    --------
    >>> from pathlib import Path
    >>> from curriculab.engine import ModelBackend
    >>> from curriculab.protocol import Ask
    >>> model, rows = cl.load_model("pocket", bits=32, device="cpu"), cl.load_pool("ladder", n=4, seed=0)
    >>> backend = ModelBackend(model, {"sft": cl.Sft()})
    >>> backend.start([("mine", 0)])
    >>> request = cl.Train(rows)
    >>> (answer,) = backend.answer([Ask(("mine", 0), turn=1, place=0, stream=(0, 1, 0), request=request)])
    >>> bool(answer.trained == model.lengths(rows).sum()), backend.adapters["mine", 0]["learner"].steps
    (True, 1)
    >>> backend.setting(request).learning_rate, backend.tokens(), backend.drain_halvings()
    (0.001, 2048, [])
    >>> backend.limit(512)
    >>> backend.save(Path())
    >>> backend.load(Path())
    >>> backend.fork(("mine", 0), ("other", 0))
    >>> backend.export(("other", 0), Path("adapter"))
    >>> backend.tokens(), backend.adapters["other", 0]["learner"].steps, backend.close()
    (512, 1, None)
    """

    model: Model
    objectives: Mapping[str, Objective]
    reference_models: Mapping[str, Model] = field(default_factory=dict)
    temperature: float = 1.0
    max_new_tokens: int = 64
    limits: MemoryLimits = MemoryLimits()

    def __post_init__(self) -> None:
        self.roles = ModelRoles(self.model, self.reference_models)
        self.micro_batch: int | None = self.limits.max_tokens_per_forward
        self.cache_bytes: int | None = self.limits.kv_cache_bytes
        self.halvings: list[int] = []  # limits from then on, after the device ran out of memory
        self.owners: set[Owner] = set()  # that were started: each will train an adapter
        self._kept = keep_until_gone(self)
        if self.limits.gradient_checkpointing:
            checkpoint_layers(self.model.base)  # refused now where it cannot be

    @property
    def adapters(self) -> dict[Owner, dict[str, Adapter]]:
        """The adapters by owner and role."""
        return self.roles.adapters

    def setting(self, request: Train) -> Objective:
        """The objective a Train is answered with."""
        return resolve(self.objectives, request.objective).fitted(self.model.learning_rates, self.max_new_tokens)

    # -- owners -------------------------------------------------------------------------------------------------------
    def start(self, owners: Sequence[Owner]) -> None:
        """Let these owners begin anew, at the initial adapter of their seed."""
        self.owners.update(owners)
        for owner in owners:
            self.adapters.pop(owner, None)

    def fork(self, parent: Owner, child: Owner, folder: Path | None = None) -> None:
        """Let `child` begin with the adapters that `parent` has now, or had in the checkpoint `folder`."""
        then = self.adapters if folder is None else read_adapters(self.model, folder)
        own = then.get(parent, {})
        self.adapters.setdefault(child, {role: adapter.copy() for role, adapter in own.items()})

    def export(self, owner: Owner, folder: Path) -> None:
        """Write the learner's adapter in PEFT's format."""
        adapter = self.adapters.get(owner, {}).get("learner") or self.roles.init(owner[1])
        self.model.save_adapter(adapter, folder)

    def close(self) -> None:
        """Let go of every adapter, and give the memory that steps and answers took back to the system."""
        self.roles = ModelRoles(self.model, self.reference_models)
        self._kept()

    def save(self, folder: Path) -> None:
        """Write every adapter with its optimiser's state, not the base."""
        write_adapters(self.adapters, folder, {"micro_batch": self.micro_batch, "cache_bytes": self.cache_bytes})

    def load(self, folder: Path) -> None:
        """Take every adapter as `save` wrote it."""
        self.roles.adapters = read_adapters(self.model, folder)
        known = read_limits(folder)
        self.micro_batch = known.get("micro_batch", self.micro_batch)
        self.cache_bytes = known.get("cache_bytes", self.cache_bytes)

    def limit(self, tokens: int) -> None:
        """Put at most so many tokens into one forward; of a `KvCacheBytes`, so many bytes of keys and values."""
        if isinstance(tokens, KvCacheBytes):
            self.cache_bytes = int(tokens)
        else:
            self.micro_batch = tokens

    def drain_halvings(self) -> list[int]:
        """The limits after each time that the device ran out of memory, since this was last asked: tokens in one
        forward, or `KvCacheBytes` where answers were written."""
        found, self.halvings = self.halvings, []
        return found

    def tokens(self) -> int:
        """Tokens in one forward; where nobody set them, as many as the device has room for."""
        if self.micro_batch is None:
            self.micro_batch = tokens_for(
                self.model, len(self.owners), [a for own in self.adapters.values() for a in own.values()]
            )
        return self.micro_batch

    # -- answering ----------------------------------------------------------------------------------------------------
    def answer(self, asks: Sequence[Ask]) -> list[Answer | Exception]:
        """One Answer per Ask; one that cannot be answered gets its exception, the others their answers."""
        kind = type(asks[0].request)
        with COMPUTING:
            if kind is Train:
                return self._train(asks)
            how = {Score: self._score, Sample: self._sample, Copy: partial(_copies, self.roles)}[kind]
            halve = self._halve_cache if kind is Sample else self._halve
            return self._fitting(lambda: _one_by_one_if_bad(how, asks), halve)

    def _fitting(self, how: Callable[[], list], halve: Callable[[torch.OutOfMemoryError], None]) -> list:
        """What `how` gives; when the device runs out of memory, again with half of what is there at once."""
        while True:
            try:
                return how()
            except torch.OutOfMemoryError as error:
                halve(error)
            if self.model.device.type == "cuda":  # behind the except block, which holds the tensors that did not fit
                torch.cuda.empty_cache()

    def _halve(self, error: torch.OutOfMemoryError) -> None:
        if self.tokens() <= SMALLEST:
            raise _no_room(f"a forward of {self.micro_batch} tokens", len(self.roles)) from error
        self.roles.clear_gradients()
        self.micro_batch //= 2
        self.halvings.append(self.micro_batch)
        why = str(error).partition("\n")[0]
        warnings.warn(f"{why}; from here on {self.micro_batch} tokens in one forward", stacklevel=3)

    def _halve_cache(self, error: torch.OutOfMemoryError) -> None:
        """Fewer answers at once; training's forwards stay as they are."""
        if self.limits.kv_cache_bytes is None:  # what was there at once may have been less than there was room for
            self.cache_bytes = min(self.cache_bytes, MOST_TOKENS[self.model.device.type] * place_bytes(self.model))
        if self.cache_bytes <= STRIDE * place_bytes(self.model):
            raise _no_room("the keys and values of one answer", len(self.roles)) from error
        self.cache_bytes //= 2
        self.halvings.append(KvCacheBytes(self.cache_bytes))
        why = str(error).partition("\n")[0]
        warnings.warn(f"{why}; from here on {in_bytes(self.cache_bytes)} of keys and values at once", stacklevel=3)

    def _train(self, asks: Sequence[Ask]) -> list[Answer | Exception]:
        """Steps of different adapters share forwards; a second step of the same adapter waits for the first."""
        answers: list[Answer | Exception | None] = [None] * len(asks)
        waiting = list(range(len(asks)))
        while waiting:
            wave: dict[tuple, int] = {}
            for i in waiting:
                wave.setdefault((*asks[i].owner, asks[i].request.role), i)
            own = [asks[i] for i in wave.values()]
            found = self._fitting(lambda own=own: _one_by_one_if_bad(self._step, own), self._halve)
            for i, answer in zip(wave.values(), found, strict=True):
                answers[i] = answer
            waiting = [i for i in waiting if answers[i] is None]
        return answers

    def _step(self, asks: Sequence[Ask]) -> list[Answer | Exception]:
        requests = [ask.request for ask in asks]
        settings = [self.setting(request) for request in requests]
        adapters = [self.roles.trainable(ask.owner, ask.request.role) for ask in asks]
        return train_steps(
            self.model,
            adapters,
            [request.rows for request in requests],
            settings,
            roles=[request.role for request in requests],
            rate_factors=[ask.rate_factor for ask in asks],
            budget=self.tokens(),
            gradient_checkpointing=self.limits.gradient_checkpointing,
        )

    def _score(self, asks: Sequence[Ask]) -> list[Answer | Exception]:
        """Asks for the same measures of one model share forwards."""
        answers: list[Answer | Exception | None] = [None] * len(asks)
        alike: dict[tuple, list[int]] = {}
        for i, ask in enumerate(asks):
            model, _ = self.roles.find(ask.owner, ask.request.role)
            measure = ask.request.measure if isinstance(ask.request.measure, str) else tuple(ask.request.measure)
            alike.setdefault((id(model), measure, ask.request.per), []).append(i)
        for (_, measure, per), members in alike.items():
            pairs = [self.roles.find(asks[i].owner, asks[i].request.role) for i in members]
            tables = [asks[i].request.rows for i in members]
            how = {"budget": self.tokens(), "gradient_checkpointing": self.limits.gradient_checkpointing}
            found = score(pairs[0][0], [a for _, a in pairs], tables, measure, per, **how)
            columns = (measure,) if isinstance(measure, str) else measure
            for i, (_, adapter), answer in zip(members, pairs, found, strict=True):
                answers[i] = _finite(asks[i], adapter, answer, columns)
        return answers

    def _sample(self, asks: Sequence[Ask]) -> list[Answer | Exception]:
        """Asks of one model are decoded in one batch."""
        answers: list[Answer | Exception | None] = [None] * len(asks)
        pairs = [self.roles.find(ask.owner, ask.request.role) for ask in asks]
        models: dict[int, list[int]] = {}
        for i, (model, _) in enumerate(pairs):
            models.setdefault(id(model), []).append(i)
        how = {"temperature": self.temperature, "max_new_tokens": self.max_new_tokens}
        if self.cache_bytes is None:
            self.cache_bytes = cache_bytes_for(self.model)
        most = MOST_TOKENS[self.model.device.type] if self.limits.kv_cache_bytes is None else None
        room = {"cache_bytes": self.cache_bytes, "cache_tokens": most, "budget": self.tokens()}
        for members in models.values():
            model = pairs[members[0]][0]
            prompts = [prompts_of(model, pairs[i][1], asks[i], **how) for i in members]
            written = iter(write(model, [p for own in prompts for p in own], **room))
            for i, own in zip(members, prompts, strict=True):
                answer = reply_to(model, asks[i], own, [next(written) for _ in own])
                answers[i] = _finite(asks[i], pairs[i][1], answer, ("logprob", "entropy"))
        return answers


def _copies(roles: ModelRoles, asks: Sequence[Ask]) -> list[Answer | Exception]:
    """One after the other, for one may read what another made; one that fails leaves the others' alone."""
    answers: list[Answer | Exception] = []
    for ask in asks:
        try:
            roles.copy(ask.owner, ask.request)
            answers.append(Answer(None))
        except ValueError as error:
            answers.append(error)
    return answers


def _no_room(what: str, adapters: int) -> MemoryError:
    return MemoryError(
        f"the device has no room for {what} beside {adapters} adapters; free memory on it, or train fewer variants and "
        "seeds at once: asked again, a bench with a store goes on from its last checkpoint"
    )


def _one_by_one_if_bad(how: Callable[[Sequence[Ask]], list], asks: Sequence[Ask]) -> list[Answer | Exception]:
    """Answer all in one call; if one of them is bad, each by itself. Nothing is changed before all were read."""
    try:
        return how(asks)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        if len(asks) == 1:
            return [error]
        return [_one_by_one_if_bad(how, [ask])[0] for ask in asks]


def _finite(ask: Ask, adapter: Adapter | None, answer: Answer, columns: Sequence[str]) -> Answer | Exception:
    """The answer, unless a value of it is not finite: then an error that names column and row."""
    for name in columns:
        for row, value in zip(answer.reply.index, answer.reply[name].tolist(), strict=True):
            if not np.isfinite(value).all():
                after = f" after {adapter.steps} steps of {ask.request.role!r}" if adapter else ""
                return FloatingPointError(
                    f"the {name} of row {row!r} is not finite{after}; lower lr, or look at the rows trained before"
                )
    return answer
