"""A server that cannot start, where Kubernetes is told: the reason in the termination log, and an exit code."""

import pytest

pytestmark = pytest.mark.engine("fastapi", "bentoml")

# BentoML's supervisor starts its workers one after the other.
END_SECONDS = 90.0


@pytest.mark.parametrize("workers", [1, 2])
def test_first_load_that_fails_ends_the_server_with_its_reason(start, tmp_path, workers):
    log = tmp_path / "termination-log"
    log.write_text("what an earlier container wrote")

    server = start(model=str(tmp_path / "nothing-here"), workers=workers, wait="nothing", termination_log=log)

    assert server.process.wait(END_SECONDS) == 1
    reasons = {line["reason"] for line in server.lines() if line["event"] == "not served"}
    assert reasons == {log.read_text()}
    assert "nothing-here is no compiled model" in log.read_text()


@pytest.mark.parametrize("workers", [1, 2])
def test_wrong_setting_ends_the_server_with_its_reason(start, tmp_path, workers):
    log = tmp_path / "termination-log"

    server = start(workers=workers, wait="nothing", termination_log=log, api_keys_file=tmp_path / "no-keys")

    assert server.process.wait(END_SECONDS) == 3
    assert server.log_text() == f"trivet: {log.read_text()}\n"
    assert "no-keys cannot be used" in log.read_text()


def test_server_that_was_ended_says_nothing(start, tmp_path):
    server = start(termination_log=tmp_path / "termination-log")

    server.stop()

    assert (tmp_path / "termination-log").read_text() == ""
