"""A conversation as the text of a prompt: a line that names who speaks before each message.

"<|system|>\\nBe brief.\\n<|user|>\\n1 + 1?\\n<|assistant|>\\n2\\n<|user|>\\nAnd 2 + 2?"

A prompt that is one question of a user is that question alone. As text a conversation can be stored, compared, digested
and lengthened like any other prompt; the model's chat template gets its messages, a model without one `in_plain_words`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Message = tuple[str, str]  # who speaks, "system", "user" or "assistant", and what is said

SPEAKER = re.compile(r"^<\|(system|user|assistant)\|>$", re.MULTILINE)


def written(messages: Sequence[Message]) -> str:
    """The text of a conversation whose last message is the user's; a question alone is its own text."""
    if len(messages) == 1:
        return messages[0][1]
    return "\n".join(f"<|{role}|>\n{text}" for role, text in messages)


def messages_of(prompt: str) -> list[Message] | None:
    """The messages of a prompt that is a conversation; None of any other text."""
    if not prompt.startswith("<|") or not SPEAKER.match(prompt):
        return None
    _, *parts = SPEAKER.split(prompt)
    roles, texts = parts[::2], [text.removeprefix("\n") for text in parts[1::2]]
    texts = [*(text.removesuffix("\n") for text in texts[:-1]), texts[-1]]
    if roles[-1] != "user" or "system" in roles[1:]:
        return None
    return list(zip(roles, texts, strict=True))


def in_plain_words(prompt: str) -> str:
    """A conversation for a model without a chat template: the system's message as it is, then who says what.

    One question behind a system's message stands under it; several turns get names, the assistant's last.
    """
    messages = messages_of(prompt)
    if messages is None:
        return prompt
    told = [text for role, text in messages if role == "system"]
    said = [(role, text) for role, text in messages if role != "system"]
    if len(said) == 1:
        return "\n\n".join([*told, said[0][1]])
    lines = [f"{role.capitalize()}: {text}" for role, text in said]
    return "\n\n".join([*told, "\n".join([*lines, "Assistant:"])])


def without_system(prompt: str) -> str:
    """What users and assistants say, without the system's message, which many prompts share; other texts as they are.

    Examples
    --------
    >>> without_system("<|system|>\\nBe brief.\\n<|user|>\\n1 + 1?")
    '1 + 1?'
    """
    messages = messages_of(prompt)
    return prompt if messages is None else "\n".join(text for role, text in messages if role != "system")
