"""A signal to BentoML's supervisor ends it, whatever it is doing at that moment."""

import json
import os
import signal
from types import SimpleNamespace

import circus.controller
import pytest
from tornado.ioloop import IOLoop

from services.engines.bentoml import supervisor

BUSY_SECONDS = 0.2
TOO_LONG_SECONDS = 10.0


class Controller:
    """What circus' handler knows of its supervisor; it notes whether that was free when it was asked to end."""

    def __init__(self) -> None:
        self.loop = IOLoop.current()
        self.arbiter = SimpleNamespace(_exclusive_running_command=None)
        self.was_free: list[bool] = []

    def dispatch(self, job: tuple[None, str]) -> None:
        self.loop.stop()
        assert json.loads(job[1])["command"] == "quit"
        self.was_free.append(self.arbiter._exclusive_running_command is None)

    def be_free(self) -> None:
        self.arbiter._exclusive_running_command = None


@pytest.fixture
def controller():
    return Controller()


@pytest.fixture
def _heard(controller, monkeypatch):
    monkeypatch.setattr(circus.controller, "SysHandler", circus.controller.SysHandler)
    supervisor.hear_every_signal()
    handler = circus.controller.SysHandler(controller)
    yield
    handler.stop()


@pytest.mark.usefixtures("_heard")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("busy_with", [None, "manage_watchers"])
def test_a_signal_ends_the_supervisor_when_it_is_free(controller, number, busy_with):
    controller.arbiter._exclusive_running_command = busy_with
    controller.loop.call_later(BUSY_SECONDS, controller.be_free)
    controller.loop.add_callback(os.kill, os.getpid(), number)
    controller.loop.call_later(TOO_LONG_SECONDS, controller.loop.stop)
    controller.loop.start()

    assert controller.was_free == [True]
