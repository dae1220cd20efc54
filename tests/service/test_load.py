"""`trivet load` as people run it, against a real server: exact counts, exit codes, the knee."""

import json
import signal
import subprocess
import sys

import pytest
import yaml

from tests.service.metrics import value_of
from tests.service.server import HOST, TRIVET, free_port
from tests.service.waiting import until

# The engine makes no difference to who sends.
pytestmark = pytest.mark.engine("fastapi")

SECONDS = 120
# What is measured is whether the numbers are right, and not how quiet this machine is.
ANY_LATENESS = ("--max-late", "1h", "--timeout", "60s")
INFERENCES = {"model": "iris-classifier", "route": "/v2/models/{model}/infer", "code": "200"}


def load(*arguments):
    command = [TRIVET, "load", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def answered(server):
    with server.client() as client:
        return value_of(client, "inference_requests_total", **INFERENCES)


def test_every_request_is_sent_once_and_counted(server):
    before = answered(server)

    done = load(server.url, "--rate", 50, "--duration", "2s", "--json", *ANY_LATENESS)

    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert answered(server) - before == 100
    assert (report["wanted"], report["sent"], report["answered"], report["failed"]) == (100, 100, 100, 0)
    assert (report["statuses"], report["failures"], report["error_ratio"]) == ({"200": 100}, {}, 0)
    assert report["wanted_rate"] == 50
    assert [line["wanted"] for line in report["timeline"]] == [50, 50]
    assert 0 < report["latency_seconds"]["p50"] <= report["latency_seconds"]["p99.9"]


def test_text_shows_what_was_sent_and_what_came_of_it(server, iris):
    done = load(server.url, "--rate", 20, "--duration", "4s", "--slo", "p99=1m,errors=0", *ANY_LATENESS)

    first, second, *lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert first == f"{server.url}: POST /v2/models/{iris.name}/infer, 1 row a request"
    assert second == "constant, 20.00/s, 4.00 s"
    assert "requests  80 wanted, 80 sent, 80 answered well" in lines
    assert "statuses  80 200" in lines
    assert sum(line.startswith("kept      ") for line in lines) == 2
    assert any(line.startswith("answered  ") and "█" in line for line in lines)


@pytest.mark.parametrize("model", ["churn-classifier", "word-classifier", "two-targets"])
def test_rows_are_made_for_any_model(serve, model):
    done = load(serve(model).url, "--rate", 10, "--duration", "1s", "--rows", 3, "--json", *ANY_LATENESS)

    assert json.loads(done.stdout)["statuses"] == {"200": 10}


@pytest.mark.parametrize(
    ("slo", "code"), [("p99=1m", 0), ("p50=1us", 1), ("errors=0", 0), ("p99=1m,p99.9=1us,errors=0", 1)]
)
def test_an_objective_decides_about_the_exit_code(server, slo, code):
    done = load(server.url, "--rate", 20, "--duration", "1s", "--slo", slo, *ANY_LATENESS)

    assert done.returncode == code, done.stdout
    assert ("MISSED" in done.stdout) == bool(code)


def test_errors_are_counted_by_status_and_miss_their_objective(server):
    arguments = ("--rate", 20, "--duration", "1s", "--route", "/predict", "--body", __file__, "--slo", "errors=5%")

    done = load(server.url, *arguments, "--json", *ANY_LATENESS)

    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert report["statuses"] == {"400": 20}
    assert report["verdicts"] == [{"name": "errors", "limit": 0.05, "found": 1.0, "kept": False}]


def test_a_late_generator_ends_with_4_whatever_was_measured(server):
    done = load(server.url, "--rate", 50, "--duration", "1s", "--max-late", "0.001us", "--slo", "p99=1m")

    assert done.returncode == 4
    assert done.stdout.splitlines()[-1].startswith("NOT GOOD  The generator could not keep up")


def test_a_body_and_a_key_come_from_files(serve, tmp_path):
    keys, key, body = tmp_path / "keys", tmp_path / "key", tmp_path / "body.json"
    keys.write_text("alice:alpha-key-1\n")
    key.write_text("alpha-key-1\n")
    body.write_text('{"features": [5.1, 3.5, 1.4, 0.2]}')
    guarded = serve(api_keys_file=keys)
    arguments = (guarded.url, "--rate", 10, "--duration", "1s", "--route", "/predict", "--body", body, "--json")

    assert json.loads(load(*arguments, "--key-file", key, *ANY_LATENESS).stdout)["statuses"] == {"200": 10}
    assert json.loads(load(*arguments, *ANY_LATENESS).stdout)["statuses"] == {"401": 10}
    assert json.loads(load(*arguments, "--header", "X-API-Key: alpha-key-1", *ANY_LATENESS).stdout)["answered"] == 10
    unnamed = load(guarded.url, "--rate", 1)
    assert (unnamed.returncode, "--key-file" in unnamed.stderr) == (2, True)


def test_a_route_without_a_body_gets_gets(server):
    done = load(server.url, "--rate", 10, "--duration", "1s", "--route", "/health", "--json", *ANY_LATENESS)

    report = json.loads(done.stdout)
    assert report["request"] == "GET /health"
    assert report["statuses"] == {"200": 10}


def test_no_more_are_in_flight_than_allowed(serve):
    arguments = ("--rate", 200, "--duration", "1s", "--max-in-flight", 2, "--json")

    report = json.loads(load(serve("slow").url, *arguments, *ANY_LATENESS).stdout)

    assert report["in_flight_most"] == 2
    assert report["answered"] == 200
    assert report["in_flight"] > 2, "the others were due, and waited"


def test_ctrl_c_prints_what_is_there(server):
    before = answered(server)
    command = [TRIVET, "load", server.url, "--rate", "50", "--duration", "10m"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: answered(server) >= before + 50, SECONDS, "the load began")
        process.send_signal(signal.SIGINT)
        output, said = process.communicate(timeout=SECONDS)
    finally:
        process.kill()

    assert process.returncode == 130
    assert "Traceback" not in said
    wanted = int(next(line for line in output.splitlines() if line.startswith("requests")).split()[1].replace(",", ""))
    assert 50 <= wanted < 30_000
    assert "\nlatency   p50 " in output


def test_a_picture_is_written(server, tmp_path):
    picture = tmp_path / "run.svg"

    done = load(server.url, "--rate", 20, "--duration", "1s", "--plot", picture, *ANY_LATENESS)

    assert done.returncode == 0, done.stderr
    assert picture.read_text().count("<svg") == 1


@pytest.fixture(scope="module")
def one_by_one(serve):
    """A server that takes some 10 ms for each row on a quiet machine, and lets many wait."""
    return serve("slow", max_batch_rows=1, max_queue_seconds=60)


def test_the_knee_of_a_slow_model_and_the_values_for_its_chart(one_by_one, tmp_path):
    values, picture = tmp_path / "values.yaml", tmp_path / "knee.svg"
    arguments = ("--find-knee", "--slo", "p99=2s", "--rate", "1-1000", "--duration", "2s")

    done = load(one_by_one.url, *arguments, "--values", values, "--plot", picture, "--json", *ANY_LATENESS)

    found = json.loads(done.stdout)
    with one_by_one.client() as client:
        seconds, count = (value_of(client, f"inference_compute_duration_seconds_{part}") for part in ("sum", "count"))
    assert done.returncode == 0, done.stderr
    # One run after the other: what comes in 2 s is answered within 2 s more up to twice that rate. Runs differ.
    assert 1 <= found["knee"]["rate"] <= 1.5 * 2 * count / seconds
    missed = [step["rate"] for step in found["steps"] if not all(one["kept"] for one in step["report"]["verdicts"])]
    assert missed and min(missed) > found["knee"]["rate"] / 1.1
    assert found["steps"][-1]["rate"] == pytest.approx(0.7 * found["knee"]["rate"])
    assert all(step["by_server"] for step in found["steps"] if step["rate"] not in missed)
    assert yaml.safe_load(values.read_text()) == {"autoscaling": {"keda": {"inFlightPerReplica": found["target"]}}}
    assert picture.read_text().count("<svg") == 1


def test_without_a_file_the_values_are_all_of_standard_output(server):
    arguments = ("--find-knee", "--slo", "p99=1m", "--rate", "10-20", "--duration", "1s")

    done = load(server.url, *arguments, *ANY_LATENESS)

    assert done.returncode == 0
    assert yaml.safe_load(done.stdout)["autoscaling"]["keda"]["inFlightPerReplica"] > 0
    assert "still keeps p99 at most 60.0 s, errors at most 1.00 %" in done.stderr


def test_a_server_that_is_always_too_slow_ends_with_1(one_by_one):
    done = load(one_by_one.url, "--find-knee", "--slo", "p99=1ms", "--rate", "5-10", "--duration", "1s", *ANY_LATENESS)

    assert (done.returncode, done.stdout) == (1, "")
    assert "not even 5.00/s keeps p99 at most 1.00 ms" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--rate"),
        (["--rate", "0"], "as in 400"),
        (["--rate", "10-20"], "--profile"),
        (["--rate", "1", "--slo", ""], "as in p99=50ms"),
        (["--rate", "1", "--duration", "1d"], "as in 50ms"),
        (["--rate", "1", "--header", "Content-Length: 3"], "by itself"),
        (["--rate", "1e6"], "as in 400"),
        (["--rate", "1000000", "--duration", "1h"], "5,000,000"),
        (["--rate", "1", "--rows", "2", "--route", "/predict"], "--rows"),
        (["--rate", "1", "--route", "predict"], "begins with /"),
        (["--rate", "1", "--values", "x.yaml"], "--find-knee"),
        (["--rate", "1", "--model", "no-such-model"], "404"),
        (["--find-knee"], "--slo p99=50ms"),
        (["--find-knee", "--slo", "errors=1%"], "--slo p99=50ms"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_a_reason(server, arguments, said):
    done = load(server.url, *arguments)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_to_load_ends_with_2():
    done = load(f"http://{HOST}:{free_port()}", "--rate", 1)

    assert done.returncode == 2
    assert "nothing answers" in done.stderr


def test_a_picture_without_its_extra_names_it():
    program = "import sys; sys.modules['matplotlib'] = None; from services.cli.main import main; main()"
    command = [sys.executable, "-c", program, "load", f"http://{HOST}:1", "--rate", "1", "--plot", "x.svg"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)

    assert done.returncode == 1
    assert done.stderr == "Error: --plot needs matplotlib: install the extra trivet[load]\n"
