"""The error tree: what can go wrong with a request, without saying how a transport answers it."""


class TrivetError(Exception):
    """A failure with a message that a client may read: one sentence, what is wrong and what was expected."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class MalformedRequest(TrivetError):
    """The body is not what the protocol asks for."""


class UnfitInput(TrivetError):
    """The body is well formed, but its values do not fit the model."""


class NotFound(TrivetError):
    """No such model, version or path."""


class TooLarge(TrivetError):
    """More bytes or rows than the named limit."""


class Retryable(TrivetError):
    """A refusal that ends by itself.

    reason: a short word for metrics. retry_after_seconds: when a new try is likely to be accepted, at least 1.
    """

    def __init__(self, message: str, *, reason: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


class Overloaded(Retryable):
    """Admission refused: the queue is full, or the deadline cannot be met."""


class NotReady(Retryable):
    """The server or the model is starting, draining or failed."""


class DeadlineExceeded(TrivetError):
    """The deadline passed while the request waited."""


class RuntimeFailed(TrivetError):
    """The runtime raised; the cause is chained and logged, never answered."""


class LoadFailed(TrivetError):
    """A model cannot be fetched, verified, loaded or warmed up."""


class CheckFailed(LoadFailed):
    """A version runs, but may not take over from the one that is served."""


class SettingsInvalid(TrivetError):
    """A setting is unknown, malformed or contradicts another."""
