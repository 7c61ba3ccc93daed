"""Adaptive (online) curricula: what to train next depends on what the model just answered."""

__all__: list[str] = []


def __dir__() -> list[str]:
    return __all__
