"""Curricula that make their tasks: new rows from old ones, proposed by a teacher or composed."""

__all__: list[str] = []


def __dir__() -> list[str]:
    return __all__
