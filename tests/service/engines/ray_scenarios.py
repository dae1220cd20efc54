"""What only Ray's own users do: handle calls, a changed `user_config`, a killed replica; run on one Ray, told as JSON.

Run as `python -m tests.service.engines.ray_scenarios IRIS SLOW`, with the folders of two compiled models of four
features. A process of its own, because Ray reads its variables when it is imported.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from services.core import settings as core_settings
from services.engines.ray import environment
from services.engines.ray.config import NAME, EngineConfig, serve_config
from services.engines.ray.user_config import UserConfig
from tests.service.server import HOST, free_port

ROW = [5.1, 3.5, 1.4, 0.2]
REPLICAS = 2
CLIENTS = 8
WAIT_SECONDS = 60.0
LOOK_SECONDS = 0.2
PORT = free_port()
URL = f"http://{HOST}:{PORT}"


async def main(iris: str, slow: str, folder: Path) -> dict[str, Any]:
    """Return what happened in each scenario."""
    import ray
    from ray import serve

    metrics_port = free_port()
    ray.init(
        "local", num_cpus=4, object_store_memory=80 << 20, include_dashboard=False, log_to_driver=False,
        configure_logging=False, _temp_dir=str(folder), _metrics_export_port=metrics_port,
    )  # fmt: skip
    serve.start(proxy_location="HeadOnly", http_options={"host": HOST, "port": PORT})
    try:
        told = {"handle": await handle_calls(iris), "killed": await killed()}
        told["metrics"] = await exported(metrics_port)
        told["reconfigured"] = await reconfigured(slow)
    finally:
        await serve.shutdown_async()
        ray.shutdown()
    return told


def deploy(model: str) -> Any:
    """Deploy as `serve deploy` and a RayService do; what differs from before is changed in the replicas that run."""
    from ray import serve
    from ray.serve.context import _get_global_client
    from ray.serve.schema import ServeDeploySchema

    config = EngineConfig(num_replicas=REPLICAS, num_cpus=0, host=HOST, port=PORT, user_config=UserConfig(model=model))
    client = _get_global_client()
    assert client is not None
    client.deploy_apps(ServeDeploySchema(**serve_config(config)), _blocking=True)
    return serve.get_app_handle(NAME)


async def handle_calls(iris: str) -> dict[str, Any]:
    """Call the replicas from Python: many at once, some that do not fit, and from another Serve deployment."""
    from ray import serve

    handle = await asyncio.to_thread(deploy, iris)
    await until_ready()

    @serve.deployment
    class Ensemble:
        def __init__(self, member: Any) -> None:
            self._member = member

        async def __call__(self, row: list[float]) -> list[Any]:
            return list(await asyncio.gather(*(self._member.predict.remote(row) for _ in range(3))))

    from services.engines.ray.app import predictor

    member = predictor.options(name="Member", user_config={"model": iris}).bind()
    composed = await asyncio.to_thread(serve.run, Ensemble.bind(member), name="ensemble", route_prefix=None)
    good = [(ROW,), (ROW, Path(iris).name), (np.array(ROW),), ([np.float64(ROW[0]), *ROW[1:]],)]
    bad = [(ROW[:2],), ([object()],), (ROW, "nobody")]
    together = await asyncio.gather(
        *(handle.predict.remote(*asked) for asked in good * 10 + bad), return_exceptions=True
    )
    refused = [{"status": error.status, "message": error.message} for error in together[-len(bad) :]]
    async with httpx.AsyncClient(base_url=URL, trust_env=False) as client:
        over_http = (await client.post("/predict", json={"features": ROW})).json()
    several = await composed.remote(ROW)
    await asyncio.to_thread(serve.delete, "ensemble")
    return {"answers": together[: -len(bad)], "refused": refused, "over_http": over_http, "composed": several}


async def killed() -> dict[str, Any]:
    """Kill one replica under load."""
    async with Load() as load:
        before = replicas()
        os.kill(before[0], signal.SIGKILL)
        await until(lambda: len(set(replicas()) - {before[0]}) == REPLICAS)
        await until_ready()
    return {"statuses": load.statuses, "others": load.others}


async def exported(port: int) -> dict[str, Any]:
    """Return what Ray's agent exports, once it is there for every replica, and what the replicas themselves say."""
    counts: set[str] = set()
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(int(WAIT_SECONDS / LOOK_SECONDS)):
            if len(counts) < REPLICAS or "0" in counts:  # a replica has answered none yet
                (await client.post(f"{URL}/predict", json={"features": ROW})).raise_for_status()
            text = (await client.get(f"http://{HOST}:{port}/metrics")).text
            answers = [(await client.get(f"{URL}/metrics")).text for _ in range(4 * REPLICAS)]
            counts = {next(iter(_counts(answer)), "0") for answer in answers}
            if len(counts) == REPLICAS and counts <= set(_counts(text)):
                return {"exported": text, "own": sorted(counts)}
            await asyncio.sleep(LOOK_SECONDS)
    raise AssertionError(f"not exported: {counts}")


