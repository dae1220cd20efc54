"""Health: what probes and load balancers ask."""

from tests.service.shapes import answer_of, error_of
from tests.service.waiting import until

SOON_SECONDS = 30.0


def test_a_server_that_still_loads_its_model_says_starting(start):
    server = start("slow", max_batch_rows=65536, wait="live")  # warm-up runs every power of two

    with server.client() as client:
        assert answer_of(client.get("/health"), 503) == {"status": "starting"}
        assert answer_of(client.get("/v2/health/ready"), 503) == {"ready": False, "live": True}
        refused = client.post("/predict", json={"features": [1, 2, 3, 4]})
        error_of(refused, 503)
        assert int(refused.headers["retry-after"]) >= 1
        server.wait_until("ready")
        assert answer_of(client.post("/predict", json={"features": [1, 2, 3, 4]})) == {"prediction": 10.0}


def test_a_model_that_cannot_be_loaded_fails_health_and_leaves_liveness(start, models, tmp_path):
    server = start(model=str(tmp_path / "nothing-here"), wait="live")

    with server.client() as client:
        until(lambda: client.get("/health").json() != {"status": "starting"}, SOON_SECONDS, "the load has ended")
        assert answer_of(client.get("/health"), 503) == {"status": "failed"}
        assert answer_of(client.get("/v2/health/ready"), 503) == {"ready": False, "live": True}
        assert answer_of(client.get("/v2/health/live")) == {"live": True}


def test_a_model_that_cannot_be_loaded_refuses_inference_with_503(start, tmp_path):
    server = start(model=str(tmp_path / "nothing-here"), wait="live")

    with server.client() as client:
        refused = client.post("/predict", json={"features": [1, 2, 3, 4]})

    error_of(refused, 503)
    assert int(refused.headers["retry-after"]) >= 1


def test_a_second_server_on_a_port_that_is_taken_ends_with_a_sentence(start):
    taken = start().port

    second = start(wait="nothing", port=taken)

    assert second.process.wait(timeout=30) not in (0, None)
    assert "Traceback" not in second.log_text()
    assert str(taken) in second.log_text()
