"""Files of chosen sites: GeoJSON and GeoPackage of the sites, csv of who goes where."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import geopandas as gpd

from kcity_geo.analysis.location.located import Located
from kcity_geo.citydata import CityData
from kcity_geo.errors import OutputError
from kcity_geo.outputs.attribution import CAVEAT, SYNTHETIC, credits_line

__all__ = ["ENDINGS", "check_located_path", "save_located"]

ENDINGS = (".geojson", ".gpkg", ".csv")


def check_located_path(path: Path) -> None:
    """
    Refuse a file that cannot be written, before any work.

    Parameters
    ----------
    path : file to write.

    Raises
    ------
    OutputError
        If its ending is none of `ENDINGS`, its folder is missing, or it is a folder.
    """
    if path.suffix.lower() not in ENDINGS:
        raise OutputError(f"{path}: end the name in one of {', '.join(ENDINGS)}")
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give a file")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}")


def save_located(found: Located, path: Path, *, data: CityData) -> None:
    """
    Write chosen sites.

    Parameters
    ----------
    found : of `kcity_geo.analysis.location.locate.locate`.
    path : ``.geojson`` (WGS 84) or ``.gpkg`` (metric CRS): the sites; ``.csv``: who goes where. An
        existing file is replaced when the new one is whole.
    data : of the city, for its credits.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    check_located_path(path)
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".locate-") as folder:
            made = Path(folder) / path.name
            if path.suffix.lower() == ".csv":
                found.assignment.to_csv(made, index=False, float_format="%.6g", lineterminator="\n")
            else:
                _write_sites(found, made, data)
            made.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error


def _write_sites(found: Located, path: Path, data: CityData) -> None:
    import pyogrio

    frame: gpd.GeoDataFrame = found.sites.assign(service=found.service.id, method=found.method)
    if path.suffix.lower() == ".gpkg":
        # The time of writing would make two equal runs differ.
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
        try:
            pyogrio.write_dataframe(frame, path, driver="GPKG", layer="located")
        finally:
            pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
        return
    members = {
        "type": "FeatureCollection",
        "attribution": credits_line(data),
        "notice": CAVEAT + (f" {SYNTHETIC}" if data.synthetic else ""),
        "answer": found.sentence,
        "proof": found.proof,
        "notes": list(found.notes),
    }
    pyogrio.write_dataframe(
        frame,
        path,
        driver="GeoJSON",
        layer="located",
        geometry_type="Point" if len(frame) == 0 else None,
        RFC7946="YES",
        WRITE_BBOX="YES",
        COORDINATE_PRECISION="7",
        SIGNIFICANT_FIGURES="6",
        NATIVE_DATA=json.dumps(members, ensure_ascii=False),
        NATIVE_MEDIA_TYPE="application/vnd.geo+json",
    )
