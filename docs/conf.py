"""Sphinx: the guide in Markdown, the reference from docstrings."""

import importlib
import pkgutil
from pathlib import Path

import kcity_geo
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
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
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


def names_of_kc():
    """Give the names of ``import kcity_geo as kc`` with the first line of what each says."""
    lines = ["", "| name | what it is |", "|---|---|"]
    for name in kcity_geo.__all__:
        told = (getattr(kcity_geo, name).__doc__ or "").strip().split("\n")[0]
        lines.append(f"| `kc.{name}` | {told.replace('|', '/')} |")
    return "\n".join([*lines, ""])


def other_modules():
    """Give every module with public names that stands on no other page."""
    shown = (Path(__file__).parent / "reference.md").read_text(encoding="utf-8")
    lines = ["", "```{eval-rst}"]
    for module in pkgutil.walk_packages(kcity_geo.__path__, "kcity_geo."):
        # A package gives names of its modules again.
        if module.ispkg or module.name == "kcity_geo.__main__" or f" {module.name}\n" in shown:
            continue
        here = importlib.import_module(module.name)
        own = [
            name
            for name in getattr(here, "__all__", ())
            if getattr(getattr(here, name), "__module__", module.name) == module.name
        ]
        if own:
            lines += [f".. automodule:: {module.name}", f"   :members: {', '.join(own)}", ""]
    return "\n".join([*lines, "```", ""])


def setup(app):
    def add_facts(_, docname, source):
        source[0] += indicator_facts(docname)
        if docname == "names":
            source[0] += names_of_kc()
        if docname == "modules":
            source[0] += other_modules()

    app.connect("source-read", add_facts)
    return {"parallel_read_safe": True}
