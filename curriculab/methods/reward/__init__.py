"""Rewards that change while the model learns."""

__all__: list[str] = []


def __dir__() -> list[str]:
    return __all__
