"""What stands beside a question: the question again, solved examples, mistakes, advice; the model stays as it is."""

__all__: list[str] = []


def __dir__() -> list[str]:
    return __all__
