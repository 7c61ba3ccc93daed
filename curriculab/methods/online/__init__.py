"""Curricula that listen: what to train next depends on what just happened."""

__all__: list[str] = []


def __dir__() -> list[str]:
    return __all__
