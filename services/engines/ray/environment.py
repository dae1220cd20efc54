"""Ray's own variables that make its HTTP path fast, and why each.

`trivet serve` sets them for the Ray that it starts. On a cluster they belong into the containers of head and workers.
Ray reads most of them when it is imported, so nothing here imports it.
"""

import secrets
import sys
from math import ceil
from pathlib import Path

from services.core.free_ports import free_ports
from services.core.settings import Settings
from services.engines.ray.haproxy import HEAD_TIMEOUT_VARIABLE

# HAProxy's buffer by default; a whole head has to fit into one.
BUFFER_BYTES = 16 * 1024

PLAIN_PATH = {
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "services.engines.ray.front:middlewares",
    # No thread of its own for our code and the router, which would hand every request over and back; gRPC between the
    # proxy and the replicas.
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_ENABLE_DIRECT_INGRESS": "0",
}
FAST_PATH = {
    **PLAIN_PATH,
    # HAProxy in front of a port of each replica, instead of a Python proxy that calls the replicas.
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_ENABLE_DIRECT_INGRESS": "1",
    # HAProxy would send a datagram for every request to a Python process, for metrics that the contract's replace.
    "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
    # What a replica took and never answered, because it was killed, goes to another one, once: an inference changes
    # nothing. More often, and a request that kills replicas would kill them all.
    "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
    "RAY_SERVE_HAPROXY_RETRIES": "1",
}


def own(settings: Settings, folder: Path, *, haproxy: bool) -> dict[str, str]:
    """Return the variables for a Ray of one's own in this folder, beside which others may run."""
    client_seconds = max(settings.body_timeout_seconds, settings.header_timeout_seconds, settings.keep_alive_seconds)
    ports = [str(port) for port in free_ports(3)]
    return {
        **(FAST_PATH if haproxy else PLAIN_PATH),
        "RAY_USAGE_STATS_ENABLED": "0",
        # `uv run` would make Ray build an environment for each worker.
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        # HAProxy's limits, above the application's own.
        HEAD_TIMEOUT_VARIABLE: str(round(settings.header_timeout_seconds * 1000)),
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": str(ceil(client_seconds) + 1),
        "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": str(settings.max_header_bytes + BUFFER_BYTES),
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(Path(sys.executable).with_name("trivet-haproxy")),
        # Ray would keep a token in the home folder.
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_SERVE_LOG_TO_STDERR": "0",
        # On a busy machine a proxy starts slowly, and Ray would take the second attempt for a failure.
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
        # The drain is over before Ray stops a replica.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0",
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{folder}/haproxy/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{folder}/haproxy/admin.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": f"{folder}/haproxy",
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{folder}/haproxy/server-state",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": f"{folder}/haproxy/metrics.sock",
        "RAY_SERVE_HAPROXY_METRICS_PORT": ports[0],
        "RAY_SERVE_HAPROXY_STATS_PORT": ports[1],
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": ports[2],
    }
