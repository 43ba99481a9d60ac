"""How a command comes to its limits and to the study that it is asked about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kcity_geo.config import Config

if TYPE_CHECKING:
    from kcity_geo.studyfile import Study


def config_of(*, offline: bool, max_pixels: int | None = None, contact: str = "") -> Config:
    """
    Give the limits of a command: of the environment, with what its options change.

    Parameters
    ----------
    offline : refuse every connection; else as the environment says.
    max_pixels : read from one raster at most; None: as the environment says.
    contact : sent to public servers; empty: as the environment says.

    Returns
    -------
    Limits and places.
    """
    changes: dict[str, bool | int | str] = {}
    if offline:
        changes["offline"] = True
    if max_pixels is not None:
        changes["max_pixels"] = max_pixels
    if contact:
        changes["contact"] = contact
    return Config.from_env(**changes)


def study_file(path: Path, config: Config) -> Path:
    """
    Find the study file inside a city pack, folder or zip.

    Parameters
    ----------
    path : of a study file or a city pack.
    config : limits and places; a zip is unpacked into its cache.

    Returns
    -------
    Path of the study file.
    """
    if path.suffix.lower() == ".zip" and path.is_file():
        from kcity_geo.sources.pack.pack import open_pack

        return open_pack(path, config=config)
    if path.is_dir() and (path / "study.toml").is_file():
        return path / "study.toml"
    return path


def study_at(path: Path, config: Config, scenario: Path | None = None) -> Study:
    """
    Read the study that a command is asked about.

    Parameters
    ----------
    path : of a study file or a city pack.
    config : limits and places.
    scenario : file with other weights and limits, or None.

    Returns
    -------
    The validated study, with the scenario.
    """
    from kcity_geo.studyfile import load_study

    study = load_study(study_file(path, config))
    if scenario is None:
        return study
    from kcity_geo.scenariofile import with_scenario

    return with_scenario(study, scenario)
