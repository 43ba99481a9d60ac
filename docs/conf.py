"""Sphinx: the guide in Markdown, the reference from docstrings."""

from kcity_geo.indicators import indicator_rows

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


def indicator_facts(docname):
    """Give the rows of the indicators that a page describes, as a table in Markdown."""
    rows = [row for row in indicator_rows().values() if row.docs == f"{docname}.md"]
    if not rows:
        return ""

    def number(value):
        return "own formula" if value is None else f"{value:g}"

    lines = ["", "", "## Facts", "", "From the rows of `kcity_geo/tables/indicators/`:", ""]
    lines += ["| id | unit | target | worst | weights urban, rural | group | mark | source |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for row in rows:
        weights = f"{row.urban_weight:g}, {row.rural_weight:g}" if row.scored else "reported only"
        target = number(row.target) if row.scored or row.target is not None else ""
        worst = number(row.worst) if row.scored or row.worst is not None else ""
        cells = (row.id, row.unit, target, worst, weights, row.group, row.mark, row.citation)
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join([*lines, ""])


def setup(app):
    def add_facts(_, docname, source):
        source[0] += indicator_facts(docname)

    app.connect("source-read", add_facts)
    return {"parallel_read_safe": True}
