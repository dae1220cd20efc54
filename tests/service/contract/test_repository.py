"""The model repository extension."""

import pytest

from tests.service.shapes import answer_of, error_of

ADMIN = {"x-api-key": "admin-secret"}


@pytest.fixture(scope="module")
def with_admin(serve, tmp_path_factory):
    """A server with an administrator, whose key is admin-secret."""
    keys = tmp_path_factory.mktemp("admin") / "keys"
    keys.write_text("root:admin-secret\n")
    return serve(admin_keys_file=keys)


@pytest.fixture
def administered(with_admin, iris):
    """The same, with its model loaded again afterwards, whatever a test did to it."""
    yield with_admin
    with with_admin.client(headers=ADMIN) as client:
        answer_of(client.post(f"/v2/repository/models/{iris.name}/load"))


@pytest.mark.parametrize("body", [b"", b"{}", b'{"ready":true}', b'{"ready":false}'])
def test_index_lists_the_model_with_its_version_and_state(client, iris, body):
    version = answer_of(client.get(f"/v2/models/{iris.name}"))["versions"][0]

    answer = answer_of(client.post("/v2/repository/index", content=body))

    assert answer == [{"name": iris.name, "version": version, "state": "READY", "reason": ""}]


@pytest.mark.parametrize("verb", ["load", "unload"])
def test_admin_routes_are_off_without_an_admin_key_file(client, iris, verb):
    assert "TRIVET_ADMIN_KEYS_FILE" in error_of(client.post(f"/v2/repository/models/{iris.name}/{verb}"), 404)


@pytest.mark.parametrize("verb", ["load", "unload"])
def test_admin_routes_ask_for_a_key_with_the_right(administered, iris, verb):
    path = f"/v2/repository/models/{iris.name}/{verb}"
    with administered.client() as client:
        nobody, somebody = client.post(path), client.post(path, headers={"x-api-key": "guess"})

    error_of(nobody, 401)
    assert nobody.headers["www-authenticate"] == "Bearer"
    error_of(somebody, 403)


def test_an_unloaded_model_refuses_until_it_is_loaded_again(administered, iris):
    path, row = f"/v2/repository/models/{iris.name}", {"features": iris.rows[0]}
    with administered.client() as client:
        assert answer_of(client.post(f"{path}/unload", headers=ADMIN, content=b"")) == {}
        refused = client.post("/predict", json=row)
        listed = answer_of(client.post("/v2/repository/index"))
        only_ready = answer_of(client.post("/v2/repository/index", json={"ready": True}))
        not_ready = answer_of(client.get(f"/v2/models/{iris.name}/ready"), 503)
        server_ready = answer_of(client.get("/v2/health/ready"), 503)
        assert answer_of(client.post(f"{path}/load", headers=ADMIN, content=b"{}")) == {}
        again = answer_of(client.post("/predict", json=row))

    error_of(refused, 503)
    assert int(refused.headers["retry-after"]) >= 1
    assert [(model["name"], model["state"]) for model in listed] == [(iris.name, "UNAVAILABLE")]
    assert only_ready == []
    assert not_ready == {"name": iris.name, "ready": False}
    assert server_ready == {"ready": False, "live": True}
    assert again["prediction"] == iris.predictions[0]


def test_load_refuses_parameters_and_other_bodies(administered, iris):
    path = f"/v2/repository/models/{iris.name}/load"
    with administered.client(headers=ADMIN) as client:
        assert answer_of(client.post(path, json={"parameters": {}})) == {}
        assert "'config'" in error_of(client.post(path, json={"parameters": {"config": "x", "n": 1}}), 400)
        error_of(client.post(path, json={"parameters": []}), 400)
        error_of(client.post(path, content=b"{"), 400)


@pytest.mark.parametrize("verb", ["load", "unload"])
def test_an_unknown_model_answers_404(administered, verb):
    with administered.client(headers=ADMIN) as client:
        assert "nobody" in error_of(client.post(f"/v2/repository/models/nobody/{verb}"), 404)


def test_unload_takes_dependents_as_a_parameter(administered, iris):
    with administered.client(headers=ADMIN) as client:
        body = {"parameters": {"unload_dependents": True}}
        assert answer_of(client.post(f"/v2/repository/models/{iris.name}/unload", json=body)) == {}
        assert answer_of(client.post(f"/v2/repository/models/{iris.name}/unload")) == {}


def test_loading_again_under_traffic_loses_no_request(administered, iris):
    with administered.client() as client:
        for index in range(5):
            assert answer_of(client.post(f"/v2/repository/models/{iris.name}/load", headers=ADMIN)) == {}
            answer = answer_of(client.post("/predict", json={"features": iris.rows[index]}))
            assert answer["prediction"] == iris.predictions[index]
