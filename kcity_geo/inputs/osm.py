"""Map of a study: the layers of its extract, with features of the user beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from kcity_geo.city import City
from kcity_geo.citydata import Provenance
from kcity_geo.config import Config
from kcity_geo.inputs.reading import Reading
from kcity_geo.layer_tags import tags_in_words
from kcity_geo.notes import tell
from kcity_geo.studyfile import Study, file_and_part, resolve_path, sha256_of

__all__ = ["load_osm"]

#: How far beyond the boundary streets and facilities are read, so that the edge is served too.
CONTEXT_M = 2000.0


def _invented(about: Provenance) -> Provenance:
    """Credit nobody for the map of a city that does not exist."""
    return replace(
        about,
        title=f"Synthetic map {about.path}, in the data model of OpenStreetMap",
        licence="CC0-1.0",
        attribution="Synthetic map, made by kcity_geo: no such place exists",
        url="",
    )


def load_osm(study: Study, city: City, config: Config) -> Reading[dict[str, gpd.GeoDataFrame]]:
    """
    Read the OSM layers of the city and what lies around it, with the user's own features beside them.

    Parameters
    ----------
    study : the study file.
    city : its city.
    config : limits, cache, offline.

    Returns
    -------
    Layers by name, with the date of the map.
    """
    mapped = _mapped(study, city, config)
    layers, own, bad = _with_own_layers(study, city, mapped.value)
    layers, lines, worse = _with_power_lines(study, city, layers)
    return Reading(
        value=layers,
        about=(*mapped.about, *own, *lines),
        as_of=mapped.as_of,
        unreadable=_joined(_joined(mapped.unreadable, bad), worse),
    )


def _mapped(study: Study, city: City, config: Config) -> Reading[dict[str, gpd.GeoDataFrame]]:
    """Read the layers of the extract; empty ones without an extract."""
    from kcity_geo.sources.local.synthetic import says_synthetic
    from kcity_geo.sources.osm.pbf import empty_layers, read_osm
    from kcity_geo.sources.osm.rules import rules

    area = _with_context(city)
    if study.sources.osm is None:
        tell(
            "no OpenStreetMap extract was given: streets, facilities and networks are not assessed; "
            "give sources.osm",
            stacklevel=3,
        )
        return Reading(value=empty_layers(city.crs))
    if study.sources.osm == "overpass":
        from kcity_geo.sources.products.overpass import download_osm, query_tags

        path = download_osm(area, config=config, tags=query_tags(study.tags))
    else:
        path = resolve_path(study, study.sources.osm, key="sources.osm")
    tags = rules(study.tags)
    extract = read_osm(path, area=area, crs=city.crs, config=config, tags=tags)
    for text in extract.warnings:
        tell(text, stacklevel=3)
    about = Provenance(
        id="osm",
        title=f"OpenStreetMap extract {path.name}",
        path=path.name,
        sha256=sha256_of(path),
        licence="ODbL-1.0",
        attribution="© OpenStreetMap contributors",
        as_of=extract.date,
        url="https://www.openstreetmap.org/copyright",
        note="; ".join(f"{k} of the study file: {v}" for k, v in tags_in_words(study.tags).items()),
    )
    unreadable = extract.unreadable_tags
    numbers = unreadable.iloc[extract.miswritten :]
    if len(numbers):
        examples = ", ".join(
            f"{key}={value}"
            for key, value in numbers[["key", "value"]].drop_duplicates().head(3).to_numpy()
        )
        # A way in two layers is listed in both, and is one tag.
        tags_told = len(numbers.drop_duplicates(["osm_type", "osm_id", "key"]))
        tell(
            f"{tags_told:,} tags of the OSM extract hold no readable number ({examples}, …) and "
            "count as not given; the list is in unreadable_tags.csv",
            stacklevel=3,
        )
    if study.sources.osm != "overpass" and says_synthetic(path):
        about = _invented(about)
    return Reading(
        value=dict(extract.layers), about=(about,), as_of=extract.date, unreadable=unreadable
    )


def _with_own_layers(
    study: Study, city: City, layers: dict[str, gpd.GeoDataFrame]
) -> tuple[dict[str, gpd.GeoDataFrame], tuple[Provenance, ...], pd.DataFrame]:
    """Add the user's own features to the layers of the map, with or without a map."""
    import pandas as pd

    from kcity_geo.sources.local.origins import describe
    from kcity_geo.sources.local.ownlayers import append_own, read_own_layer
    from kcity_geo.sources.osm.rules import rules

    wanted = {f"sources.extra.{name}": (name, value) for name, value in study.sources.extra.items()}
    area: Any = _with_context(city) if wanted else None
    provenance, unreadable = [], [pd.DataFrame()]
    if study.sources.protected:
        layers["protected"] = _more_protected(study, city, layers["protected"])
        path = resolve_path(study, study.sources.protected, key="sources.protected")
        provenance.append(describe(file_and_part(path)[0], key="protected"))
    for key, (name, value) in wanted.items():
        path = resolve_path(study, value, key=key)
        own, bad = read_own_layer(
            path, name, key=key, area=area, crs=city.crs, tags=rules(study.tags)
        )
        layers[name] = append_own(layers[name], own, layer=name, key=key)
        if len(bad):
            first = f"{bad['key'].iloc[0]}={bad['value'].iloc[0]}"
            tell(
                f"{key}: {len(bad):,} values of {path.name} hold no readable number (first: {first}) and count as not "
                "given; the list is in unreadable_tags.csv"
            )
        unreadable.append(bad)
        note = f"{len(own):,} features from your own file, beside OpenStreetMap"
        provenance.append(
            replace(describe(file_and_part(path)[0], key=key.removeprefix("sources.")), note=note)
        )
    return layers, tuple(provenance), pd.concat(unreadable, ignore_index=True)


