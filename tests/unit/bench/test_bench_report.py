"""Reports: a table for people, JSON for machines, a page and a picture for the documentation."""

import json
import math

from bench import plot
from bench.report import Report, markdown, read_json, write_json
from bench.statistics import spread


def report() -> Report:
    records = [
        {
            "server": "echo",
            "requests/s": spread([40_000.0, 41_000.0, 42_000.0]),
            "p50 ms, c=1": spread([0.08]),
            "errors": {},
        },
        {"server": "other", "requests/s": spread([100.0]), "p50 ms, c=1": spread([math.nan]), "errors": {"lost": 2}},
    ]
    return Report("peers", "Servers", records, ["a note"], machine={"cpu": "a processor", "python": "3.11.7"})


def test_table_shows_median_and_spread():
    lines = report().table().splitlines()

    assert lines[0].split("|")[1].strip() == "server"
    assert "| 41,000 (40,000-42,000) |" in lines[2]
    assert lines[3].split("|")[3].strip() == "-"
    assert lines[3].split("|")[4].strip() == "2 lost"
    assert len({len(line) for line in lines}) == 1


def test_long_table_is_cut_and_repeats_its_first_column():
    cut = report()
    cut.breaks = ["errors"]

    first, second = cut.table().split("\n\n")

    assert "errors" not in first
    assert [cell.strip() for cell in second.splitlines()[0].split("|")[1:-1]] == ["server", "errors"]


def test_json_keeps_numbers_and_knows_no_nan(tmp_path):
    write_json(tmp_path / "found.json", {"peers": report().as_json()})

    found = json.loads((tmp_path / "found.json").read_text())["peers"]["records"]
    assert found[0]["requests/s"] == {"median": 41_000, "min": 40_000, "max": 42_000}
    assert found[1]["p50 ms, c=1"]["median"] is None


def test_page_is_the_same_from_memory_and_from_the_file(tmp_path):
    reports = {"peers": report().as_json()}
    write_json(tmp_path / "found.json", reports)

    assert markdown(read_json(tmp_path / "found.json")) == markdown(reports)
    assert report().table() in markdown(reports)


def test_picture_is_the_same_each_time(tmp_path):
    plot.draw(report(), tmp_path / "one.svg")
    plot.draw(report(), tmp_path / "two.svg")

    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert "requests per second" in (tmp_path / "one.svg").read_text()
