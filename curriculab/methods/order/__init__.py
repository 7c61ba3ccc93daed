"""What varies: in which order, and from which part of the pool, rows come."""

__all__: list[str] = []


def __dir__() -> list[str]:
    return __all__
