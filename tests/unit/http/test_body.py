"""A body is read within its limits, and no further."""

import asyncio

import pytest

from services.core.errors import TooLarge
from services.http.body import BodyReader
from services.http.errors import Disconnected, TooSlow, UnsupportedMedia
from tests.unit.http.asgi import Body
from tests.unit.parts import turn, until


def reader(max_bytes: int = 10, timeout_seconds: float = 30) -> BodyReader:
    return BodyReader(max_bytes, timeout_seconds)


class Silent(Body):
    """A client that sends its pieces and then nothing, and stays."""

    async def __call__(self):
        if not self.left:
            await asyncio.get_running_loop().create_future()
        return {"type": "http.request", "body": self.left.pop(0), "more_body": True}


@pytest.mark.parametrize("pieces", [[b""], [b"0123456789"], [b"0123", b"456", b"789"], [b"", b"01", b""]])
async def test_a_body_is_the_sum_of_its_pieces(pieces):
    assert await reader().read({}, Body(*pieces)) == b"".join(pieces)


@pytest.mark.parametrize("pieces", [[b"x" * 11], [b"x" * 10, b"x"], [b"x" * 5, b"x" * 6, b"x"]])
async def test_one_byte_too_many_is_too_large_and_the_limit_is_named(pieces):
    with pytest.raises(TooLarge, match=r"more than 10 bytes \(TRIVET_MAX_BODY_BYTES\)"):
        await reader().read({}, Body(*pieces))


async def test_nothing_is_read_beyond_the_limit():
    body = Body(b"x" * 6, b"x" * 6, b"never", b"read")

    with pytest.raises(TooLarge):
        await reader().read({}, body)

    assert body.left == [b"never", b"read"]


async def test_a_declared_length_beyond_the_limit_is_refused_unread():
    body = Body(b"never read")

    with pytest.raises(TooLarge):
        await reader().read({b"content-length": b"11"}, body)

    assert body.left


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"deflate", b"identity, gzip", b""])
async def test_a_compressed_body_is_not_served(encoding):
    with pytest.raises(UnsupportedMedia, match="without Content-Encoding"):
        await reader().read({b"content-encoding": encoding}, Body(b"x"))


async def test_an_uncompressed_body_may_say_so():
    assert await reader().read({b"content-encoding": b"identity"}, Body(b"x")) == b"x"


@pytest.mark.parametrize("pieces", [[], [b"half"]])
async def test_a_client_that_goes_away_is_noticed(pieces):
    with pytest.raises(Disconnected):
        await reader().read({}, Body(*pieces, disconnects=True))


async def test_a_slow_body_ends_with_its_time_and_its_task_goes_on():
    bodies = reader(timeout_seconds=0.02)
    watch = asyncio.create_task(bodies.watch())

    with pytest.raises(TooSlow, match="TRIVET_BODY_TIMEOUT_SECONDS"):
        await asyncio.wait_for(bodies.read({}, Silent(b"half")), 5)

    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0
    assert bodies._deadlines == {} and bodies._late == set()
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


async def test_a_slow_body_does_not_end_the_others():
    bodies = reader(timeout_seconds=0.02)
    watch = asyncio.create_task(bodies.watch())
    slow = asyncio.create_task(bodies.read({}, Silent(b"half")))
    await until(slow.done)

    assert await bodies.read({}, Body(b"whole")) == b"whole"

    assert isinstance(slow.exception(), TooSlow)
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


async def test_a_request_that_is_cancelled_stays_cancelled():
    bodies = reader()
    read = asyncio.create_task(bodies.read({}, Silent()))
    await turn()

    read.cancel()

    with pytest.raises(asyncio.CancelledError):
        await read
    assert bodies._deadlines == {}


async def test_a_body_of_megabytes_is_the_sum_of_its_pieces():
    pieces = [bytes([number]) * 300_000 for number in range(8)]

    assert await reader(max_bytes=10**7).read({}, Body(*pieces)) == b"".join(pieces)
