"""`trivet simulate` as people run it."""

import json

import pytest
from click.testing import CliRunner

from services.cli.simulate import command
from tests.tools import ROOT

MANIFEST = ROOT / "k8s" / "rendered" / "fastapi.yaml"
CALM = ("--profile", "constant", "--rate", "20", "--duration", "5m", "--service", "10ms")


def run(*arguments, given=None):
    return CliRunner().invoke(command, [str(argument) for argument in arguments], input=given)


@pytest.fixture
def trace(tmp_path):
    file = tmp_path / "trace.csv"
    file.write_text("seconds,requests_per_second\n0,20\n300,20\n")
    return file


def test_text_says_what_came_of_it_and_the_exit_code_whether_the_slo_was_kept():
    kept = run(MANIFEST, *CALM, "--slo", "p99=100ms,errors=1%")
    missed = run(MANIFEST, *CALM, "--slo", "p99=1ms")

    assert (kept.exit_code, missed.exit_code) == (0, 1), kept.output
    first, second, *lines = kept.output.splitlines()
    assert "HorizontalPodAutoscaler" in first and second.startswith("constant, 20.00/s, 300 s; 100.0/s at most")
    assert "requests  6,000, of which 0 % refused" in lines
    assert sum(line.startswith("kept ") for line in lines) == 2
    assert "over      p99 for 300 s" in missed.output and "MISSED" in missed.output


def test_a_manifest_comes_through_standard_input_and_json_says_all():
    done = run("-", *CALM, "--json", given=MANIFEST.read_text())

    (one,) = json.loads(done.output)["simulations"]
    assert done.exit_code == 0
    assert one["requests"] == pytest.approx(6000)
    assert len(one["timeline"]) == 20


def test_two_manifests_stand_beside_each_other(tmp_path):
    other = tmp_path / "fixed.yaml"
    other.write_text("kind: Deployment\nmetadata: {name: fixed}\nspec: {replicas: 3}\n")

    done = run(MANIFEST, "--compare", other, *CALM, "--plot", tmp_path / "both.svg")

    hours = next(line for line in done.output.splitlines() if line.startswith("replica-hours"))
    assert done.exit_code == 0, done.output
    assert hours.split()[-1] == "0.2500"
    assert "replicas of fixed" in (tmp_path / "both.svg").read_text()


def test_a_timeline_is_compared_with_what_is_simulated(tmp_path):
    file = tmp_path / "cluster.csv"
    file.write_text("seconds,rate,replicas\n0,1,4\n60,1,9\n120,1,9\n")

    done = run(MANIFEST, "--observed", file, "--service", "10ms")

    assert done.exit_code == 0, done.output
    assert "observed  1 changes, 1 of them not simulated" in done.output
    assert "apart     by 6 replicas at most" in done.output


def test_a_fleet_is_added_up(tmp_path, trace):
    (tmp_path / "fixed.yaml").write_text("kind: Deployment\nmetadata: {name: fixed}\nspec: {replicas: 3}\n")
    (tmp_path / "fleet.csv").write_text(
        "name,manifest,trace,scale\na,fixed.yaml,trace.csv,1\nb,fixed.yaml,trace.csv,99\n"
    )

    done = run("--fleet", tmp_path / "fleet.csv", "--replicas-per-node", 4, "--service", "10ms", "--slo", "errors=1%")

    assert done.exit_code == 1
    assert "services  2, of which 1 miss an objective" in done.output
    assert "replicas  6 at most on 2 nodes; 1.000 replica-hours" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((MANIFEST, "--service", "1ms"), "say the load by one of"),
        ((*CALM,), "name a manifest"),
        ((MANIFEST, "--profile", "day", "--service", "1ms"), "--profile and --rate go together"),
        ((MANIFEST, *CALM[:-2]), "--knee or by --service"),
        ((MANIFEST, *CALM, "--observed", MANIFEST), "say the load by one of"),
        ((MANIFEST, *CALM, "--replicas-per-node", 3), "goes with --fleet"),
        ((MANIFEST, *CALM, "--signal", "x=y"), "NAME=SIGNAL was expected"),
        ((MANIFEST, *CALM, "--name", "nobody"), "0 autoscalers named nobody"),
        ((MANIFEST, "--trace", MANIFEST, "--service", "1ms"), "no column seconds"),
        ((MANIFEST, *CALM[:-2], "--knee", MANIFEST), "find-knee"),
        ((MANIFEST, *CALM, "--begins", "noon"), "noon"),
        ((MANIFEST, "--prometheus", "http://127.0.0.1:1", "--service", "1ms"), "needs --query"),
    ],
)
def test_a_wrong_command_line_is_refused_with_what_to_do(arguments, message):
    done = run(*arguments)

    assert done.exit_code == 2, done.output
    assert message in done.output
