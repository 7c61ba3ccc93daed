"""Does this curriculum help?  A workbench for curriculum learning of language models.

import curriculab as cl

Public names are listed in `__init__.pyi` and imported when they are first used, so that `import curriculab` costs next
to nothing; editors and type checkers read the same list.
"""

import lazy_loader as _lazy_loader

__version__ = "0.1.0"

_attribute, __dir__, __all__ = _lazy_loader.attach_stub(__name__, __file__)


_FORMER = {"after": "text_after", "steps": "count_solution_steps"}  # names of before, which are accepted still


def __getattr__(name: str) -> object:
    name = _FORMER.get(name, name)
    if name not in __all__:
        raise AttributeError(f"curriculab has no {name!r}; it has {', '.join(__all__)}")
    return _attribute(name)
