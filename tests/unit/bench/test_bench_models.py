"""Requests, expected answers and synthetic models of the benchmark."""

import json
import re
import sys

import numpy as np
import pytest

from bench import iris, places
from bench.catalogue import peers
from bench.process import Launch, NotReady, cores, serving
from bench.synthetic import Dense, open_session
from bench.workload import post
from services.core import compiled_model
from services.load.http1 import parse


def test_binary_answer_is_read_after_its_json():
    outputs = [
        {"name": "probability", "parameters": {"binary_data_size": 8}},
        {"name": "prediction", "parameters": {"binary_data_size": 16}},
    ]
    header = json.dumps({"outputs": outputs}).encode()
    head = f"HTTP/1.1 200 OK\r\nInference-Header-Content-Length: {len(header)}".encode()

    found = iris.read_binary(head, header + b"\0" * 8 + np.array([2, 1], dtype="<i8").tobytes())

    assert found.tolist() == [2, 1]


def test_binary_request_says_how_long_its_parts_are():
    request = iris.binary_request(np.array([[5.1, 3.5, 1.4, 0.2]]))

    head, _, body = request.partition(b"\r\n\r\n")
    header_bytes = int(re.search(rb"Inference-Header-Content-Length: (\d+)", head)[1])
    assert json.loads(body[:header_bytes])["inputs"][0]["parameters"] == {"binary_data_size": 32}
    assert len(body) - header_bytes == 32
    assert f"Content-Length: {len(body)}\r\n".encode() in head


def test_v2_answers_of_both_servers_are_read():
    trivet = {"outputs": [{"name": "prediction", "data": [1]}, {"name": "probability", "data": [[0.0, 1.0]]}]}
    mlserver = {"outputs": [{"name": "predict", "data": [2]}]}

    assert iris.read_v2(b"", json.dumps(trivet).encode()) == 1
    assert iris.read_v2(b"", json.dumps(mlserver).encode()) == 2


def test_half_an_answer_is_no_answer():
    whole = post("/", b"12345").replace(b"POST / HTTP/1.1", b"HTTP/1.1 200 OK")

    assert parse(whole[:-1]) is None
    assert parse(whole).body == b"12345"


def test_synthetic_model_answers_a_batch_as_row_by_row(tmp_path):
    model = Dense("small", width=16, layers=20)
    path = model.compile(tmp_path)

    session = open_session(path)
    batch = session.run(None, {"features": model.rows})[0].tolist()
    single = [session.run(None, {"features": row[None]})[0][0] for row in model.rows]

    assert batch == single
    assert len(set(batch)) > 2
    assert model.workload(path, rows_each=4).expected[1] == batch[4:8]
    assert compiled_model.read(path.parent, version="1", expected_digest=None).manifest.name == "small"


def test_every_peer_is_locked_and_from_the_public_index():
    environments = {peer.environment for peer in peers()} - {places.TRIVET}

    assert len({peer.name for peer in peers()}) == len(peers())
    for environment in environments:
        lock = (places.PEERS / environment / "uv.lock").read_text()
        assert set(re.findall(r"https?://([^/\"]+)", lock)) == {"pypi.org", "files.pythonhosted.org"}


def test_a_server_that_ends_is_reported_with_its_last_words(tmp_path):
    launch = Launch((sys.executable, "-c", "raise SystemExit('no model')"), "/", tmp_path)

    with pytest.raises(NotReady, match="no model"), serving(launch, tmp_path / "log", cores()[0]):
        pass
