"""Controls for a notebook: they only call public functions, so everything they show can be had without them.

panel = Schedules(pool, steps=150, batch_size=8)       # two schedules side by side; nothing trains
panel.sides["A"].set(method="baby_steps", buckets=3)   # the same as moving the slider
panel.sides["A"].source        # 'partial(cl.methods.baby_steps, by="level", buckets=3)'
picker = Picker(pool, chosen=["random_order", "sec"])  # methods to tick; picker.variants is what a bench is given
explorer = Explorer("runs", pool)                      # all recorded runs, filtered and compared, answers to read
upload = Upload(model)                                 # a file to drop on it; upload.pool is what it holds
"""

from curriculab.widgets.controls import Side, Slider, controls_of, having_knobs, source
from curriculab.widgets.explorer import Explorer
from curriculab.widgets.panel import Panel
from curriculab.widgets.picker import Picker
from curriculab.widgets.reading import examine
from curriculab.widgets.schedules import Schedules
from curriculab.widgets.upload import Upload

__all__ = [
    "Explorer",
    "Panel",
    "Picker",
    "Schedules",
    "Side",
    "Slider",
    "Upload",
    "controls_of",
    "examine",
    "having_knobs",
    "source",
]


def __dir__() -> list[str]:
    return __all__
