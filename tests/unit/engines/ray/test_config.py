"""The typed configuration: what it refuses, and what it becomes for Ray."""

import subprocess
import sys

import msgspec
import pytest
from ray.serve.schema import ServeDeploySchema

from services.core.errors import SettingsInvalid
from services.engines.ray.config import EngineConfig, read, serve_config


def _replicas(config):
    return serve_config(config)["applications"][0]["deployments"][0]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("num_replica: 2", "num_replica"),
        ("autoscaling: {max_replicas: 2, min_replica: 1}", "min_replica"),
        ("autoscaling: {max_replicas: 2, min_replicas: 3}", "min_replicas 3 is more than max_replicas 2"),
        ("autoscaling: {max_replicas: 2, min_replicas: 0}", "min_replicas"),
        ("autoscaling: {max_replicas: 2}\nnum_replicas: 2", "exclude each other"),
        ("autoscaling: {max_replicas: 2, target_ongoing_requests: 9}\nmax_ongoing_requests: 8", "max_ongoing_requests"),
        ("num_gpus: 1.5", "num_gpus 1.5"),
        ("max_queued_requests: 0", "-1 is no limit"),
        ("num_replicas: two", "num_replicas"),
        ("user_config: {modell: iris}", "modell"),
        ("user_config: {max_batch_rows: 0}", "MAX_BATCH_ROWS"),
        ("port: 0", "port"),
        ("num_replicas: [", "line 2"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(text, named):
    with pytest.raises(SettingsInvalid) as refused:
        read(text)

    assert named.lower() in refused.value.message.lower()
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    "text", ["", "num_replicas: 3", "autoscaling: {max_replicas: 4, prometheus: true}", "num_gpus: 0.25"]
)
def test_ray_takes_what_comes_out(text):
    ServeDeploySchema(**serve_config(read(text)))


def test_options_reach_ray_under_its_names():
    config = read(
        "autoscaling: {min_replicas: 2, max_replicas: 5, target_ongoing_requests: 4}\n"
        "num_gpus: 0.5\nmax_queued_requests: 100\nuser_config: {model: 'models:/a@b', max_batch_rows: 8}"
    )

    replicas = _replicas(config)

    assert replicas["autoscaling_config"].items() >= {"min_replicas": 2, "max_replicas": 5}.items()
    assert "num_replicas" not in replicas
    assert replicas["ray_actor_options"] == {"num_cpus": 1, "num_gpus": 0.5}
    assert replicas["max_queued_requests"] == 100
    assert replicas["user_config"] == {"model": "models:/a@b", "max_batch_rows": 8}


def test_without_a_word_there_is_one_replica():
    assert _replicas(EngineConfig())["num_replicas"] == 1


def test_the_command_prints_what_a_cluster_takes(tmp_path):
    file = tmp_path / "ray.yaml"
    file.write_text("num_replicas: 2")

    done = _command(file)

    assert done.returncode == 0, done.stderr
    assert msgspec.yaml.decode(done.stdout) == serve_config(read("num_replicas: 2"))


def test_the_command_refuses_with_exit_code_3_and_one_line(tmp_path):
    file = tmp_path / "ray.yaml"
    file.write_text("replicas: 2")

    done = _command(file)

    assert (done.returncode, done.stdout) == (3, b"")
    assert done.stderr.count(b"\n") == 1
    assert b"replicas" in done.stderr


def _command(file):
    command = [sys.executable, "-m", "services.engines.ray.config", str(file)]
    return subprocess.run(command, capture_output=True, check=False)
