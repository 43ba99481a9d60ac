"""
The command ``kcity``: parses, calls, prints; it holds no logic.

Each module of `_COMMANDS` holds a group of commands, hung on `kcity_geo.cli.root.app`; a new group is
a module with ``@app.command()`` functions and its name there. What they share stands in `options`,
`opening` and `console`. Exit codes: 0 done, 1 done but something that was asked for is missing, 2 bad
input. Progress goes to stderr, answers to stdout.
"""

from __future__ import annotations

from importlib import import_module

from kcity_geo.cli.root import app, main

__all__ = ["app", "main"]

#: Modules of commands, in the order of the help; importing one adds what it holds.
_COMMANDS = (
    "studies",
    "plans",
    "places",
    "changes",
    "comparisons",
    "many",
    "packs",
    "tables",
    "programme",
)

for _name in _COMMANDS:
    import_module(f"{__name__}.{_name}")
