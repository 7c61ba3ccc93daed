"""Analyses: what a prompt, an order or a way of thinking is worth, mostly without training."""

__all__: list[str] = []


def __dir__() -> list[str]:
    return __all__
