"""Settings of the documentation site; `make docs` (tools/docs.py) calls Sphinx with them.

No page asks the network for anything: the theme brings its own styles and uses the reader's fonts, and the search runs
in the page.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import curriculab  # noqa: E402
from tools.docstrings import as_rst  # noqa: E402

project = "curriculab"
author = copyright = "the curriculab authors"
version = release = curriculab.__version__
html_title = f"curriculab {version}"
html_theme = "furo"
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_extra_path = ["_extra"]  # the notebooks as pages of their own, written by tools/docs.py
exclude_patterns = ["_extra"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
default_role = "code"  # docstrings write `name`, as Markdown does
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False
language = "en"
suppress_warnings = ["ref.python"]  # a class is known by its module and by its package: either is right


def setup(app: object) -> None:
    # before napoleon (500), which reads the numpydoc sections
    app.connect("autodoc-process-docstring", as_rst, priority=400)