def _with_context(city: City) -> Any:  # noqa: ANN401 - shapely geometry
    """City boundary and `CONTEXT_M` around it, lon/lat."""
    import shapely
    from pyproj import Transformer

    wider = city.boundary_metric.buffer(CONTEXT_M)
    back = Transformer.from_crs(city.crs, 4326, always_xy=True)
    return shapely.make_valid(
        shapely.transform(wider, lambda xy: np.column_stack(back.transform(xy[:, 0], xy[:, 1])))
    )


def _own_rows(known: gpd.GeoDataFrame, frame: gpd.GeoDataFrame, city: City) -> gpd.GeoDataFrame:
    """Give features of a file the schema of a layer; their ids are negative."""
    extra = known.iloc[:0].reindex(range(len(frame))).set_geometry(frame.geometry.to_numpy())
    extra = extra.set_crs(city.crs, allow_override=True)
    extra["osm_type"], extra["osm_id"] = "file", -np.arange(1, len(frame) + 1)
    return extra


def _more_protected(study: Study, city: City, known: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    import pandas as pd

    from kcity_geo.sources.local.vectors import read_polygons, told_elsewhere

    path = resolve_path(study, str(study.sources.protected), key="sources.protected")
    key = "sources.protected"
    frame = read_polygons(path, key=key, join=True)
    what = f"{key}: {path.name}"
    frame = told_elsewhere(frame, _with_context(city), what=what, required=False).to_crs(city.crs)
    extra = _own_rows(known, frame, city)
    extra["name"] = frame["name"].fillna("").astype(str).to_numpy() if "name" in frame else ""
    extra["tags"] = [{} for _ in range(len(frame))]
    if known.empty:
        return extra
    joined: gpd.GeoDataFrame = pd.concat([known, extra], ignore_index=True)
    return joined


def _with_power_lines(
    study: Study, city: City, layers: dict[str, gpd.GeoDataFrame]
) -> tuple[dict[str, gpd.GeoDataFrame], tuple[Provenance, ...], pd.DataFrame | None]:
    """
    Put the lines of the user's own file beside those of OSM; they count as mapped.

    A voltage that is there but cannot be read leaves the class of the line unknown.
    """
    import pandas as pd

    from kcity_geo.sources.local.vectors import read_power_lines, told_elsewhere

    if not study.sources.power_lines:
        return layers, (), None
    path = resolve_path(study, study.sources.power_lines, key="sources.power_lines")
    what = f"sources.power_lines: {path.name}"
    frame = told_elsewhere(read_power_lines(path), _with_context(city), what=what)
    frame = frame.to_crs(city.crs)
    known = layers["power_line"]
    extra = _own_rows(known, frame, city)
    unread = (frame["voltage"].str.strip() != "").to_numpy() & frame["voltage_v"].isna().to_numpy()
    extra["kind"] = extra["power"] = np.where(unread, "", "line")
    for column in ("name", "voltage_v"):
        extra[column] = frame[column].to_numpy()
    extra["tags"] = [{"voltage": v} if v else {} for v in frame["voltage"]]
    joined = extra if known.empty else pd.concat([known, extra], ignore_index=True)
    about = Provenance(
        id="power_lines",
        title=f"Power lines of {path.name}",
        path=path.name,
        sha256=sha256_of(file_and_part(path)[0]),
        licence="unknown",
        attribution="",
        as_of="",
    )
    bad = pd.DataFrame(
        {
            "layer": "power_line",
            "osm_type": "file",
            "osm_id": extra["osm_id"].to_numpy()[unread],
            "key": "voltage",
            "value": frame["voltage"].to_numpy()[unread],
        }
    )
    if len(bad):
        tell(
            f"sources.power_lines: {len(bad)} of {len(frame)} lines of {path.name} have a voltage that "
            f"holds no number ({bad['value'].iloc[0]!r}); they count to no class; give volts, or text "
            "like 33 kV",
            stacklevel=3,
        )
    return {**layers, "power_line": joined}, (about,), bad if len(bad) else None


def _joined(one: pd.DataFrame | None, two: pd.DataFrame | None) -> pd.DataFrame | None:
    """Put two lists of unreadable tags together, either of which may be missing."""
    import pandas as pd

    frames = [f for f in (one, two) if f is not None and len(f)]
    return pd.concat(frames, ignore_index=True) if frames else None
