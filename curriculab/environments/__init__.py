"""What a method can put behind a prompt: assistant turns, user turns, tool results, new questions."""

from curriculab.environments.turns import ask, say, splice, tell

__all__ = ["ask", "say", "splice", "tell"]


def __dir__() -> list[str]:
    return __all__
