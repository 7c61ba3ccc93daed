"""Examples: where they come from, how they are read and checked, and how they are split.

pool = cl.load_pool("ladder", n=3000, seed=0)      # a DataFrame indexed by id: prompt, answer, topic, level, ...
train, test = cl.split(pool, test=300, by="level", seed=0)
"""

from curriculab.data.files import data_path, find
from curriculab.data.mapping import after, steps
from curriculab.data.sources import load_pool
from curriculab.data.splitting import split
from curriculab.data.validation import PoolError, render_prompt, validate

__all__ = ["PoolError", "after", "data_path", "find", "load_pool", "render_prompt", "split", "steps", "validate"]


def __dir__() -> list[str]:
    return __all__
