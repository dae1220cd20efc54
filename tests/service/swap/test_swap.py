"""An alias that moves under load changes what every process serves, and no request notices."""

import itertools

import pytest

from tests.service.swap.load import Load
from tests.service.waiting import until

# MLflow's own libraries warn of each other in this process.
pytestmark = pytest.mark.filterwarnings("ignore")

MOVES = 20
FOLLOW_SECONDS = 30.0
WORKERS = {"fastapi": 1, "bentoml": 2, "ray": 2}


def test_twenty_moves_under_load_answer_every_request_truly(engine, registry, follow):
    server = follow(registry, workers=WORKERS[engine], home=registry.home)
    with Load(server, registry.digests) as load:
        for version in itertools.islice(itertools.cycle("231"), MOVES):
            registry.point(version)
            until(lambda version=version: load.all_serve(version), FOLLOW_SECONDS, f"version {version} is served")

    assert load.wrong == []
    assert load.statuses.keys() == {200}
    assert load.statuses[200] > MOVES * 40
