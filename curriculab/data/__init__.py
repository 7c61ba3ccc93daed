"""Examples: where they come from, how they are read and checked, and how they are split.

pool = cl.load_pool("ladder", n=3000, seed=0)      # a DataFrame indexed by id: prompt, answer, topic, level, ...
train, test = cl.split(pool, test=300, by="level", seed=0)

Here belong the sources (sources/, one file each; loading.py calls them), reading files (files.py, cells.py,
excel.py, encodings.py, layouts.py, values.py), bringing a source's columns into a pool's (mapping.py, options.py,
chats.py, conversations.py, levels.py, guessing.py, shaping.py), what every pool must satisfy (validation.py),
splitting it (splitting.py, twins.py), the same rows in other forms (forms.py, distractors.py, chains.py), words of
any script (words.py), and the world that the clinic's questions are about (clinic_world.py). Nothing here knows of a
model.
"""

from curriculab.data.chains import compose
from curriculab.data.chats import chat_answer, chat_prompt
from curriculab.data.files import data_path, find
from curriculab.data.forms import hints, restate, to_binary, to_choice, to_cloze
from curriculab.data.loading import load_pool
from curriculab.data.mapping import count_solution_steps, text_after, text_boxed, text_joined
from curriculab.data.options import pick_option
from curriculab.data.registry import SOURCES, source
from curriculab.data.splitting import split
from curriculab.data.twins import near_twins
from curriculab.data.validation import PoolError, render_prompt, validate

__all__ = [
    "PoolError",
    "SOURCES",
    "chat_answer",
    "chat_prompt",
    "compose",
    "count_solution_steps",
    "data_path",
    "find",
    "hints",
    "load_pool",
    "near_twins",
    "pick_option",
    "render_prompt",
    "restate",
    "source",
    "split",
    "text_after",
    "text_boxed",
    "text_joined",
    "to_binary",
    "to_choice",
    "to_cloze",
    "validate",
]


_FORMER = {"after": text_after, "steps": count_solution_steps}  # names of before, which are accepted still


def __getattr__(name: str) -> object:
    if name not in _FORMER:
        raise AttributeError(f"curriculab.data has no {name!r}; it has {', '.join(__all__)}")
    return _FORMER[name]


def __dir__() -> list[str]:
    return __all__
