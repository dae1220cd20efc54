"""Trivet's errors in BentoML's own API, and what BentoML logs of them."""

import logging
from http import HTTPStatus

from bentoml.exceptions import BentoMLException
from pydantic import ValidationError

from services.core.errors import TrivetError
from services.http.errors import STATUS


class Refused(BentoMLException):
    """A TrivetError with its status, as BentoML answers it."""

    def __init__(self, error: TrivetError) -> None:
        super().__init__(error.message, error_code=HTTPStatus(STATUS.get(type(error), 500)))


def is_unexpected(record: logging.LogRecord) -> bool:
    """Whether a record of BentoML's is more than a client's mistake.

    It logs these too, as errors, with a traceback that quotes the client's values.
    """
    error = record.exc_info[1] if record.exc_info else None
    refused = isinstance(error, Refused) and error.error_code < HTTPStatus.INTERNAL_SERVER_ERROR
    return not refused and not isinstance(error, ValidationError)
