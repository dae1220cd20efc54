"""The pictures: whole SVG files, the same for the same numbers."""

import xml.etree.ElementTree as ET

from services.load import plot, slo
from services.load.knee import Step
from services.load.record import Recording
from services.load.report import good_latencies, report

OBJECTIVES = slo.parse("p99=50ms,errors=1%")


def recorded(count=300):
    recording = Recording(seconds=3.0)
    for index in range(count):
        recording.add(index / 100, 0.001 * (1 + index % 40), 500 if index % 50 == 0 else 200)
        recording.lateness.append(0.0)
    return recording


def test_a_run_is_drawn_alone_in_its_file_and_always_the_same(tmp_path):
    recording = recorded()
    for name in ("one.svg", "two.svg"):
        found = report(recording, OBJECTIVES)
        plot.draw(tmp_path / name, "a title & more", found, good_latencies(recording))

    text = (tmp_path / "one.svg").read_text()
    assert text == (tmp_path / "two.svg").read_text()
    for shown in ("a title &amp; more", "answered well", "p99 wanted at most", "percentile"):
        assert shown in text
    assert _is_self_contained(text)


def test_a_run_without_answers_is_drawn(tmp_path):
    recording = Recording(seconds=1.0)

    plot.draw(tmp_path / "x.svg", "", report(recording, []), good_latencies(recording))

    assert _is_self_contained((tmp_path / "x.svg").read_text())


def test_the_way_to_a_knee_is_drawn(tmp_path):
    steps = [Step(rate, report(recorded(), OBJECTIVES), rate / 10, by_server=True) for rate in (10.0, 40.0, 20.0)]

    plot.draw_knee(tmp_path / "x.svg", "knee", steps, OBJECTIVES)

    text = (tmp_path / "x.svg").read_text()
    assert "in flight" in text and "p99 wanted at most" in text
    assert _is_self_contained(text)


def _is_self_contained(text):
    root = ET.fromstring(text)
    links = [value for element in root.iter() for name, value in element.attrib.items() if name.endswith("href")]
    return root.tag.endswith("svg") and all(link.startswith("#") for link in links)
