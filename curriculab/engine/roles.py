"""Which model and adapter a request means by a role.

"learner" begins as a copy of "init", the initial adapter of the owner's seed; "base" is the model without an adapter;
other models are read-only roles; Copy makes roles of a method's own, such as "best".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from curriculab.engine.adapter import Adapter, blend
from curriculab.engine.model import Model
from curriculab.protocol import Copy, Owner
from curriculab.protocol.roles import check_forgettable


@dataclass(eq=False)
class ModelRoles:
    """The adapters of every owner by role, beside models that are only read."""

    model: Model
    reference_models: Mapping[str, Model]
    adapters: dict[Owner, dict[str, Adapter]] = field(default_factory=dict)
    initial: dict[int, Adapter] = field(default_factory=dict)  # by seed

    def init(self, seed: int) -> Adapter:
        """The adapter that all variants of a seed begin with."""
        if seed not in self.initial:
            self.initial[seed] = self.model.adapter(seed)
        return self.initial[seed]

    def find(self, owner: Owner, role: str) -> tuple[Model, Adapter | None]:
        """The model and adapter of a role; the learner is made when it is first asked for."""
        if role in self.reference_models:
            return self.reference_models[role], None
        if role == "base":
            return self.model, None
        if role == "init":
            return self.model, self.init(owner[1])
        own = self.adapters.setdefault(owner, {})
        if role not in own and role != "learner":
            known = ", ".join(sorted({*own, *self.reference_models, "learner", "init", "base"}))
            raise ValueError(f"no adapter {role!r} yet; there are {known}; make it with Copy('init', to={role!r})")
        if role not in own:
            own[role] = self.init(owner[1]).copy()
        return self.model, own[role]

    def trainable(self, owner: Owner, role: str) -> Adapter:
        """The adapter of a role that may be trained."""
        if self._read_only(role):
            raise ValueError(f"the role {role!r} is read only; train 'learner' or a role of your own")
        return self.find(owner, role)[1]

    def copy(self, owner: Owner, request: Copy) -> None:
        """Answer a Copy: one adapter with its optimiser state, a weighted sum of several without, or none."""
        if self._read_only(request.to):
            to = request.to
            raise ValueError(f"Copy(to={to!r}): that role never changes; copy to 'learner' or a role of your own")
        own = self.adapters.setdefault(owner, {})
        if request.source is None:
            check_forgettable(request.to, own)
            del own[request.to]
            return
        if isinstance(request.source, str):
            source = self.find(owner, request.source)[1]
            own[request.to] = (source or self._zero()).copy()
            return
        for name, weight in request.source.items():
            if not isinstance(weight, int | float | np.number) or not np.isfinite(weight):
                raise ValueError(f"Copy of a sum with {name!r}: {weight!r}; weights are finite numbers")
        parts = {self.find(owner, name)[1]: w for name, w in request.source.items() if name != "base"}
        own[request.to] = blend(parts) if parts else self._zero()

    def clear_gradients(self) -> None:
        """Forget gradients that a forward began before the device ran out of memory."""
        for own in self.adapters.values():
            for adapter in own.values():
                adapter.clear()

    def __len__(self) -> int:
        """Adapters of all owners."""
        return sum(map(len, self.adapters.values()))

    def _read_only(self, role: str) -> bool:
        return role in ("init", "base", *self.reference_models)

    def _zero(self) -> Adapter:
        return Adapter.zero(self.model.layout, self.model.device)
