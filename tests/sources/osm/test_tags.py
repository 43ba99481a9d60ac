"""Numbers out of tag values: tables of what people type, and of what must not be guessed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.sources.osm import tags

NAN = math.nan


def same(found: float, expected: float) -> bool:
    return (math.isnan(found) and math.isnan(expected)) or found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "volts"),
    [
        ("110000", 110_000),
        ("110000;33000", 110_000),
        ("33000;110000", 110_000),
        ("110000; 33000 ;400", 110_000),
        ("33 kV", 33_000),
        ("33kv", 33_000),
        ("33 KV", 33_000),
        ("0.4 kV", 400),
        ("0,4 kV", 400),
        ("20,5 kV", 20_500),
        ("110/33 kV", 110_000),
        ("33/11/0.4 kV", 33_000),
        ("110 kV/33 kV", 110_000),
        ("110000;33 kV", 110_000),
        ("400;10 kV", 10_000),  # a list by ";" keeps its units apart
        ("380;220", 380),  # volts as written
        ("110 000", 110_000),
        ("110,000", 110_000),
        ("110.000", 110_000),
        ("1.000", 1000),
        ("110.000 V", 110_000),
        ("110.000;20.000", 110_000),
        ("33.000 kV", 33_000),
        ("110.00", 110),
        ("0.400 kV", 400),
        ("1.100.000", 1_100_000),
        ("110000,33000", 110_000),
        ("~ 20000", 20_000),
        ("20000 V", 20_000),
        ("765000", 765_000),
        ("110000;medium", 110_000),
        ("0", 0),
        ("medium", NAN),
        ("low", NAN),
        ("yes", NAN),
        ("", NAN),
        ("-110000", NAN),
        ("3x400", NAN),
        ("110000 planned", NAN),
        ("99999999999", NAN),
        ("{{7*7}}", NAN),
    ],
)
def test_voltage(text: str, volts: float) -> None:
    assert same(tags.voltage_v(text), volts)


def test_all_voltages_are_kept_largest_first() -> None:
    assert tags.voltages_text("400; 110/20 kV") == "110000;20000;400"
    assert tags.voltages_text("medium") == ""


@pytest.mark.parametrize(
    ("text", "mw"),
    [
        ("50 MW", 50),
        ("50MW", 50),
        ("1.2 GW", 1200),
        ("1,2 GW", 1200),
        ("500 kW", 0.5),
        ("9.9 kWp", 0.0099),
        ("1 200 kW", 1.2),
        ("40 MWe", 40),
        ("63 MVA", 63),
        ("5000000", 5),
        ("50", 0.00005),  # no unit: watts
        ("yes", NAN),
        ("small_installation", NAN),
        ("80 MWth", NAN),
        ("20 kWh", NAN),
        ("100 MW;50 MW", NAN),
        ("-5 MW", NAN),
        ("", NAN),
    ],
)
def test_power(text: str, mw: float) -> None:
    assert same(tags.power_mw(text), mw)


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        ("3", 3),
        ("3 m", 3),
        ("3m", 3),
        ("3,5", 3.5),
        ("3.5 m", 3.5),
        ("~4", 4),
        ("ca. 4 m", 4),
        ("350 cm", 3.5),
        ("2500 mm", 2.5),
        ("12 ft", 3.6576),
        ("10'6\"", 3.2004),
        ("10' 6\"", 3.2004),
        ("10'", 3.048),
        (".5", 0.5),
        ("1,200", NAN),  # 1.2 or 1200?
        ("2-3", NAN),
        ("3;4", NAN),
        ("narrow", NAN),
        ("-3", NAN),
        ("3 lanes", NAN),
        ("1e300", NAN),
        ("", NAN),
    ],
)
def test_length(text: str, metres: float) -> None:
    assert same(tags.length_m(text), metres)


@pytest.mark.parametrize(
    ("parser", "text", "expected"),
    [
        ("levels", "3", 3),
        ("levels", "2.5", 2.5),
        ("levels", "2,5", 2.5),
        ("levels", "EG", NAN),
        ("levels", "2;3", NAN),
        ("levels", "-1", NAN),
        ("levels", "5000", NAN),
        ("lanes", "2", 2),
        ("lanes", "1.5", 1.5),
        ("lanes", "2;3", NAN),
        ("lanes", "0", NAN),
        ("count", "1200", 1200),
        ("count", "1,200", 1200),
        ("count", "1 200", 1200),
        ("count", "1'200", 1200),
        ("count", "~50", 50),
        ("count", "2.5", NAN),
        ("count", "many", NAN),
        ("persons", "12 500 PE", 12_500),
        ("persons", "1,234,567", 1_234_567),
        ("persons", "12500 EW", 12_500),
        ("diameter_mm", "300", 300),
        ("diameter_mm", "300 mm", 300),
        ("diameter_mm", "DN300", 300),
        ("diameter_mm", "dn 300", 300),
        ("diameter_mm", "⌀300", 300),
        ("diameter_mm", '12"', 304.8),
        ("diameter_mm", "0.5 m", 500),
        ("diameter_mm", "'block'", NAN),
        ("volume_m3", "500", 500),
        ("volume_m3", "500 m³", 500),
        ("volume_m3", "500m3", 500),
        ("volume_m3", "250000 l", 250),
        ("volume_m3", "big", NAN),
        ("flow_m3_day", "50000 m³/day", 50_000),
        ("flow_m3_day", "100 l/s", 8640),
        ("flow_m3_day", "10 m3/h", 240),
        ("flow_m3_day", "50000", NAN),
        ("circuits", "2", 2),
        ("circuits", "1/3", 1 / 3),  # not 13, not 1: traps.md row 15
        ("circuits", "2/3", 2 / 3),
        ("circuits", "1/0", NAN),
        ("circuits", "0", NAN),
        ("circuits", "380", NAN),
        ("circuits", "2;1", NAN),
        ("speed_kmh", "50", 50),
        ("speed_kmh", "50 km/h", 50),
        ("speed_kmh", "30 mph", 48.28032),
        ("speed_kmh", "5 knots", 9.26),
        ("speed_kmh", "walk", 5),
        ("speed_kmh", "DE:walk", 5),
        ("speed_kmh", "RO:urban", 50),
        ("speed_kmh", "DE:zone:30", 30),
        ("speed_kmh", "FR:zone30", 30),
        ("speed_kmh", "zone:20 mph", 32.18688),
        ("speed_kmh", "RU:living_street", 20),
        ("speed_kmh", "RU:urban", 60),
        ("speed_kmh", "BE-VLG:rural", 70),
        ("speed_kmh", "XX:rural", 90),
        ("speed_kmh", "DE:motorway", NAN),
        ("speed_kmh", "GB:nsl_dual", 112.65),
        ("speed_kmh", "living_street", 20),
        ("speed_kmh", "50; 40", 40),
        ("speed_kmh", "RO:urban;30", 30),
        ("speed_kmh", "50|80|80", 50),
        ("speed_kmh", "variable", NAN),
        ("speed_kmh", "signals", NAN),
        ("speed_kmh", "none", NAN),
        ("speed_kmh", "0", NAN),
        ("speed_kmh", "50;30", 30),
        ("duration_min", "00:15", 15),
        ("duration_min", "1:30", 90),
        ("duration_min", "01:30:30", 90.5),
        ("duration_min", "PT15M", 15),
        ("duration_min", "PT1H5M", 65),
        ("duration_min", "P1D", 1440),
        ("duration_min", "15", 15),
        ("duration_min", "15 min", 15),
        ("duration_min", "2 h", 120),
        ("duration_min", "P", NAN),
        ("duration_min", "soon", NAN),
        ("persons", "25.000", 25_000),
        ("persons", "1.250.000 PE", 1_250_000),
        ("persons", "0.500", 0.5),
        ("count", "12.500", 12_500),
        ("count", "12.50", NAN),
        ("number", "-1", -1),
        ("number", "16.7", 16.7),
        ("number", "50 Hz", 50),
        ("number", "1;2", NAN),
    ],
)
def test_other_numbers(parser: str, text: str, expected: float) -> None:
    assert same(tags.PARSERS[parser](text), expected)


@pytest.mark.parametrize("parser", sorted(tags.PARSERS))
@given(text=st.one_of(st.text(max_size=40), st.from_regex(r"[~<]?[0-9.,;/ '\"kKmMGWvVh:]{0,20}")))
def test_no_text_breaks_a_parser(parser: str, text: str) -> None:
    value = tags.PARSERS[parser](text)
    assert isinstance(value, float)
    assert math.isnan(value) or (math.isfinite(value) and (value >= 0 or parser == "number"))


@given(volts=st.lists(st.integers(1, 2_000_000), min_size=1, max_size=4))
def test_the_highest_voltage_of_a_list_wins_in_any_order(volts: list[int]) -> None:
    assert tags.voltage_v(";".join(map(str, volts))) == max(volts)
    assert tags.voltage_v("; ".join(map(str, reversed(volts)))) == max(volts)


def test_text_passes_unchanged_but_for_nul_and_length() -> None:
    for text in (
        "{{7*7}}",
        "<img src=x onerror=alert(1)>",
        "=HYPERLINK(1)",
        "\u202eabc",
        "مدرسة 🚰",
    ):
        assert tags.clean_text(text) == text
    assert tags.clean_text("a\0b\0") == "ab"
    assert tags.clean_text("x" * 10_000) == "x" * tags.MAX_CHARS
