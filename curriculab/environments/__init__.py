"""What stands behind a prompt: assistant turns, user turns, tool results, new questions; and teachers, judges, solvers
and rewriters of known skill, or a model behind an address, for roles that a script speaks."""

from curriculab.environments.endpoint import Endpoint, Told
from curriculab.environments.teachers import Hint, Hinted, Judge, Rewriter, Solver
from curriculab.environments.turns import ask, say, splice, tell

__all__ = ["Endpoint", "Hint", "Hinted", "Judge", "Rewriter", "Solver", "Told", "ask", "say", "splice", "tell"]


def __dir__() -> list[str]:
    return __all__