def _counts(text: str) -> list[str]:
    """Return how many predictions were answered with 200, as each series of a metrics page has it."""
    lines = (line for line in text.splitlines() if line.removeprefix("ray_").startswith("inference_requests_total{"))
    return [line.rpartition(" ")[2] for line in lines if 'route="/predict"' in line and 'code="200"' in line]


async def reconfigured(slow: str) -> dict[str, Any]:
    """Change the model under load."""
    before = replicas()
    async with Load() as load:
        await asyncio.to_thread(deploy, slow)
        await until(lambda: load.recent == {"10.2"})
    return {"statuses": load.statuses, "others": load.others, "same_replicas": replicas() == before}


class Load:
    """Clients that send one request after the other."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.others: list[str] = []
        self._last: dict[int, str] = {}

    async def __aenter__(self) -> "Load":
        self._client = httpx.AsyncClient(base_url=URL, timeout=30, trust_env=False)
        self._running = True
        self._tasks = [asyncio.create_task(self._send(number)) for number in range(CLIENTS)]
        await until(lambda: self.statuses[200] > 100)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._running = False
        await asyncio.gather(*self._tasks)
        await self._client.aclose()

    @property
    def recent(self) -> set[str]:
        """The last predictions of all clients."""
        return set(self._last.values())

    async def _send(self, number: int) -> None:
        while self._running:
            try:
                answer = await self._client.post("/predict", json={"features": ROW})
            except httpx.TransportError as error:
                self.others.append(repr(error))
                continue
            self.statuses[answer.status_code] += 1
            if answer.status_code == 200:
                self._last[number] = str(round(answer.json()["prediction"], 3))
            else:
                self.others.append(answer.text)


def replicas() -> list[int]:
    """Return the processes of the replicas."""
    from tests.service.server import _children

    def title(pid: int) -> str:
        try:
            return Path(f"/proc/{pid}/cmdline").read_text()
        except OSError:
            return ""

    return sorted(pid for pid in _children(os.getpid()) if title(pid).startswith("ray::ServeReplica:trivet"))


async def until_ready() -> None:
    """Return when the server is ready, whichever replica is asked."""
    async with httpx.AsyncClient(base_url=URL, trust_env=False) as client:
        in_a_row = 0
        for _ in range(int(WAIT_SECONDS / LOOK_SECONDS)):
            in_a_row = in_a_row + 1 if (await client.get("/v2/health/ready")).status_code == 200 else 0
            if in_a_row == 4 * REPLICAS:
                return
            await asyncio.sleep(LOOK_SECONDS / 4)
    raise AssertionError("not ready")


async def until(condition: Any) -> None:
    """Return when the condition holds."""
    for _ in range(int(WAIT_SECONDS / LOOK_SECONDS)):
        if condition():
            return
        await asyncio.sleep(LOOK_SECONDS)
    raise AssertionError("not in time")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="trivet-", dir="/tmp", ignore_cleanup_errors=True) as made:
        own = environment.own(core_settings.load(host=HOST), Path(made), haproxy=True)
        core_settings.hand_down(own | {"TRIVET_HOME": f"{made}/home"}, as_defaults=True)
        result = asyncio.run(main(sys.argv[1], sys.argv[2], Path(made)))
    sys.stdout.write("\n" + json.dumps(result) + "\n")
