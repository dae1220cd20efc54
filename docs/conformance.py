"""docs/conformance.md, made of what `python -m bench.conformance` kept in docs/conformance.json."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from services.conformance.check import Check, Level
from services.conformance.suite import checks

KEPT = Path(__file__).with_name("conformance.json")
Found = dict[str, dict[str, Any]]

HEAD = """\
# Conformance

Written by `make render` from `docs/conformance.json`, which `python -m bench.conformance` writes; change it there.

`trivet conform URL` runs these checks against any server of the Open Inference Protocol V2, and prints what was sent,
answered and expected where one fails. The service tests run the same checks on every engine. Each check is one clause:
of the V2 document, of an extension that the server advertises, of HTTP, or of Trivet's own contract. A clause that says
nothing of a server is skipped, with the reason. `trivet conform --help` tells the options and exit codes.

```bash
trivet conform http://localhost:8000                       # the whole contract, if the server is Trivet
trivet conform http://localhost:8080 --model M --json      # any server; --sample FILE where metadata names no inputs
uv run python -m bench.conformance --only ray              # look again at one server of the table below
make render                                                # and write this page
```

## What was looked at

All servers answer with the same forest (100 trees on iris), fitted in each environment from the same lines.
"""

DIFFERENCES = """\
## What the differences mean

- **Errors.** The document wants an error status and `{"error": "…"}`. Servers that leave the reading of a body to
  FastAPI answer 422 and `{"detail": […]}`, which a client of the protocol does not read. What only the model notices is
  a 500, in MLServer as plain text; the document calls 400 typical and does not forbid 500, but HTTP reserves it for the
  server's own faults, and a client that tries again after a 500 does so in vain.
- **Names.** An input by another name is used all the same by servers that take the first input, whatever it is called.
  The document does not say in so many words that this is an error; a typing mistake in a request is then answered with
  a prediction.
- **Health.** The document defines bodies, and KServe's client reads them; it fails on the empty bodies of MLServer.
- **Content-Type.** The document asks for none and tritonclient sends none, which the KServe SDK on a current FastAPI
  refuses.
- **null.** A server without versions should leave `versions` and `model_version` out; null is no string.
- **What is skipped** is not held against a server: extensions and versions are optional.

A table like this ages: it holds for the versions and dates above. It shows where clients meet differences, and not
which server is better; the suite is ours, and so are its readings of unclear clauses, each of which names its source.
"""


def page() -> str:
    """Return the page."""
    kept: dict[str, dict[str, Any]] = json.loads(KEPT.read_text())
    ours = {name: server for name, server in kept.items() if name.startswith("Trivet")}
    parts = [HEAD, *_servers(kept), "\n## The protocol\n"]
    parts += [
        "yes: as the clause says. **no**: otherwise, with the status that came. skip: it says nothing of this server.\n"
    ]
    parts += _table("protocol", {name: server["results"] for name, server in kept.items()})
    parts += ["\n" + DIFFERENCES, "## Trivet's own contract\n"]
    parts += _table("trivet", {name: server["results"] for name, server in ours.items()})
    return "\n".join(parts) + "\n"


def _servers(kept: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield "| server | date | versions | settings that differ from the defaults | protocol: yes, no, skipped |"
    yield "| --- | --- | --- | --- | --- |"
    for name, server in kept.items():
        versions = ", ".join(f"{package} {version}" for package, version in server["versions"].items())
        counts = Counter(server["results"].get(check.id, {}).get("outcome") for check in checks("protocol"))
        told = ", ".join(str(counts[outcome]) for outcome in ("passed", "failed", "skipped"))
        yield f"| {name} | {server['date']} | {versions} | {server['settings']} | {told} |"


def _table(level: Level, results: dict[str, Found]) -> Iterator[str]:
    yield f"| clause | source | {' | '.join(results)} |"
    yield f"| --- | --- |{' --- |' * len(results)}"
    chosen = [check for check in checks("trivet") if check.level == level]
    for group, of_group in groupby(chosen, lambda check: check.group):
        yield f"| **{group}** | |{' |' * len(results)}"
        for check in of_group:
            cells = " | ".join(_cell(check, found) for found in results.values())
            yield f"| {_escaped(check.clause)} | {check.source} | {cells} |"


def _cell(check: Check, found: Found) -> str:
    result = found.get(check.id)
    if result is None or result["outcome"] == "skipped":
        return "skip"
    if result["outcome"] == "passed":
        return "yes"
    return f"**no** {result['status']}" if "status" in result else "**no**"


def _escaped(clause: str) -> str:
    return clause.replace("|", "\\|")
