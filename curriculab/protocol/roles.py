"""Names of roles: "learner" is trained and tested, "init" and "base" never change, others are a method's own.

Copy("learner", to="student 3")     # a role of the method's own
Copy(None, to="student 3")          # forgotten again
"""

from __future__ import annotations

from collections.abc import Container

LEARNER = "learner"
OWN = (LEARNER, "init", "base")  # roles of the model that is trained


def check_forgettable(role: str, own: Container[str]) -> None:
    """Refuse to forget what a run cannot do without, or what is not there; own: roles that the run has.

    >>> from curriculab.protocol.roles import check_forgettable
    >>> check_forgettable("learner", {"learner"})
    Traceback (most recent call last):
    ValueError: Copy(None, to='learner') would forget the learner; only a role that a Copy made can be forgotten
    """
    if role in OWN:
        raise ValueError(
            f"Copy(None, to={role!r}) would forget the {role}; only a role that a Copy made can be forgotten"
        )
    if role not in own:
        raise ValueError(f"Copy(None, to={role!r}): there is no role {role!r} to forget; a Copy makes one")
