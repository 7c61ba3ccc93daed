"""Files of figures: a smaller picture is the same picture."""

from __future__ import annotations

import io

import numpy as np

from curriculab import figures


def test_a_large_picture_gets_smaller_and_stays_the_same():
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 4, (600, 600, 3), dtype=np.uint8) * 60
    made = io.BytesIO()
    Image.fromarray(noise).save(made, "png", compress_level=0)
    smaller = Image.open(io.BytesIO(figures.files._small(made.getvalue())))
    assert np.array_equal(np.asarray(smaller.convert("RGB")), noise)  # 64 colours: nothing is lost
