"""What answers and errors have in common; each raises Failed with what was expected."""

from typing import Any

from services.conformance.check import Failed
from services.conformance.http import JSON, Reply

RETRY_STATUSES = (429, 503)


def expect(holds: object, expected: str, reply: Reply | None = None) -> None:
    """Fail unless it holds."""
    if not holds:
        raise Failed(expected, reply)


def ok(reply: Reply) -> Reply:
    """Fail unless the status is 200."""
    expect(reply.status == 200, "status 200", reply)
    return reply


def refused(reply: Reply, *statuses: int) -> str:
    """Return the message of an error that is the client's fault, as the V2 document has errors.

    statuses: which are right; any of 400 to 499 when none is given. Raises Failed.
    """
    right = reply.status in statuses if statuses else 400 <= reply.status < 500
    wanted = " or ".join(map(str, statuses)) or "400 to 499"
    expect(right, f'status {wanted} and {{"error": "…"}}', reply)
    return _message(reply, wanted)


def error_object(reply: Reply) -> str:
    """Return the message of an error of any status from 400 on. Raises Failed."""
    expect(reply.status >= 400, 'an error status and {"error": "…"}', reply)
    return _message(reply, "of an error")


def contract_error(reply: Reply, *statuses: int) -> str:
    """Return the sentence of an error in the one shape of Trivet's contract. Raises Failed."""
    message = refused(reply, *statuses) if statuses else error_object(reply)
    expect(list(reply.object()) == ["error"], 'nothing but "error" in the body', reply)
    expect(reply.headers.get("content-type") == JSON, f"Content-Type: {JSON}", reply)
    expect(reply.headers.get("x-request-id"), "the header X-Request-Id", reply)
    expect("\n" not in message and "Traceback" not in message, "one sentence", reply)
    if reply.status in RETRY_STATUSES:
        retry_after = reply.headers.get("retry-after", "")
        expect(retry_after.isdigit() and int(retry_after) >= 1, "Retry-After: whole seconds, at least 1", reply)
    return message


def contract_answer(reply: Reply, status: int = 200) -> Any:
    """Return the JSON of an answer in the form of Trivet's contract. Raises Failed."""
    expect(reply.status == status, f"status {status}", reply)
    expect(reply.headers.get("content-type") == JSON, f"Content-Type: {JSON}", reply)
    expect(reply.headers.get("x-request-id"), "the header X-Request-Id", reply)
    found = reply.json()
    expect(not _has_null(found), "no null anywhere", reply)
    return found


def _message(reply: Reply, wanted: str) -> str:
    body = reply.object()
    message = body.get("error")
    expect(isinstance(message, str) and message, f'status {wanted} and {{"error": "…"}}', reply)
    return str(message)


def _has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_null, value.values()))
    return any(map(_has_null, value)) if isinstance(value, list) else value is None
