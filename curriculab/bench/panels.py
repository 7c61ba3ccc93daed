"""Panels that show a background run: they register themselves, so that the bench imports no widgets."""

from __future__ import annotations

from curriculab.registry.registry import Registry

PANELS = Registry("panel", "curriculab.widgets")
panel = PANELS.register  # above the class of a panel, which is called with the background run
