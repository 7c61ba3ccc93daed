"""Roles that functions or students speak, in front of a backend that answers for all others.

Sample(rows, role="teacher") -> the script's texts, counted in bytes; Sample(rows) -> the backend behind
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from curriculab.environments.endpoint import Told
from curriculab.protocol import Answer, Ask, Backend, Copy, Sample, Score, Script, Train
from curriculab.protocol.roles import OWN
from curriculab.rewards import verify_rows
from curriculab.simulation.rows import context_bytes
from curriculab.simulation.writing import answer_counts, answered, cut_off


@dataclass(eq=False)
class ScriptedRoles:
    """A backend some of whose roles are spoken by scripts, or by simulated students that never learn.

    backend: answers for all other roles, and has everything that is saved; speakers: by role.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", skills="add", n=2, seed=0)
    >>> learner = cl.simulation.SimulatedLearner(cl.simulation.Student(), pool)
    >>> backend = ScriptedRoles(learner, {"teacher": Script(lambda rows, rng: ["try again"] * len(rows))})
    >>> request = cl.Sample(pool, role="teacher", purpose="hint")
    >>> backend.answer([cl.protocol.Ask(("v", 0), turn=1, place=0, stream=(0, 1, 0), request=request)])[0].generated
    20
    """

    backend: Backend
    speakers: Mapping[str, Script | Backend]

    def __post_init__(self) -> None:
        for role in self.speakers:
            check_role(role)

    def answer(self, asks: Sequence[Ask]) -> list[Answer | Exception]:
        """One Answer per Ask, in their order."""
        answers: list[Answer | Exception | None] = [None] * len(asks)
        for place, ask in enumerate(asks):
            role = _role_of(ask.request)
            if role is not None and role in self.speakers:
                answers[place] = _answered(self.speakers[role], role, ask)
        others = [place for place, answer in enumerate(answers) if answer is None]
        if others:
            found = self.backend.answer([asks[place] for place in others])
            for place, answer in zip(others, found, strict=True):
                answers[place] = answer
        return answers

    def __getattr__(self, name: str) -> object:
        """Everything else is the backend's: owners, checkpoints, limits."""
        if name in ("backend", "speakers"):  # while it is unpickled it has neither
            raise AttributeError(name)
        return getattr(self.backend, name)


def check_role(role: str) -> None:
    """Refuse a role that the trained model has itself."""
    if role in OWN:
        raise ValueError(f"the role {role!r} is the trained model's own; call it something else, such as 'teacher'")


def _role_of(request: object) -> str | None:
    """The role that a request asks or changes."""
    return request.to if isinstance(request, Copy) else getattr(request, "role", None)


def _answered(speaker: Script | Backend, role: str, ask: Ask) -> Answer | Exception:
    if isinstance(ask.request, Train | Copy):
        kind = type(ask.request).__name__
        return ValueError(f"{kind} of {role!r}, which never learns; copy the learner to another name and train that")
    if not isinstance(speaker, Script):
        (answer,) = speaker.answer([replace(ask, request=replace(ask.request, role="init"))])
        return answer
    try:
        return written(speaker, role, ask) if isinstance(ask.request, Sample) else _scored(speaker, role, ask)
    except Exception as error:
        return error


def written(script: Script, role: str, ask: Ask) -> Answer:
    """The reply to a Sample: as a model's, with lengths in bytes, and no probabilities."""
    request: Sample = ask.request
    parent = np.repeat(np.arange(len(request.rows)), answer_counts(request))
    out = request.rows.take(parent)
    texts = _checked(script.write(out, np.random.default_rng(ask.stream)), len(out), role)
    cut = cut_off(texts, request.stop)
    answer = answered(ask, out, parent, cut, verify_rows(out, cut.text))
    return _as_counted(answer, texts, parent) if all(isinstance(text, Told) for text in texts) else answer


def _as_counted(answer: Answer, texts: Sequence[Told], parent: np.ndarray) -> Answer:
    """The reply with the tokens that a server counted in the place of bytes; each answer's prompt was read anew.

    parent: which asked row each text answers, (texts,).
    """
    generated = np.array([text.generated for text in texts])
    read = np.bincount(parent, [text.read for text in texts], len(answer.read)).astype(int)
    cost = {"tokens": int(read.sum() + generated.sum()), "generated": int(generated.sum()), "read": read}
    return replace(answer, reply=answer.reply.assign(length=generated), **cost)


def _checked(texts: object, count: int, role: str) -> list[str]:
    """The texts of a script, one a line."""
    texts = list(texts)
    if len(texts) != count:
        raise ValueError(f"the script of {role!r} wrote {len(texts)} texts for {count} rows; return one a row")
    odd = next((text for text in texts if not isinstance(text, str)), None)
    if odd is not None:
        raise ValueError(f"the script of {role!r} wrote {odd!r:.60}, a {type(odd).__name__}; return texts")
    return texts


def _scored(script: Script, role: str, ask: Ask) -> Answer:
    request: Score = ask.request
    if script.score is None or not isinstance(request.measure, str) or request.per != "row":
        has = "none" if script.score is None else "one measure a row"
        raise ValueError(f"Score({request.measure!r}) of {role!r}: its script has {has}; give Script(..., score=)")
    values = np.asarray(script.score(request.rows), float)
    if values.shape != (len(request.rows),):
        raise ValueError(f"the script of {role!r} gave {values.shape} for {len(request.rows)} rows; one number a row")
    read = context_bytes(request.rows)
    return Answer(request.rows[[]].assign(**{request.measure: values}), int(read.sum()), read=read)
