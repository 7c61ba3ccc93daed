"""One file a source of examples; `load_pool` (data/loading.py) calls the one that a name belongs to.

A source is a function `name(source, *, options) -> table` under `@source("name")`, or under `@source("family:")` for
all names that begin so. Its keyword arguments are what `load_pool` takes for it. Where `n` and `seed` are among them it
draws by itself, else `load_pool` draws `n` rows of what it gives. It returns columns `prompt` and `answer`, indexed by
a unique text `id`. Another package adds a source through the entry points "curriculab.sources".
"""

__all__: list[str] = []


def __dir__() -> list[str]:
    return __all__
