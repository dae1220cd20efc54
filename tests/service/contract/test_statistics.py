"""The statistics extension."""

import pytest

from tests.service.shapes import answer_of, infer_body


@pytest.fixture(scope="module")
def counted(serve, iris):
    """A client of a server that has answered three requests of 1, 2 and 300 rows, and nothing else."""
    server = serve(max_batch_rows=256, log_level="error")
    rows = (iris.rows * 10)[:300]
    with server.client() as client:
        answer_of(client.post("/predict", json={"features": rows[0]}))
        answer_of(client.post(f"/v2/models/{iris.name}/infer", json=infer_body(iris, 2)))
        answer_of(client.post("/predict/batch", json={"inputs": rows}))
        yield client


def test_statistics_count_requests_and_rows(counted, iris):
    (stats,) = answer_of(counted.get(f"/v2/models/{iris.name}/stats"))["model_stats"]

    assert (stats["name"], stats["version"]) == (iris.name, "0")
    assert stats["inference_count"] == 303
    assert stats["inference_stats"]["success"]["count"] == 3
    assert stats["inference_stats"]["fail"]["count"] == 0
    assert stats["last_inference"] > 1_600_000_000_000


def test_statistics_count_runs_by_their_rows(counted, iris):
    (stats,) = answer_of(counted.get(f"/v2/models/{iris.name}/stats"))["model_stats"]

    sizes = {entry["batch_size"]: entry["compute_infer"]["count"] for entry in stats["batch_stats"]}
    assert sizes == {1: 1, 2: 1, 256: 1, 44: 1}
    assert stats["execution_count"] == 4


def test_all_three_paths_give_the_same_statistics(counted, iris):
    paths = ["/v2/models/stats", f"/v2/models/{iris.name}/stats", f"/v2/models/{iris.name}/versions/0/stats"]

    first, second, third = (answer_of(counted.get(path)) for path in paths)

    assert first == second == third
