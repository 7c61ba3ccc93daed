"""A model behind an OpenAI-compatible address, for a role that a script speaks.

teacher = cl.Script(Endpoint(base_url="http://127.0.0.1:8000/v1", model="qwen2.5-7b-instruct"))
bench = Bench(model, train, test, budget=budget, reference_models={"teacher": teacher})

It needs httpx, which comes with huggingface-hub: pip install 'curriculab[endpoint]' where it is missing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from time import sleep
from typing import TYPE_CHECKING, Any

import numpy as np

from curriculab.protocol import Rows

if TYPE_CHECKING:
    import httpx

AGAIN = (408, 409, 429, 500, 502, 503, 504)  # statuses after which the same request may succeed
LONGEST_WAIT = 30.0  # seconds between two tries, whatever the server asks for
SHOWN = 200  # characters of what a server said that a message repeats


class Told(str):
    """A text with the tokens that the server counted for it: `read`, of the prompt, and `generated`.

    Examples
    --------
    >>> text = cl.environments.Told("a hint", 12, 3)
    >>> text, text.read, text.generated
    ('a hint', 12, 3)
    """

    __slots__ = ("generated", "read")

    def __new__(cls, text: str, read: int, generated: int) -> Told:
        told = super().__new__(cls, text)
        told.read, told.generated = read, generated
        return told

    def __reduce__(self) -> tuple:
        return Told, (str(self), self.read, self.generated)


@dataclass(frozen=True)
class Endpoint:
    """Writes by asking a chat model over HTTP: one request a row, some of them beside each other.

    The ledger counts the tokens that the server says it read and wrote. Of the settings all but the key are part of the
    digest of a run; the key is read from the environment when it is needed, and is in no record and no message.

    Parameters
    ----------
    base_url : str
        Of the server, such as "https://api.openai.com/v1"; "/chat/completions" is added.
    model : str
        Its name for the server.
    key : str
        Name of the environment variable that holds the key; where it is not set, no key is sent.
    max_tokens : int
        Of an answer.
    temperature : float
        Of the answers.
    timeout : float
        Seconds that one try may take.
    retries : int
        Further tries after a time-out, a lost connection or a busy server; each waits twice as long as the one before,
        or as long as the server says.
    at_once : int
        Requests beside each other.

    Raises
    ------
    ValueError
        Where a setting is none that can work.

    Examples
    --------
    >>> endpoint = cl.environments.Endpoint("http://127.0.0.1:8000/v1", "a-model", max_tokens=32)
    >>> endpoint.address, endpoint.retries
    ('http://127.0.0.1:8000/v1/chat/completions', 3)
    >>> len(cl.protocol.Script(endpoint).digest())
    16
    """

    base_url: str
    model: str
    key: str = "OPENAI_API_KEY"
    max_tokens: int = 256
    temperature: float = 1.0
    timeout: float = 60.0
    retries: int = 3
    at_once: int = 4

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("http://", "https://")):
            raise ValueError(
                f"Endpoint(base_url={self.base_url!r}); give an address that begins with http:// or https://"
            )
        if not self.model:
            raise ValueError("Endpoint(model=''); give the name that the server knows the model by")
        for name, least in (("max_tokens", 1), ("temperature", 0), ("retries", 0), ("at_once", 1)):
            if not getattr(self, name) >= least:
                raise ValueError(f"Endpoint({name}={getattr(self, name)!r}); give at least {least}")
        if not self.timeout > 0:
            raise ValueError(f"Endpoint(timeout={self.timeout!r}); give seconds above 0")

    @property
    def address(self) -> str:
        """Where requests go."""
        return self.base_url.rstrip("/") + "/chat/completions"

    def __call__(self, rows: Rows, rng: np.random.Generator) -> list[str]:
        """One text a row, behind its prompt and its turns."""
        said = rows["turns"].tolist() if "turns" in rows else [()] * len(rows)
        seeds = rng.integers(2**31, size=len(rows)).tolist()
        bodies = [
            self._body(str(prompt), turns, seed)
            for prompt, turns, seed in zip(rows["prompt"], said, seeds, strict=True)
        ]
        with _client(self.timeout, os.environ.get(self.key)) as client, ThreadPoolExecutor(self.at_once) as pool:
            return list(pool.map(lambda body: self._told(client, body), bodies))

    def _body(self, prompt: str, turns: object, seed: int) -> dict[str, object]:
        """A request: the prompt and messages of the other side as the user's, all else as the assistant's."""
        messages = [{"role": "user", "content": prompt}]
        for piece in turns if isinstance(turns, tuple) else ():
            role = "user" if piece.turn else "assistant"
            if messages[-1]["role"] == role:
                messages[-1]["content"] += piece.text if role == "assistant" else f"\n{piece.text}"
            else:
                messages.append({"role": role, "content": piece.text})
        how = {"max_tokens": self.max_tokens, "temperature": self.temperature, "seed": seed}
        return {"model": self.model, "messages": messages, **how}

    def _told(self, client: httpx.Client, body: Mapping[str, object]) -> Told:
        """The text of one answer, after as many tries as it takes."""
        import httpx

        for number in range(self.retries + 1):
            wait = 0.5 * 2**number
            try:
                answer = client.post(self.address, json=body)
            except httpx.TransportError as error:  # time-outs too
                why = f"{type(error).__name__} within {self.timeout:g} s"
            else:
                if answer.status_code == 200:
                    return self._read(answer)
                why = f"status {answer.status_code}: {_without_key(answer.text, os.environ.get(self.key))}"
                if answer.status_code not in AGAIN:
                    hint = f"; is the key in {self.key}?" if answer.status_code in (401, 403) else ""
                    raise RuntimeError(f"{self.address} refused a request for {self.model!r} ({why}){hint}")
                wait = max(wait, _seconds(answer.headers.get("retry-after")))
            if number < self.retries:
                sleep(min(wait, LONGEST_WAIT))
        raise RuntimeError(
            f"{self.address} gave no answer in {self.retries + 1} tries ({why}); look whether it runs, or raise "
            "timeout= or retries="
        )

    def _read(self, answer: httpx.Response) -> Told:
        try:
            found = answer.json()
            text = found["choices"][0]["message"]["content"] or ""
            usage = found.get("usage") or {}
            read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            shown = _without_key(answer.text, os.environ.get(self.key))
            raise RuntimeError(f"{self.address} answered with no chat completion: {shown}") from None
        sent = len(answer.request.content)  # bytes, where the server counts nothing
        return Told(text, int(sent if read is None else read), int(len(text.encode()) if written is None else written))


def _client(timeout: float, key: str | None) -> Any:
    if find_spec("httpx") is None:
        raise ImportError("an Endpoint needs httpx: pip install 'curriculab[endpoint]'")
    import httpx

    return httpx.Client(timeout=timeout, headers={"Authorization": f"Bearer {key}"} if key else {})


def _without_key(text: str, key: str | None) -> str:
    """The beginning of what a server said, without the key, which some repeat."""
    return (text.replace(key, "***") if key else text)[:SHOWN]


def _seconds(asked: str | None) -> float:
    """What a Retry-After says, 0 where it is no number of seconds."""
    return float(asked) if asked and asked.replace(".", "", 1).isdigit() else 0.0
