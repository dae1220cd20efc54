"""The child process of `publish --allow-pickle`: reads a pickle, writes a skops file. The only place that unpickles."""

import sys
import warnings
from pathlib import Path


def main() -> None:
    """Rewrite the pickle, joblib or cloudpickle file named first as the skops file named second."""
    import joblib
    import skops.io

    source, target = map(Path, sys.argv[1:3])
    # An estimator of another version warns; parity is measured on what is read, in this version.
    warnings.simplefilter("ignore")
    skops.io.dump(joblib.load(source), target)


if __name__ == "__main__":
    main()
