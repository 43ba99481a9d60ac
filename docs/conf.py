"""Sphinx: the guide in Markdown, the reference from docstrings."""

project = "kcity_geo"
author = "kcity_geo team"
copyright = "2026, kcity_geo team"  # noqa: A001 - the name that Sphinx wants
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
]
html_theme = "furo"
html_title = "kcity_geo"
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 4
napoleon_numpy_docstring = True
napoleon_google_docstring = False
autodoc_typehints = "none"
autosummary_generate = False
suppress_warnings = ["ref.python", "docutils"]
