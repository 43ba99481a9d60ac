"""
A small world around Monaco on a local server: every product of the catalogue in its real format.

Run by its path: ``python tests/support/world.py FOLDER BASE_URL``. It writes what
``tests/support/faulty.py`` serves. The pixels are coarse and the values are made by formulas, the
formats, names, units and codes for no data are those of the providers.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import sys
import zipfile
from pathlib import Path

import numpy as np
import osmium
import rasterio
import shapely
from osmium.osm import mutable
from pyproj import Transformer
from rasterio.transform import Affine, from_origin

WEST, SOUTH, EAST, NORTH = 7.40, 43.72, 7.44, 43.755
OUTLINE = [[7.405, 43.722], [7.438, 43.722], [7.438, 43.753], [7.405, 43.753], [7.405, 43.722]]


class World:
    """Writes files under ``host/path``."""

    def __init__(self, root: Path, base: str) -> None:
        self.root, self.base = root, base

    def put(self, path: str, data: bytes | str | dict | list) -> str:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, dict | list):
            data = json.dumps(data)
        target.write_bytes(data.encode() if isinstance(data, str) else data)
        return f"{self.base}/{path}"


def cog(
    values: np.ndarray, transform: Affine, *, crs: str = "EPSG:4326", nodata: float | None = None
) -> bytes:
    with rasterio.MemoryFile() as memory:
        with memory.open(
            driver="COG",
            width=values.shape[1],
            height=values.shape[0],
            count=1,
            crs=crs,
            dtype=values.dtype,
            transform=transform,
            nodata=nodata,
            blocksize=128,
        ) as data:
            data.write(values, 1)
        return bytes(memory.read())


def zipped(members: dict[str, bytes | str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return stream.getvalue()


# -- OpenStreetMap -----------------------------------------------------------------------------


def streets() -> list[dict]:
    """A lattice of streets, a school, a clinic, a bus stop, a river, a substation, a lake, houses."""
    step = 0.0025
    columns = np.arange(WEST, EAST + 1e-9, step)
    rows = np.arange(SOUTH, NORTH + 1e-9, step)
    items: list[dict] = []
    number = {}
    for j, lat in enumerate(rows):
        for i, lon in enumerate(columns):
            number[i, j] = len(number) + 1
            items.append(
                {"type": "node", "id": number[i, j], "lat": round(lat, 7), "lon": round(lon, 7)}
            )
    ways = []
    for j in range(len(rows)):
        ways.append([number[i, j] for i in range(len(columns))])
    for i in range(len(columns)):
        ways.append([number[i, j] for j in range(len(rows))])
    kinds = ["primary", "residential", "secondary", "residential", "footway"]
    for k, nodes in enumerate(ways):
        tags = {"highway": kinds[k % 5], "name": f"Rue {k}", "surface": "asphalt"}
        items.append({"type": "way", "id": 1000 + k, "nodes": nodes, "tags": tags})
    points = [
        (7.412, 43.731, {"amenity": "clinic", "name": "Clinique"}),
        (7.421, 43.738, {"amenity": "school", "name": "École"}),
        (7.431, 43.744, {"highway": "bus_stop", "name": "Casino"}),
        (7.415, 43.746, {"man_made": "water_tap", "drinking_water": "yes"}),
        (7.435, 43.729, {"power": "substation", "voltage": "63000"}),
    ]
    for k, (lon, lat, tags) in enumerate(points):
        items.append({"type": "node", "id": 5000 + k, "lat": lat, "lon": lon, "tags": tags})
    fresh = 6000
    way = 2000
    for k in range(40):
        lon, lat = 7.408 + 0.0007 * k, 43.7265 + 0.0005 * k
        ring = [(lon, lat), (lon + 2e-4, lat), (lon + 2e-4, lat + 2e-4), (lon, lat + 2e-4)]
        refs = []
        for x, y in ring:
            items.append({"type": "node", "id": fresh, "lat": round(y, 7), "lon": round(x, 7)})
            refs.append(fresh)
            fresh += 1
        items.append(
            {"type": "way", "id": way, "nodes": [*refs, refs[0]], "tags": {"building": "yes"}}
        )
        way += 1
    refs = []
    for x, y in [(7.40, 43.724), (7.42, 43.7255), (7.44, 43.7235)]:
        items.append({"type": "node", "id": fresh, "lat": y, "lon": x})
        refs.append(fresh)
        fresh += 1
    items.append(
        {"type": "way", "id": way, "nodes": refs, "tags": {"waterway": "river", "name": "Vallon"}}
    )
    order = {"node": 0, "way": 1, "relation": 2}
    return sorted(items, key=lambda r: (order[r["type"]], r["id"]))


def write_pbf(items: list[dict], path: Path) -> None:
    header = osmium.io.Header()
    header.set("osmosis_replication_timestamp", "2026-11-01T20:21:02Z")
    header.add_box(osmium.osm.Box(WEST - 0.1, SOUTH - 0.1, EAST + 0.1, NORTH + 0.1))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with osmium.SimpleWriter(str(path), header=header) as writer:
        for item in items:
            tags = item.get("tags", {})
            if item["type"] == "node":
                at = (item["lon"], item["lat"])
                writer.add_node(
                    mutable.Node(
                        id=item["id"], location=at, tags=tags, user="somebody", uid=7, version=3
                    )
                )
            else:
                writer.add_way(
                    mutable.Way(
                        id=item["id"], nodes=item["nodes"], tags=tags, user="somebody", uid=7
                    )
                )


def put_osm(world: World) -> None:
    items = streets()
    world.put(
        "overpass-api.de/api/interpreter-data",
        {
            "version": 0.6,
            "generator": "Overpass API 0.7.62",
            "osm3s": {"timestamp_osm_base": "2026-11-20T10:00:00Z"},
            "elements": items,
        },
    )
    for name, path in (
        ("monaco", "download.geofabrik.de/europe/monaco-latest.osm.pbf"),
        ("Monaco", "download.bbbike.org/osm/bbbike/Monaco/Monaco.osm.pbf"),
    ):
        target = world.root / path
        write_pbf(items, target)
        md5 = hashlib.md5(target.read_bytes(), usedforsecurity=False).hexdigest()
        if name == "monaco":
            world.put(f"{path}.md5", f"{md5}  monaco-latest.osm.pbf\n")
        else:
            world.put(
                "download.bbbike.org/osm/bbbike/Monaco/CHECKSUM.txt", f"{md5}  Monaco.osm.pbf\n"
            )
    world.put(
        "download.bbbike.org/osm/bbbike/index",
        '<html><a href="Aachen/">Aachen</a> <a href="Monaco/">Monaco</a></html>',
    )
    world.put(
        "download.bbbike.org/osm/bbbike/Monaco/Monaco.poly",
        "Monaco\n1\n  7.2 43.6\n  7.6 43.6\n  7.6 43.9\n  7.2 43.9\nEND\nEND\n",
    )
    features = []
    for name, box in (
        ("europe", (-30, 30, 50, 75)),
        ("france", (-5, 41, 10, 52)),
        ("monaco", (7.3, 43.65, 7.55, 43.85)),
    ):
        path = f"{world.base}/download.geofabrik.de/europe/{name}-latest.osm.pbf"
        features.append(
            {
                "type": "Feature",
                "properties": {
                    "id": name,
                    "parent": "europe",
                    "name": name.title(),
                    "urls": {"pbf": path},
                },
                "geometry": json.loads(
                    shapely.to_geojson(shapely.MultiPolygon([shapely.box(*box)]))
                ),
            }
        )
    world.put(
        "download.geofabrik.de/index-v1.json", {"type": "FeatureCollection", "features": features}
    )


# -- places ------------------------------------------------------------------------------------


def put_places(world: World) -> None:
    row = {
        "place_id": 1,
        "licence": "Data © OpenStreetMap contributors, ODbL 1.0. http://osm.org/copyright",
        "osm_type": "relation",
        "osm_id": 1124039,
        "lat": "43.7323492",
        "lon": "7.4276832",
        "class": "boundary",
        "type": "administrative",
        "place_rank": 4,
        "importance": 0.78,
        "addresstype": "country",
        "name": "Monaco",
        "display_name": "Monaco",
        "boundingbox": ["43.722", "43.753", "7.405", "7.438"],
        "geojson": {"type": "Polygon", "coordinates": [OUTLINE]},
    }
    world.put("nominatim.openstreetmap.org/search-monaco.json", [row])
    world.put("nominatim.openstreetmap.org/search-monaco-monaco.json", [row])
    world.put("nominatim.openstreetmap.org/search-nothing.json", [])
    world.put("nominatim.openstreetmap.org/status", "OK")
    boxes = {"Ouest": (7.3, 43.6, 7.42, 43.9), "Est": (7.42, 43.6, 7.6, 43.9)}
    features = [
        {
            "type": "Feature",
            "properties": {
                "shapeName": n,
                "shapeISO": "",
                "shapeID": f"MCO-{n}",
                "shapeGroup": "MCO",
                "shapeType": "ADM2",
            },
            "geometry": json.loads(shapely.to_geojson(shapely.box(*b))),
        }
        for n, b in boxes.items()
    ]
    url = world.put(
        "github.com/wmgeolab/geoBoundaries/raw/MCO-ADM2.geojson",
        {"type": "FeatureCollection", "features": features},
    )
    world.put(
        "www.geoboundaries.org/api/current/gbOpen/MCO/ADM2/index",
        {
            "boundaryID": "MCO-ADM2-1",
            "boundaryYearRepresented": "2021",
            "gjDownloadURL": url,
            "boundarySource": "OpenStreetMap",
            "boundaryLicense": "Open Data Commons Open Database License 1.0",
        },
    )


# -- rasters -----------------------------------------------------------------------------------


def put_rasters(world: World) -> None:
    px = 240
    lon, lat = np.meshgrid(7 + np.arange(px) / px, 44 - np.arange(px) / px)
    height = np.maximum(0, 900 * (lat - 43.72) + 300 * np.sin(40 * lon)).astype(np.float32)
    name = "Copernicus_DSM_COG_10_N43_00_E007_00_DEM"
    half = 0.5 / px
    world.put(
        f"copernicus-dem-30m.s3.amazonaws.com/{name}/{name}.tif",
        cog(height, Affine(1 / px, 0, 7 - half, 0, -1 / px, 44 + half)),
    )
    world.put("copernicus-dem-30m.s3.amazonaws.com/tileList.txt", f"{name}\n")

    rows, columns = np.indices((720, 720))
    cover = np.array([50, 50, 10, 30, 80, 40], dtype=np.uint8)[(rows // 3 + columns // 5) % 6]
    world.put(
        "esa-worldcover.s3.eu-central-1.amazonaws.com/v200/2021/map/ESA_WorldCover_10m_2021_v200_N42E006_Map.tif",
        cog(cover, from_origin(6, 45, 1 / 240, 1 / 240), nodata=0),
    )
    water = np.where((rows + columns) % 9 == 0, 95, 0).astype(np.uint8)[:500, :500]
    world.put(
        "s3.waw4-1.cloudferro.com/swift/v1/global-surface-water/download2024/Aggregated/VER1-5/occurrence/occurrence_0E_50N_v1_5_2024.tif",
        cog(water, from_origin(0, 50, 0.02, 0.02)),
    )
    put_ghsl(world)
    people = np.full((60, 80), 3.5, dtype=np.float32)
    people[:3] = -99999
    world.put(
        "data.worldpop.org/GIS/Population/Global_2015_2030/R2025A/2025/MCO/v1/100m/constrained/mco_pop_2025_CN_100m_R2025A_v1.tif",
        cog(people, from_origin(7.39, 43.77, 1 / 1200, 1 / 1200), nodata=-99999),
    )
    key = "composites/npp_202510_ops/DNB_npp_20251001-20251031_global_ecm-slcorr_v10_ops.avg_rade9.tif"
    lights = (5 + 3 * np.sin(np.indices((240, 240))[0] / 7)).astype(np.float32)
    world.put(
        f"globalnightlight.s3.amazonaws.com/{key}",
        cog(lights, from_origin(7, 44, 1 / 240, 1 / 240)),
    )
    rows_xml = "".join(
        f"<Contents><Key>{k}</Key><Size>9</Size></Contents>"
        for k in (key, key.replace("202510", "202409").replace("31_", "30_"))
    )
    world.put(
        "globalnightlight.s3.amazonaws.com/index",
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>globalnightlight</Name><IsTruncated>false</IsTruncated>{rows_xml}</ListBucketResult>",
    )
    ghi = np.full((240, 720), 4.2, dtype=np.float32)
    world.put(
        "api.globalsolaratlas.info/download/World/World_GHI_GISdata_LTAy_AvgDailyTotals_GlobalSolarAtlas-v2_GEOTIFF.zip",
        zipped(
            {
                "World_GHI_GISdata/GHI.tif": cog(
                    ghi, from_origin(-180, 60, 0.5, 0.5), nodata=math.nan
                ),
                "World_GHI_GISdata/readme.txt": "GHI",
            }
        ),
    )
    monthly = [{"year": 2020, "month": m, "H(h)_m": 120.0} for m in range(1, 13)]
    world.put("re.jrc.ec.europa.eu/api/v5_3/MRcalc", {"outputs": {"monthly": monthly}})


def put_ghsl(world: World) -> None:
    to_mollweide = Transformer.from_crs(4326, "ESRI:54009", always_xy=True)
    x, y = to_mollweide.transform(7.42, 43.737)
    column, row = math.floor((x + 18_041_000) / 1e6), math.floor((9_000_000 - y) / 1e6)
    west, north = -18_041_000 + column * 1e6, 9_000_000 - row * 1e6
    tile = f"R{row + 1}_C{column + 1}"
    size = 1000  # 1 km pixels instead of 100 m
    people = np.zeros((size, size))
    built = np.zeros((size, size), dtype=np.uint32)
    i, j = int((north - y) / 1000), int((x - west) / 1000)
    rng = np.random.default_rng(7)
    people[i - 8 : i + 9, j - 8 : j + 9] = np.round(rng.gamma(2, 300, (17, 17)), 3)
    built[i - 8 : i + 9, j - 8 : j + 9] = rng.integers(10_000, 300_000, (17, 17))
    people[0, :9] = -200
    built[0, :9] = 4294967295
    base = "jeodpp.jrc.ec.europa.eu/ftp/jrc-opendata/GHSL"
    for what, values in (("POP", people), ("BUILT_S", built)):
        stem = f"GHS_{what}_E2025_GLOBE_R2023A_54009_100_V1_0_{tile}"
        tif = cog(values, from_origin(west, north, 1000, 1000), crs="ESRI:54009")
        world.put(
            f"{base}/GHS_{what}_GLOBE_R2023A/GHS_{what}_E2025_GLOBE_R2023A_54009_100/V1-0/tiles/{stem}.zip",
            zipped(
                {
                    f"{stem}.tif": tif,
                    "GHSL_Data_Package_2023.pdf": b"%PDF-1.7",
                    f"{stem}.clr": "0 0 0 0",
                }
            ),
        )


# -- feeds and buildings -------------------------------------------------------------------------

COLUMNS = [
    "id",
    "data_type",
    "entity_type",
    "location.country_code",
    "location.subdivision_name",
    "location.municipality",
    "provider",
    "is_official",
    "name",
    "note",
    "feed_contact_email",
    "static_reference",
    "urls.direct_download",
    "urls.authentication_type",
    "urls.authentication_info",
    "urls.api_key_parameter_name",
    "urls.latest",
    "urls.license",
    "location.bounding_box.minimum_latitude",
    "location.bounding_box.maximum_latitude",
    "location.bounding_box.minimum_longitude",
    "location.bounding_box.maximum_longitude",
    "location.bounding_box.extracted_on",
    "status",
    "features",
    "redirect.id",
    "redirect.comment",
]


def feed_row(number: str, box: tuple[float, float, float, float], **values: str) -> str:
    south, north, west, east = (str(v) for v in box)
    row = (
        dict.fromkeys(COLUMNS, "")
        | {
            "id": number,
            "data_type": "gtfs",
            "provider": f"Provider {number}",
            "urls.authentication_type": "0",
            "status": "active",
            "location.bounding_box.minimum_latitude": south,
            "location.bounding_box.maximum_latitude": north,
            "location.bounding_box.minimum_longitude": west,
            "location.bounding_box.maximum_longitude": east,
        }
        | values
    )
    return ",".join(f'"{row[c]}"' for c in COLUMNS)


def put_feeds(world: World) -> None:
    feed = zipped(
        {
            "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\n1,CAM,http://cam.mc,Europe/Monaco\n",
            "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\ns1,Casino,43.744,7.431\ns2,Gare,43.738,7.419\n",
            "routes.txt": "route_id,agency_id,route_short_name,route_type\nr1,1,1,3\n",
            "trips.txt": "route_id,service_id,trip_id\nr1,w,t1\n",
            "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\nt1,08:00:00,08:00:00,s1,1\nt1,08:09:00,08:09:00,s2,2\n",
            "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nw,1,1,1,1,1,0,0,20260101,20271231\n",
        }
    )
    url = world.put("files.mobilitydatabase.org/mdb-1/latest.zip", feed)
    rows = [
        ",".join(COLUMNS),
        feed_row(
            "mdb-1",
            (43.70, 43.76, 7.39, 7.45),
            **{"urls.latest": url, "urls.license": "https://creativecommons.org/licenses/by/4.0/"},
        ),
        feed_row("mdb-2", (40.0, 50.0, 0.0, 10.0), **{"urls.latest": f"{world.base}/x/2.zip"}),
        feed_row(
            "mdb-3",
            (43.70, 43.76, 7.39, 7.45),
            **{"urls.latest": f"{world.base}/x/3.zip", "urls.authentication_type": "2"},
        ),
        feed_row(
            "mdb-4",
            (43.70, 43.76, 7.39, 7.45),
            **{"urls.latest": f"{world.base}/x/4.zip", "status": "deprecated"},
        ),
        feed_row(
            "mdb-5",
            (43.70, 43.76, 7.39, 7.45),
            **{"urls.latest": f"{world.base}/x/5.zip", "data_type": "gtfs_rt"},
        ),
        feed_row("mdb-6", (1.0, 2.0, 103.0, 104.0), **{"urls.latest": f"{world.base}/x/6.zip"}),
    ]
    world.put("files.mobilitydatabase.org/feeds_v2.csv", "\n".join(rows) + "\n")


def put_overture(world: World) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    release = "2026-10-21.0"
    world.put(
        "stac.overturemaps.org/catalog.json",
        {"type": "Catalog", "id": "Overture Releases", "latest": release, "links": []},
    )
    columns = {"id": [], "geometry": [], "height": [], "bbox": []}
    for k in range(400):
        west, south = 7.0 + (k % 20) * 0.045, 43.5 + (k // 20) * 0.02
        box = shapely.box(west, south, west + 1e-3, south + 1e-3)
        columns["id"].append(f"b{k:04d}")
        columns["geometry"].append(shapely.to_wkb(box))
        columns["height"].append(None if k % 3 else 12.5)
        columns["bbox"].append(
            {"xmin": west, "xmax": west + 1e-3, "ymin": south, "ymax": south + 1e-3}
        )
    struct = pa.struct([(n, pa.float32()) for n in ("xmin", "xmax", "ymin", "ymax")])
    table = pa.table(
        {
            "id": pa.array(columns["id"]),
            "geometry": pa.array(columns["geometry"], pa.binary()),
            "height": pa.array(columns["height"], pa.float64()),
            "bbox": pa.array(columns["bbox"], struct),
            "filler": pa.array(
                [hashlib.sha256(str(k).encode()).hexdigest() * 20 for k in range(400)]
            ),
        }
    )
    stream = io.BytesIO()
    pq.write_table(table, stream, row_group_size=20, use_dictionary=False, compression="none")
    key = f"release/{release}/theme=buildings/type=building/part-00042.zstd.parquet"
    world.put(f"overturemaps-us-west-2.s3.us-west-2.amazonaws.com/{key}", stream.getvalue())
    other = key.replace("buildings/type=building", "places/type=place")
    rows = [
        {
            "id": "00042",
            "collection": None,
            "bbox": {"xmin": 7.0, "ymin": 43.5, "xmax": 7.95, "ymax": 43.95},
            "assets": {
                "aws": {
                    "href": "",
                    "alternate": {"s3": {"href": f"s3://overturemaps-us-west-2/{k}"}},
                }
            },
        }
        for k in (key, other)
    ]
    rows.append(
        {**rows[0], "id": "far", "bbox": {"xmin": -80.0, "ymin": 0.0, "xmax": -70.0, "ymax": 10.0}}
    )
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), stream)
    world.put(f"stac.overturemaps.org/{release}/collections.parquet", stream.getvalue())


def main() -> None:
    world = World(Path(sys.argv[1]), sys.argv[2])
    put_osm(world)
    put_places(world)
    put_rasters(world)
    put_feeds(world)
    put_overture(world)


if __name__ == "__main__":
    main()
