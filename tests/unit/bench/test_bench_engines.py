"""The scenario of the engines: its servers, its figures, and the page that is made of it."""

import math
import re
import sys

import pytest

from bench import places
from bench.contenders import STOCK_RAY, contenders, engine_of, trivet_on
from bench.figures import figures
from bench.footprint import footprint
from bench.iris import read_batchable, read_document
from bench.process import Launch, cores, serving
from bench.report import Report, write_json
from docs import engines
from services.load.http1 import Unreadable, parse

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
# Answers every GET, and has a child with a session of its own, as BentoML and Ray have.
FAMILY = """
import http.server, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(child.pid).encode())
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def record(name, rate, p99_ms=1.0, rounds=1, errors=None):
    return {
        "server": name,
        "cores": "one",
        "requests/s": {"median": rate, "min": rate, "max": rate},
        "p99 ms, c=32": {"median": p99_ms, "min": p99_ms, "max": p99_ms},
        "errors": errors or {},
        "rounds": rounds,
    }


def measured():
    return [
        record(trivet_on("fastapi"), 1000.0),
        record(trivet_on("bentoml"), 800.0, p99_ms=5.0),
        record("BentoML, plain", 50.0),
        record("BentoML, batchable", 100.0, p99_ms=4.0, errors={"503": 7}),
        record(trivet_on("ray", 2), 1900.0, errors={"503": 1}),
        record(STOCK_RAY, 100.0),
    ]


def test_figures_compare_with_the_best_stock_service_and_say_what_is_reached():
    found = {figure.what.partition(":")[0] + str(index): figure for index, figure in enumerate(figures(measured()))}
    values = [(figure.value, figure.verdict) for figure in found.values()]

    assert values == [
        (0.8, "reached"),
        (8.0, "reached"),
        (19.0, "not reached"),
        (1.25, "not reached"),
        (1.0, "reached"),
        (0.0, "reached"),
        (0.0, "reached"),
        (1.0, "not reached"),
    ]


def test_a_figure_without_a_server_is_not_measured():
    unmeasured = record(trivet_on("ray", 2), None, p99_ms=None, rounds=0)
    silent = record(STOCK_RAY, 0.0)

    verdicts = {figure.what: figure.verdict for figure in figures([unmeasured, silent])}

    assert set(verdicts.values()) == {"not measured"}


def test_every_contender_has_a_name_of_its_own_and_a_locked_environment():
    names = [one.name for one in contenders()]

    assert len(set(names)) == len(names)
    assert {engine_of(name) for name in names} == {"fastapi", "bentoml", "ray", None}
    for environment in {one.environment for one in contenders()} - {places.TRIVET}:
        lock = (places.PEERS / environment / "uv.lock").read_text()
        assert set(re.findall(r"https?://([^/\"]+)", lock)) == {"pypi.org", "files.pythonhosted.org"}


def test_answers_of_the_stock_services_are_read():
    assert read_document(b"", b'{"prediction": [2]}') == 2
    assert read_batchable(b"", b"[1]") == 1


def test_a_body_in_chunks_is_read_whole():
    whole = CHUNKED + b"3\r\n0\r\n\r\n2\r\nab\r\n0\r\n\r\n"

    assert all(parse(whole[:end]) is None for end in range(len(whole)))
    assert parse(whole).body == b"0\r\nab"
    with pytest.raises(Unreadable, match="no size of a chunk"):
        parse(CHUNKED + b"zz\r\n")


def test_a_process_that_left_the_session_is_counted_and_ended(tmp_path):
    launch = Launch((sys.executable, "-c", FAMILY, "{port}"), "/", tmp_path)

    with serving(launch, tmp_path / "log", cores()[0]) as running:
        assert running.process_count() == 2
        assert running.resident_mib() > 10

    assert running.process_count() == 0


def test_footprint_counts_what_an_extra_needs():
    plain, more = footprint("trivet", "no-such-extra"), footprint("trivet", "fastapi")

    assert plain.packages < more.packages
    assert plain.mib < more.mib
    assert footprint("no-such-package", "x") is None


def test_page_shows_what_was_kept_and_says_when_nothing_was(monkeypatch, tmp_path):
    monkeypatch.setattr(engines, "KEPT", tmp_path / "benchmarks.json")
    assert "Not measured yet" in engines.page()

    report = Report("engines", "Engines", measured(), machine={"cpu": "a processor"})
    write_json(engines.KEPT, {"engines": report.as_json()})

    page = engines.page()
    assert re.search(r"\| Trivet on BentoML +\| one +\| 800 ", page)
    assert "not reached" in page
    assert "a processor" in page


def test_page_of_other_servers_alone_can_be_written(monkeypatch, tmp_path):
    monkeypatch.setattr(engines, "KEPT", tmp_path / "benchmarks.json")
    report = Report("engines", "Engines", [record("BentoML, plain", 50.0)])
    write_json(engines.KEPT, {"engines": report.as_json()})

    assert "BentoML, plain" in engines.page()


def test_no_figure_is_nan_in_words():
    assert all(math.isnan(figure.value) and figure.cells()[1] == "-" for figure in figures([]))
