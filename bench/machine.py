"""What the numbers were measured on."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

# Asked of every environment; those that it lacks are left out.
PACKAGES = (
    "fastapi",
    "uvicorn",
    "uvloop",
    "httptools",
    "starlette",
    "mlflow",
    "mlserver",
    "litserve",
    "bentoml",
    "ray",
    "scikit-learn",
    "onnxruntime",
    "numpy",
)
_ASK = """
import sys
from importlib.metadata import PackageNotFoundError, version
for name in sys.argv[1:]:
    try:
        print(name, version(name))
    except PackageNotFoundError:
        pass
"""


def describe() -> dict[str, str | int]:
    """Return the machine: processor, cores, memory, kernel, Python and the date in UTC."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 0,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def versions(python: Path, packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Return the versions of the packages that matter in the environment of an interpreter."""
    lines = subprocess.run([python, "-c", _ASK, *packages], capture_output=True, text=True, check=True).stdout
    return dict(line.split() for line in lines.splitlines())


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
