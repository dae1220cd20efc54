"""Several processes share the tier out by what is shared, not by turns."""

import pytest

from tests.service.together import unit_of

CONFORMS = "tests/service/contract/test_conformance.py::test_the_server_conforms"


@pytest.mark.parametrize(
    ("test", "unit"),
    [
        (f"{CONFORMS}[ray-health.live_says_so-iris-classifier]", "ray"),
        (f"{CONFORMS}[fastapi-metadata.server_answers-slow]", "fastapi"),
        ("tests/service/clients/test_clients.py::test_the_client_agrees_with_the_server[kserve-bentoml]", "bentoml"),
        (
            "tests/service/clients/test_clients.py::test_the_lock_is_whole[kserve]",
            "tests/service/clients/test_clients.py",
        ),
        (
            "tests/service/parity/test_parity.py::test_every_engine_answers[ray-slow]",
            "tests/service/parity/test_parity.py",
        ),
    ],
)
def test_what_shares_a_server_is_one_unit(test, unit):
    assert unit_of(test) == unit
