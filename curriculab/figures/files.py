"""Files of figures: written whole or not at all, with a title, a caption and the digests of the runs inside."""

from __future__ import annotations

import io
import logging
import zlib
from collections.abc import Callable
from html import escape
from pathlib import Path

from curriculab import __version__
from curriculab.figures.captions import About
from curriculab.registry.writing import write_whole

MAKER = f"curriculab {__version__}"
MOST_BYTES = 190_000  # of a picture, before title and caption are put into it; 200 kB is what a submission bears
PNG_HEAD = 33  # bytes: signature 8, IHDR 25
DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"


def write(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all, into a folder that is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_whole(path, content)


def signed(content: bytes, form: str, about: About) -> bytes:
    """An image of this form ("pdf", "svg", "png") that tells what it shows, instead of the program that drew it."""
    return _SIGN[form](content, about)


def _pdf(content: bytes, about: About) -> bytes:
    """The document information: title, subject (the caption), keywords (the runs), creator."""
    from pypdf import PdfWriter

    logging.getLogger("pypdf").setLevel(logging.ERROR)  # else it warns of how Chromium counts its objects
    writer = PdfWriter(clone_from=io.BytesIO(content))
    words = {"/Title": about.title, "/Subject": about.caption, "/Keywords": ", ".join(about.runs), "/Creator": MAKER}
    writer.add_metadata({key: value for key, value in words.items() if value})
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


def _svg(content: bytes, about: About) -> bytes:
    """`<title>`, which browsers show and read out, and `<metadata>` in Dublin Core."""
    terms = [("title", about.title), ("description", about.caption), ("creator", MAKER)]
    terms += [("source", run) for run in about.runs]
    inner = "".join(f"<dc:{name}>{escape(value)}</dc:{name}>" for name, value in terms if value)
    metadata = f'<title>{escape(about.title)}</title><metadata xmlns:dc="{DUBLIN_CORE}">{inner}</metadata>'
    start = content.index(b">", content.index(b"<svg")) + 1
    return content[:start] + metadata.encode() + content[start:]


def _png(content: bytes, about: About) -> bytes:
    """Text in UTF-8, and 300 dots to the inch, from which LaTeX takes its width; both behind the header."""
    content = _small(content)
    dots = _chunk(b"pHYs", round(300 / 0.0254).to_bytes(4, "big") * 2 + b"\x01")  # per metre
    terms = {"Title": about.title, "Description": about.caption, "Source": ", ".join(about.runs), "Software": MAKER}
    texts = [_chunk(b"iTXt", f"{key}\0\0\0\0\0{value}".encode()) for key, value in terms.items() if value]
    return content[:PNG_HEAD] + dots + b"".join(texts) + content[PNG_HEAD:]


def _small(content: bytes) -> bytes:
    """The same picture in fewer bytes where it has too many: without transparency, then with 256 colours."""
    if len(content) <= MOST_BYTES:
        return content
    from PIL import Image

    picture = Image.open(io.BytesIO(content)).convert("RGB")
    for smaller in (picture, picture.quantize(256, dither=Image.Dither.NONE)):
        made = io.BytesIO()
        smaller.save(made, "png", optimize=True)
        if made.tell() <= MOST_BYTES:
            break
    return made.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


_SIGN: dict[str, Callable[[bytes, About], bytes]] = {"pdf": _pdf, "svg": _svg, "png": _png}
