"""Each error has the contract's status, one shape, and its headers."""

import inspect

import pytest

from services.core import errors as core
from services.core.errors import CheckFailed, LoadFailed, NotReady, Overloaded, Retryable, SettingsInvalid, TrivetError
from services.http import errors
from services.http.errors import STATUS, Unauthenticated, answer_of, error_answer

# The contract's table of statuses, less 405 and the plain 404 of an unknown path, which the router answers.
CONTRACT = {
    "MalformedRequest": 400,
    "Disconnected": 400,
    "Unauthenticated": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "TooSlow": 408,
    "TooLarge": 413,
    "UnsupportedMedia": 415,
    "UnfitInput": 422,
    "Overloaded": 429,
    "RuntimeFailed": 500,
    "NotReady": 503,
    "DeadlineExceeded": 504,
}
# These never reach a client: a server does not start, or goes on with the model it has.
INTERNAL = {TrivetError, Retryable, LoadFailed, CheckFailed, SettingsInvalid}


def made(kind: type[TrivetError]) -> TrivetError:
    if issubclass(kind, Retryable):
        return kind("why", reason="r", retry_after_seconds=3)
    return kind("why")


def test_the_table_is_the_contracts():
    assert {kind.__name__: status for kind, status in STATUS.items()} == CONTRACT


def test_every_error_has_a_status_or_stays_inside():
    kinds = {
        kind
        for module in (core, errors)
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, TrivetError)
    }

    assert kinds - INTERNAL == STATUS.keys()


@pytest.mark.parametrize("kind", STATUS)
def test_every_error_has_one_shape(kind):
    answer = answer_of(made(kind))

    assert answer.status == STATUS[kind]
    assert answer.body == b'{"error":"why"}'
    assert (b"content-type", b"application/json") in answer.headers


@pytest.mark.parametrize("kind", [Overloaded, NotReady])
def test_what_ends_by_itself_says_when(kind):
    assert (b"retry-after", b"3") in answer_of(made(kind)).headers


def test_who_has_no_key_is_told_how_to_send_one():
    assert (b"www-authenticate", b"Bearer") in answer_of(Unauthenticated("why")).headers


def test_no_other_error_has_such_headers():
    names = {
        name
        for kind in STATUS.keys() - {Overloaded, NotReady, Unauthenticated}
        for name, _ in answer_of(made(kind)).headers
    }

    assert names <= {b"content-type", b"connection"}


def test_a_message_is_json_whatever_it_quotes():
    assert error_answer(400, 'it is "5"\n').body == b'{"error":"it is \\"5\\"\\n"}'
