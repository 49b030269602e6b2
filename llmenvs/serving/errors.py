"""Why a request is refused: one exception, whose status and kind the reply carries."""

from typing import Any


class ServiceError(Exception):
    """A request, or one item of a batch, that is not done.

    Args:
        status: as HTTP has it.
        error: the kind, for programs.
        detail: a sentence, for people.
    """

    def __init__(self, status: int, error: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.error = error
        self.detail = detail


KINDS = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    413: "too_large",
    422: "bad_request",
}


def problem(status: int, detail: str, error: str | None = None) -> dict[str, Any]:
    """Return the JSON object of a `Problem`."""
    kind = error or KINDS.get(status, "refused" if status < 500 else "failed")
    return {"schema_version": 1, "status": status, "error": kind, "detail": detail}
