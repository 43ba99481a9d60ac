"""Which inputs of a study say that they were invented: the files say it, not a name."""

from __future__ import annotations

from kcity_geo.config import read_table
from kcity_geo.sources.local.synthetic import says_synthetic
from kcity_geo.studyfile import Study, file_and_part, resolve_path

__all__ = ["synthetic_inputs"]


def synthetic_inputs(study: Study) -> frozenset[str]:
    """
    Find the inputs of a study that do not speak of a real place.

    Parameters
    ----------
    study : the study file.

    Returns
    -------
    Keys of ``[sources]`` whose file says that it is synthetic; none for real data.

    Raises
    ------
    SourceError
        If a file is missing.
    """
    found = set()
    for key in ("osm", *read_table("rasters")["raster"]):
        value = getattr(study.sources, key, None)  # own criteria are no source
        given = [] if value is None else [value] if isinstance(value, str) else list(value)
        for one in given:
            if one != "overpass" and says_synthetic(
                file_and_part(resolve_path(study, one, key=f"sources.{key}"))[0]
            ):
                found.add(key)
    return frozenset(found)
