"""Columns of messages as prompts and answers: `messages`, ShareGPT's `conversations`, TRL's `prompt` and `completion`.

{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1?"},
              {"role": "assistant", "content": "2"}]}
-> answer "2": the last message, the assistant's; prompt: what stands before it (see conversations.py)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from curriculab.data.conversations import SPEAKER, Message, messages_of, written
from curriculab.data.layouts import at_path, has_path
from curriculab.data.mapping import Column
from curriculab.data.validation import PoolError, show
from curriculab.data.values import is_missing
from curriculab.registry.warning import warn

CHATS = ("messages", "conversations", "conversation", "dialog", "chat")  # names of columns that hold whole chats
ROLES = {  # of OpenAI's and Hugging Face's messages, and of ShareGPT's
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "model", "bot", "chatgpt"), "assistant"),
}
TOOLS = ("tool", "function", "function_call", "observation", "ipython", "tool_call", "tool_response")
CALLS = ("tool_calls", "function_call")  # what a message that calls a tool has beside its role
WITHOUT_TOOLS = "rows with tools cannot be read; leave them out of the file"


@dataclass(frozen=True)
class chat_prompt:
    r"""What stands before the answer of a chat: its only question, or all messages up to the user's last.

    Several messages become one text, a line such as `<|user|>` before each; the model's chat template gets them as
    messages again.

    Parameters
    ----------
    column : str
        Name of the column with lists of messages: of `role` and `content`, or `from` and `value`.

    Raises
    ------
    PoolError
        When it is called on a table where a row calls tools, or is no chat.

    Examples
    --------
    >>> said = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}]
    >>> cl.chat_prompt("messages")(pd.DataFrame({"messages": [said]})).tolist()
    ['1 + 1?']
    >>> said.insert(0, {"role": "system", "content": "Be brief."})
    >>> cl.chat_prompt("messages")(pd.DataFrame({"messages": [said]})).tolist()
    ['<|system|>\nBe brief.\n<|user|>\n1 + 1?']
    """

    column: str

    def __call__(self, frame: pd.DataFrame) -> pd.Series:
        return _of_each(frame, self.column, self._one)

    def _one(self, value: Any, place: str) -> str:
        messages = read_messages(value, place)
        asked = messages[:-1] if messages[-1][0] == "assistant" else messages
        if not asked or asked[-1][0] != "user":
            found = f"message {len(asked)} is the {asked[-1][0]}'s" if asked else "the answer is the only message"
            raise PoolError(f"{place}: {found}, expected a message of the user before the answer")
        for role, text in asked:
            if len(asked) > 1 and (mark := SPEAKER.search(text)):
                raise PoolError(f"{place}: a message of the {role} holds the line {mark[0]!r}, which names a speaker")
        return written(asked)

    def code(self, quote: Callable[[str], str]) -> str:
        """How it is written in `columns=`, with the name as `quote` writes it.

        Examples
        --------
        >>> cl.chat_prompt("messages").code(repr)
        "cl.chat_prompt('messages')"
        """
        return f"cl.chat_prompt({quote(self.column)})"


@dataclass(frozen=True)
class chat_answer:
    """The last message of a chat, which is the assistant's.

    Parameters
    ----------
    column : str
        Name of the column with lists of messages: of `role` and `content`, or `from` and `value`.

    Raises
    ------
    PoolError
        When it is called on a table where a row ends with the user, or calls tools.

    Examples
    --------
    >>> said = [{"from": "human", "value": "1 + 1?"}, {"from": "gpt", "value": "2"}]
    >>> cl.chat_answer("conversations")(pd.DataFrame({"conversations": [said]})).tolist()
    ['2']
    """

    column: str

    def __call__(self, frame: pd.DataFrame) -> pd.Series:
        return _of_each(frame, self.column, self._one)

    def _one(self, value: Any, place: str) -> str:
        role, text = read_messages(value, place)[-1]
        if role != "assistant":
            raise PoolError(
                f"{place}: the last message is the {role}'s ({show(text)}), expected the assistant's, which is the "
                "answer; leave such rows out of the file"
            )
        return text

    def code(self, quote: Callable[[str], str]) -> str:
        """How it is written in `columns=`, with the name as `quote` writes it.

        Examples
        --------
        >>> cl.chat_answer("messages").code(repr)
        "cl.chat_answer('messages')"
        """
        return f"cl.chat_answer({quote(self.column)})"


def _of_each(frame: pd.DataFrame, column: str, read: Callable[[Any, str], str]) -> pd.Series:
    """What `read` makes of each chat, (rows,); it is told the place for its errors."""
    texts = [read(value, f"{place}, column {column!r}") for place, value in at_path(frame, column).items()]
    return pd.Series(texts, index=frame.index, dtype=object)


def read_messages(value: Any, place: str) -> list[Message]:
    """The messages of one row; place: what an error calls it."""
    listed = _listed(value)
    if not _is_chat(listed):
        raise PoolError(f"{place}: found {show(value)}, expected a list of messages, each with a role and a content")
    messages = [_message(one, f"{place}: message {i}") for i, one in enumerate(listed, 1)]
    return [one for i, one in enumerate(messages) if i > 0 or one[0] != "system" or one[1].strip()]


def _message(one: Any, place: str) -> Message:
    if not isinstance(one, Mapping):
        raise PoolError(f"{place} is {show(one)}, expected a role and a content")
    role = str(one.get("role", one.get("from"))).strip().lower()
    if role in TOOLS or any(_is_there(one.get(name)) for name in CALLS):
        raise PoolError(f"{place} {'is a tool' if role in TOOLS else 'calls a tool'}; {WITHOUT_TOOLS}")
    if role not in ROLES:
        raise PoolError(f"{place} has the role {role!r}, expected system, user or assistant")
    text = _text(one.get("content", one.get("value")), place)
    if not text.strip() and ROLES[role] != "system":
        raise PoolError(f"{place}, the {ROLES[role]}'s, is empty, expected text")
    return ROLES[role], text


def _text(content: Any, place: str) -> str:
    """The text of a message, also of one in parts; other parts, such as images, are refused."""
    if is_missing(content) or isinstance(content, str):
        return content if isinstance(content, str) else ""
    parts = list(content) if isinstance(content, (list, tuple, np.ndarray)) else [content]
    texts = [part.get("text") if isinstance(part, Mapping) else part for part in parts]
    for part, text in zip(parts, texts, strict=True):
        if not isinstance(text, str):
            kind = part.get("type") if isinstance(part, Mapping) else None
            raise PoolError(f"{place} holds {kind or show(part)}, expected text alone")
    return "\n".join(texts)


def _is_there(value: Any) -> bool:
    return len(value) > 0 if isinstance(value, (list, np.ndarray, dict, str)) else not is_missing(value)


def _listed(value: Any) -> Any:
    """A list of messages, also as an array, or as JSON in a cell of a CSV."""
    if isinstance(value, str) and value.lstrip().startswith("[{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return list(value) if isinstance(value, (tuple, np.ndarray)) else value


def _is_chat(value: Any) -> bool:
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, Mapping) and ({"role", "content"} <= first.keys() or {"from", "value"} <= first.keys())


def holds_chats(frame: pd.DataFrame, name: Any) -> bool:
    """Is this a column of chats, by its first value that is there?"""
    if not isinstance(name, str) or not has_path(frame, name):
        return False
    return _is_chat(_listed(next((value for value in at_path(frame, name) if not is_missing(value)), None)))


def with_chats(frame: pd.DataFrame, columns: Mapping[str, Column]) -> dict[str, Column]:
    """The mapping with prompts and answers from columns of messages, where nothing else was asked for."""
    found = dict(columns)
    helpers = {"prompt": chat_prompt, "answer": chat_answer}
    for target, helper in helpers.items():
        name = found.get(target, target)
        if holds_chats(frame, name):
            found[target] = helper(name)
    whole = next((name for name in CHATS if holds_chats(frame, name)), None)
    if isinstance(found.get("prompt"), chat_prompt):
        own = found["prompt"].column
        whole = own if own != "prompt" else whole
        if "answer" not in found and "answer" not in frame and "completion" in frame:
            found["answer"] = chat_answer("completion") if holds_chats(frame, "completion") else "completion"
    if whole and "answer" not in found and "answer" not in frame:
        found["answer"] = chat_answer(whole)
    answered = found.get("answer")
    if "prompt" not in found and (isinstance(answered, chat_answer) or (whole and "prompt" not in frame)):
        found["prompt"] = chat_prompt(answered.column if isinstance(answered, chat_answer) else whole)
    order = [*filter(found.__contains__, helpers), *found]
    return {target: found[target] for target in order}


def say_of_turns(prompts: pd.Series, source: str) -> None:
    """Warn where an assistant spoke before the answer: only the answer is learned."""
    several = sum("assistant" in dict(messages_of(prompt) or ()) for prompt in prompts)
    if several:
        warn(
            f"{source}: {several} of {len(prompts)} chats have several turns; the last message is the answer that "
            "is learned and judged, the assistant's others stand in the prompt"
        )
