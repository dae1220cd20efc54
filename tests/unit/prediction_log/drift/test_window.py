"""A window of logged requests against a reference: what is counted, what is left out, and how it is told."""

import re
from datetime import timedelta

import msgspec
import numpy as np
import pytest

from services.core import columns, reference
from services.core.compiled_model import CompiledModel, Manifest
from services.core.reference import Reference
from services.core.signature import Signature, TensorSpec
from services.prediction_log import logged
from services.prediction_log.drift import metrics, text
from services.prediction_log.drift.judge import Limits
from services.prediction_log.drift.page import page
from services.prediction_log.drift.run import OTHER_VERSION, Window
from tests.unit.prediction_log.drift.rows import AT, logged_row

# What a column, or a label, may be called at worst.
EVIL = "$\\frac$中<script>alert('&')</script>"
SIGNATURE = Signature(
    inputs=(TensorSpec(EVIL, "FP64", (-1, 1), missing=True), TensorSpec("word", "BYTES", (-1, 1))),
    outputs=(
        TensorSpec("prediction", "BYTES", (-1,), classes=("no", EVIL)),
        TensorSpec("probability", "FP64", (-1, 2), classes=("no", EVIL)),
    ),
)
DIGEST = "d" * 64
ROWS = 200


def rows(shift=0.0, count=ROWS, seed=6):
    random = np.random.default_rng(seed)
    numbers = random.normal(shift, 1, size=(count, 1))
    probability = 1 / (1 + np.exp(-numbers))
    inputs = {EVIL: numbers, "word": random.choice(np.array(["a", EVIL], dtype=object), (count, 1))}
    labels = np.where(probability[:, 0] > 0.5, EVIL, "no").astype(object)
    return inputs, {"prediction": labels, "probability": np.hstack([1 - probability, probability])}


@pytest.fixture
def window(tmp_path):
    inputs, outputs = rows(seed=7)
    known = Reference(
        reference.summarise(columns.features(SIGNATURE), inputs),
        reference.summarise(columns.scores(SIGNATURE), outputs),
    )
    return Window(CompiledModel(tmp_path, Manifest("m", "onnx", SIGNATURE, {}), "3", DIGEST), known)


def read(window, page, truths=None):
    window.read(
        [page], lambda ids: {key: value for key, value in (truths or {}).items() if key in ids}, lambda *_: None
    )
    return window.report("m", Limits(), more=False)


def requests(shift=0.0, **changes):
    inputs, outputs = rows(shift)
    cut = [
        {name: array[start : start + 20] for name, array in tensors.items()}
        for start in range(0, ROWS, 20)
        for tensors in (inputs, outputs)
    ]
    return [
        logged_row(*pair, at=AT + timedelta(hours=number), request_id=str(number), **changes)
        for number, pair in enumerate(zip(cut[::2], cut[1::2], strict=True))
    ]


def test_requests_like_the_reference_have_no_drift(window):
    found = read(window, requests())

    assert (found.requests, found.rows, found.left_out, found.drifted) == (10, ROWS, {}, [])
    assert [finding.rows for finding in found.findings] == [ROWS] * 4
    assert found.truth is None


def test_shifted_requests_drift_in_feature_and_scores(window):
    found = read(window, requests(shift=1.5))

    assert {(finding.kind, finding.column) for finding in found.drifted} == {
        ("feature", EVIL),
        ("score", "prediction"),
        ("score", f"probability[{EVIL}]"),
    }


def test_scores_of_another_version_are_left_out_and_its_features_are_not(window):
    found = read(window, requests(digest="e" * 64))

    assert found.rows == ROWS
    assert found.left_out == {OTHER_VERSION: 10}
    assert {finding.verdict for finding in found.findings if finding.kind == "score"} == {"not enough rows"}


def test_what_is_left_out_is_counted_by_reason(window):
    page = requests()[:1]
    half = msgspec.json.encode({"word": [["a"]], EVIL: "redacted"}).decode()
    page += [logged_row(None, None, text=half), logged_row(None, None, code=429), logged_row(None, None)]
    page += [logged_row({"word": np.array([["a"]], dtype=object)}, None)]

    found = read(window, page)

    assert found.left_out == {
        logged.WITHHELD: 1,
        logged.NO_OUTPUTS: 1,
        logged.NOT_ANSWERED: 1,
        logged.NO_INPUTS: 1,
        logged.UNFIT: 1,
    }
    by_name = {finding.column: finding for finding in found.findings}
    assert (by_name["word"].rows, by_name[EVIL].rows) == (21, 20)


def test_truth_is_joined_by_request_id(window):
    page = requests()
    right = msgspec.json.decode(page[0].outputs)["prediction"]
    truths = {"0": msgspec.json.encode(right).decode(), "1": '["no"]', "9": msgspec.json.encode(["no"] * 20).decode()}

    found = read(window, page, truths)

    assert found.truth.total.rows == 40
    assert [bucket.rows for bucket in found.truth.buckets] == [20, 20]
    assert found.truth.buckets[0].accuracy == 1.0
    assert found.truth.confusions[0].predicted == columns.label(EVIL)
    assert sum(found.truth.left_out.values()) == 1


def test_the_page_loads_and_runs_nothing_and_shows_every_name(window):
    found = read(
        window,
        requests(shift=1.5),
        {"0": '["no"]', "1": msgspec.json.encode(["no"] * 20).decode(), "9": msgspec.json.encode(["no"] * 20).decode()},
    )

    text_of_page = page(found, window, found.findings)

    assert "<script" not in text_of_page
    assert "$\\frac$中&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;" in text_of_page
    assert text_of_page.count("<svg") == 5
    assert "3 of 4 columns drifted" in text_of_page
    outside = re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)|url\(([^)]*)\)""", text_of_page)
    assert all((link or target).startswith("#") for link, target in outside)
    assert "default-src 'none'" in text_of_page


def test_the_page_shows_no_more_columns_than_it_is_given(window):
    found = read(window, requests())

    text_of_page = page(found, window, found.findings[:1])

    assert text_of_page.count("<svg") == 1
    assert "and 3 more" in text_of_page


def test_it_reads_as_lines(window):
    found = read(window, [*requests(shift=1.5), logged_row(None, None, code=429, at=AT)])

    lines = text.lines(found, found.findings[:2])

    assert "left out  1 refused or failed" in lines
    assert "DRIFT     3 of 4 columns; drift is psi above 0.2 with an adjusted p below 0.01" in lines
    assert sum(line.endswith("DRIFT") for line in lines) == 2
    assert lines[-1] == "… and 2 more columns with a smaller psi, or none"


def test_metrics_are_bounded_and_written_whole(window, tmp_path):
    found = read(window, requests(shift=1.5), {"0": msgspec.json.encode(["no"] * 20).decode()})

    metrics.write(tmp_path / "drift.prom", metrics.registry_of(found, found.findings[:1]))

    lines = (tmp_path / "drift.prom").read_text().splitlines()
    values = [line for line in lines if not line.startswith("#")]
    assert sum(line.startswith("inference_drift_psi{") for line in values) == 1
    assert 'inference_drift_columns{model="m",version="3"} 3.0' in values
    assert 'inference_drift_rows{model="m",version="3"} 200.0' in values
    assert 'inference_truth_rows{model="m",version="3"} 20.0' in values
    assert [path.name for path in tmp_path.iterdir()] == ["drift.prom"]
