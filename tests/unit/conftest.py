"""What every unit test gets: an environment without settings, a look at what it left behind, and tiny real models."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import settings as hypothesis_settings

from services.core.compiled_model import CompiledModel
from tests.unit import onnx_models

# A thread that was told to end may need a moment on a busy machine.
JOIN_SECONDS = 5.0

# Examples differ from run to run only when asked to, and a slow machine is no failure.
hypothesis_settings.register_profile("unit", max_examples=60, deadline=None, derandomize=True, database=None)
hypothesis_settings.load_profile("unit")


@pytest.fixture(autouse=True)
def no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TRIVET_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if thread.daemon and not thread.name.startswith("trivet"):
            continue  # a library's own, such as a progress bar's
        thread.join(JOIN_SECONDS)
        assert not thread.is_alive(), f"the test left the thread {thread.name!r} behind"


@pytest.fixture(autouse=True)
async def no_task_left(no_thread_left: None) -> AsyncIterator[None]:
    yield
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"the test left tasks behind: {left}"


@pytest.fixture(scope="session")
def scaler(tmp_path_factory: pytest.TempPathFactory) -> CompiledModel:
    """Over a matrix of three columns: `prediction` is the row's sum, `probability` the row times ten; in float64."""
    return onnx_models.scaler(tmp_path_factory.mktemp("scaler"))


@pytest.fixture(scope="session")
def labeller(tmp_path_factory: pytest.TempPathFactory) -> CompiledModel:
    """Over the named columns `word` (BYTES) and `count` (INT64): says both back."""
    return onnx_models.labeller(tmp_path_factory.mktemp("labeller"))


@pytest.fixture(scope="session")
def forest(tmp_path_factory: pytest.TempPathFactory) -> CompiledModel:
    """Over a matrix of four columns: the sum of fifty small trees, in float32."""
    return onnx_models.forest(tmp_path_factory.mktemp("forest"))
