"""Teachers, students and critics: what is said about an answer is told, scored or learned."""

__all__: list[str] = []


def __dir__() -> list[str]:
    return __all__
