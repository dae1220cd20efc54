"""BentoML's own client, in a process of its own: it leaves temporary folders to the garbage collector, with a warning.

Run as `python -m tests.service.engines.ask_bentoml URL [KEY]`, with rows as JSON on standard input.
"""

import json
import sys

import bentoml
import numpy as np
from bentoml.exceptions import BentoMLException


def main(url: str, key: str | None = None) -> None:
    """Print the answer as JSON, or the client's error as {"error": …}."""
    rows = json.load(sys.stdin)
    mixed = any(isinstance(value, str) for row in rows for value in row)
    with bentoml.SyncHTTPClient(url, token=key) as client:
        try:
            answer = client.predict(rows=rows if mixed else np.array(rows))
        except BentoMLException as error:
            answer = {"error": str(error)}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
