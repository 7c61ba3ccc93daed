"""Everything that needs torch: a quantised base model, LoRA adapters, packed forwards, training and generation.

model = cl.load_model("pocket", bits=4)

Many adapters share one forward of the frozen base, so that variants and seeds train side by side. No other package
imports torch when it is imported.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
