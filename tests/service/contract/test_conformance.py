"""The conformance suite that `trivet conform` runs, on every engine: each check, for models of every kind."""

from collections.abc import Callable, Iterator

import pytest

from services.conformance.check import Check
from services.conformance.discover import discover, level_of
from services.conformance.http import Http
from services.conformance.suite import Result, checks, run_one
from services.conformance.target import Target
from tests.service.server import CLIENT_SECONDS

# A matrix of numbers; named columns of which one may be missing; labels that are strings; two outputs; a regressor.
MODELS = ("iris-classifier", "churn-classifier", "word-classifier", "two-targets", "price-regressor")
CHECKS = checks("trivet")


@pytest.fixture(scope="session")
def looked_at(engine: str, serve: Callable) -> Iterator[Callable[[Check, str], Result]]:
    """Run one check against the server of a model: looked_at(check, "iris-classifier"). A result is kept."""
    targets: dict[str, Target] = {}
    results: dict[tuple[str, str], Result] = {}

    def look(check: Check, model: str) -> Result:
        if model not in targets:
            targets[model] = discover(Http(serve(model).url, timeout_seconds=CLIENT_SECONDS), None, None)
        if (check.id, model) not in results:
            results[check.id, model] = run_one(check, targets[model])
        return results[check.id, model]

    yield look
    for target in targets.values():
        target.http.close()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_the_server_conforms(looked_at, check, model):
    result = looked_at(check, model)

    assert result.outcome != "failed", f"{result.clause}\nexpected {result.expected}\n{result.exchange}"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_no_check_is_skipped_for_every_model(looked_at, check):
    assert "passed" in {looked_at(check, model).outcome for model in MODELS}


def test_the_server_says_that_it_is_trivet(url):
    http = Http(url, timeout_seconds=CLIENT_SECONDS)

    assert level_of(http) == "trivet"
    http.close()
