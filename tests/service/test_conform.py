"""`trivet conform` as people run it: its table, its JSON, its exit codes."""

import json
import subprocess

import pytest

from tests.service.server import HOST, TRIVET
from tests.unit.bench.scripted_server import answer, serving

SECONDS = 120


def _conform(*arguments):
    return subprocess.run([TRIVET, "conform", *arguments], capture_output=True, text=True, timeout=SECONDS, check=False)


def test_a_server_that_conforms_ends_with_0_and_a_table(server, iris):
    done = _conform(server.url)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    first, *lines, last = done.stdout.splitlines()
    assert first.startswith(f"{server.url}, model {iris.name}: ") and first.endswith("checks of the level trivet")
    assert "  pass  `GET /v2/health/live` answers 200." in lines
    assert "  skip  Some inputs may be bytes and others JSON. (the model has one input)" in lines
    assert " passed, 0 failed, " in last


def test_json_has_every_result(server, iris):
    done = _conform(server.url, "--model", iris.name, "--level", "protocol", "--no-load", "--json")

    report = json.loads(done.stdout)
    results = report["results"]
    assert (report["url"], report["model"], report["level"]) == (server.url, iris.name, "protocol")
    assert report["passed"] + report["skipped"] == len(results)
    assert report["failed"] == done.returncode == 0
    assert {result["level"] for result in results} == {"protocol"}
    assert {result["reason"] for result in results if result["id"].startswith("concurrency.")} == {"--no-load"}


def test_a_failure_ends_with_1_and_shows_the_exchange(tmp_path):
    sample = tmp_path / "sample.json"
    sample.write_text('{"inputs":[{"name":"x","shape":[2,1],"datatype":"FP32","data":[1,2]}]}')

    with serving(lambda request: answer(b"{}") if request else b"") as port:
        url = f"http://{HOST}:{port}"
        done = _conform(url, "--model", "m", "--sample", sample, "--timeout", "0.3", "--no-load", "--level", "protocol")

    assert done.returncode == 1
    shown = done.stdout[done.stdout.index("  FAIL  The body of `/v2/health/live`") :].splitlines()[1:5]
    assert [line.split()[0] for line in shown] == ["health.live_says_so;", "expected", "sent", "answered"]
    assert shown[1:] == [
        '        expected  {"live": true}', "        sent      GET /v2/health/live", "        answered  200 {}"
    ]  # fmt: skip


def test_a_key_comes_from_a_file(serve, tmp_path):
    keys, key = tmp_path / "keys", tmp_path / "key"
    keys.write_text("alice:alpha-key-1\n")
    key.write_text("alpha-key-1\n")
    guarded = serve(api_keys_file=keys)

    assert _conform(guarded.url, "--no-load", "--level", "protocol", "--key-file", key).returncode == 0
    refused = _conform(guarded.url, "--no-load", "--level", "protocol")
    assert refused.returncode == 2
    assert "--key-file" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["http://127.0.0.1:1"], "nothing answers"),
        (["--model", "no-such-model"], "404"),
        (["--sample", __file__], "--sample"),
        (["--level", "strict"], "--level"),
        (["--key-file", "/nowhere"], "--key-file"),
    ],
)
def test_what_cannot_be_looked_at_ends_with_2(server, arguments, said):
    url = [] if arguments[0].startswith("http") else [server.url]

    done = _conform(*url, *arguments)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
