"""Signals that BentoML's supervisor, which is circus, would lose."""

import circus.controller
from circus.client import make_json
from circus.sighandler import SysHandler

# It is busy for some 10 ms while it starts a worker.
LOOK_SECONDS = 0.05


class Heard(SysHandler):  # type: ignore[misc]  # circus has no types
    """Ends the supervisor as soon as it is free.

    Its own handler asks once, and a supervisor that is starting a worker again refuses: SIGTERM is then lost.
    """

    def quit(self) -> None:
        self.controller.loop.asyncio_loop.call_soon_threadsafe(self._quit_when_free)  # which wakes the loop

    def _quit_when_free(self) -> None:
        if self.controller.arbiter._exclusive_running_command is None:
            self.controller.dispatch((None, make_json("quit")))
        else:
            self.controller.loop.call_later(LOOK_SECONDS, self._quit_when_free)


def hear_every_signal() -> None:
    """Have a supervisor that is made from now on handle its signals so."""
    circus.controller.SysHandler = Heard
