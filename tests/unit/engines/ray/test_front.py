"""What Ray reads of requests and adds to answers stays away from the contract."""

import asyncio

import pytest

from services.engines.ray.front import FOR_RAY, Behind, Front

CLIENT = [(b"host", b"x"), (b"x-request-id", b"caf\xe9"), (b"x-request-timeout-seconds", b"0.001")]
START = {"type": "http.response.start", "status": 200}


def _through(answered):
    """Send one request through both layers; return what Ray saw, what the application saw, and what came out."""
    rays, applications, out = [], [], []

    async def application(scope, receive, send):
        applications.extend(scope["headers"])
        await send(START | {"headers": list(answered)})
        await send({"type": "http.response.body", "body": b""})

    async def ray(scope, receive, send):
        async def send_with_id(message):
            if "headers" in message:
                message["headers"].append((b"x-request-id", b"rays"))
            await send(message)

        rays.extend(scope["headers"])
        scope["headers"] = [*scope["headers"], (b"x-request-id", b"rays")]
        await Behind(application)(scope, receive, send_with_id)

    async def send(message):
        out.append(message)

    asyncio.run(Front(ray)({"type": "http", "headers": list(CLIENT)}, None, send))
    return rays, applications, out[0]["headers"]


def test_ray_sees_none_of_the_clients_headers_and_the_application_all():
    rays, applications, _ = _through([])

    assert rays == [FOR_RAY]
    assert applications == CLIENT


@pytest.mark.parametrize(
    "headers", [[], [(b"x-request-id", b"ours")], [(b"x-request-id", b"ours"), (b"allow", b"GET")]]
)
def test_the_answer_has_the_applications_headers_alone(headers):
    assert _through(headers)[2] == headers


def test_what_is_no_request_passes_as_it_is():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)

    asyncio.run(Front(app)({"type": "lifespan"}, None, None))

    assert seen == [{"type": "lifespan"}]
