"""`trivet promote --if-healthy` with a real registry and a scripted Prometheus."""

from collections.abc import Callable, Iterator

import msgspec
import pytest
from click.testing import CliRunner, Result

from services.cli.promote import command
from tests.service.swap.registry import ALIAS, NAME, Registry, asking
from tests.unit.promotion.scripted import Counters, answer, serving

# MLflow's own libraries warn of each other in this process.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def promote(registry: Registry, counters: Counters, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Run the command in this process, which has MLflow already; it watches for a second."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    monkeypatch.setenv("TRIVET_HOME", str(registry.home))
    with serving(lambda query, *_: (200, answer(counters.value(query)))) as url:

        def run(*options: str) -> Result:
            arguments = [NAME, "2", "--if-healthy", "--prometheus", url, "--watch", "1s", *options]
            with asking(registry.uri):
                return CliRunner().invoke(command, arguments)

        yield run


def served(registry: Registry) -> str:
    return str(registry.client.get_model_version_by_alias(NAME, ALIAS).version)


def test_a_healthy_candidate_is_promoted_and_each_step_is_said(promote, registry):
    done = promote()

    assert (done.exit_code, served(registry)) == (0, "2"), done.stderr
    *steps, last = done.stdout.splitlines()
    assert steps[:4] == [
        "healthy   1000 rows compared within 3600 s, and at least 100 must be",
        "healthy   100.000% of the rows agree, and at least 99.000% must",
        "healthy   0.000% of the rows fail, and at most 0.100% may",
        f"promoted  models:/{NAME}@{ALIAS} is version 2; before: version 1",
    ]
    assert last.startswith("promoted: burn rate 0.00") and last.endswith(f"(models:/{NAME}@{ALIAS} is version 2)")


def test_missing_evidence_is_refused_as_json(promote, registry, counters):
    counters.rows = None

    done = promote("--json")

    assert (done.exit_code, served(registry)) == (1, "1"), done.stderr
    told = msgspec.json.decode(done.stdout)
    assert (told["outcome"], told["version"]) == ("refused", "1")
    assert "this query returned nothing: sum(increase(inference_shadow_rows_total{" in told["reason"]


def test_a_breach_moves_the_alias_back_in_the_registry(promote, registry, counters):
    counters.errors = 500.0

    done = promote()

    assert (done.exit_code, served(registry)) == (3, "1"), done.stderr
    assert done.stdout.splitlines()[-1].startswith("rolled back: burn rate 500.00")


def test_the_command_line_says_what_is_missing_or_does_not_belong():
    for options, said in ((["--if-healthy"], "needs --prometheus URL"), (["--watch", "5m"], "--watch needs --if-heal")):
        done = CliRunner().invoke(command, [NAME, "2", *options])
        assert done.exit_code == 2
        assert said in " ".join(done.stderr.split())
