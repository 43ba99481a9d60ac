"""Does a file say of itself that its place does not exist?"""

from __future__ import annotations

from pathlib import Path

__all__ = ["says_synthetic"]

_RASTERS = (".tif", ".tiff")
_MAPS = (".osm.pbf", ".pbf", ".osm", ".osm.gz", ".osm.bz2")


def says_synthetic(path: str | Path) -> bool:
    """
    Tell whether a file declares that its data were invented.

    Parameters
    ----------
    path : raster, OSM file or folder of rasters; any other file says nothing.

    Returns
    -------
    True for a GeoTIFF with the tag ``SYNTHETIC`` (yes, true, 1), for an OSM file whose header names
    a synthetic city as its generator, and for a folder with such a raster. A file that cannot be
    opened says nothing: its reader will refuse it.
    """
    path = Path(path)
    if path.is_dir():
        return any(_tagged(p) for p in sorted(path.iterdir()) if p.suffix.lower() in _RASTERS)
    name = path.name.lower()
    if name.endswith(_RASTERS):
        return _tagged(path)
    return name.endswith(_MAPS) and _generated(path)


def _tagged(path: Path) -> bool:
    import rasterio

    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            tags = {k.upper(): str(v).strip().lower() for k, v in dataset.tags().items()}
    except rasterio.errors.RasterioIOError:
        return False
    return tags.get("SYNTHETIC", "") in {"yes", "true", "1"}


def _generated(path: Path) -> bool:
    import osmium

    try:
        with osmium.io.Reader(str(path), osmium.osm.NOTHING) as reader:
            return "synthetic" in reader.header().get("generator").lower()
    except (RuntimeError, OSError):
        return False
