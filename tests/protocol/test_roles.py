"""A role that a Copy made can be forgotten; the learner and its start cannot."""

from __future__ import annotations

import re

import pytest

from curriculab.protocol.roles import LEARNER, OWN, check_forgettable


def test_the_model_s_own_roles_stay():
    for role in OWN:
        said = f"Copy(None, to={role!r}) would forget the {role}; only a role that a Copy made can be forgotten"
        with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
            check_forgettable(role, {role})
    assert LEARNER in OWN


def test_what_is_not_there_cannot_be_forgotten():
    assert check_forgettable("probe 3", {"probe 3"}) is None
    with pytest.raises(ValueError, match="there is no role 'probe 4' to forget; a Copy makes one$"):
        check_forgettable("probe 4", {"probe 3"})
