"""Rewards that change while the model learns: what an answer is worth follows a schedule or the model's own skill."""

__all__: list[str] = []


def __dir__() -> list[str]:
    return __all__
