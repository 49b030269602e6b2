"""Which endpoint is asked, and how; apart from the policy, whose packages not every run needs."""

from dataclasses import asdict, dataclass
from typing import Any, Literal
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """Which endpoint, and how it is asked.

    Attributes:
        base_url: up to and without ``/chat/completions``; it often ends in ``/v1``. Not with a user
            or a password, nor with a query.
        model: as the endpoint names it.
        api_key_env: the environment variable that holds the key; where it is not set, none is sent.
        tool_calls: ``"text"``: the environment's prompt says how calls are written. ``"native"``:
            the tools' schemas are sent, and the endpoint's tool calls are read.
        stream: ask for the reply in pieces.
        temperature: of sampling; the endpoint's own where it is None.
        top_p: likewise.
        stop: strings at which to stop, besides the environment's.
        send_seed: send the seed of each completion, which makes a run repeatable where the endpoint
            keeps it.
        token_limit_name: of the field with the most tokens of a reply.
    """

    base_url: str
    model: str
    api_key_env: str = "OPENAI_API_KEY"
    tool_calls: Literal["text", "native"] = "text"
    stream: bool = False
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    send_seed: bool = True
    token_limit_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # noqa: S105

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError(
                "base_url must hold no user, password or query: it is written to disk; put the "
                f"key into the environment variable {self.api_key_env}"
            )
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"base_url must begin with http:// or https://, got {self.base_url!r}")
        if self.base_url.rstrip("/").endswith("/chat/completions"):
            raise ValueError(f"base_url must end before /chat/completions, got {self.base_url!r}")
        if not self.model:
            raise ValueError("model must name one, got ''")
        if self.tool_calls not in ("text", "native"):
            raise ValueError(f"tool_calls must be 'text' or 'native', got {self.tool_calls!r}")

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the completions, JSON-ready; where the key is from does not."""
        return {
            name: value
            for name, value in asdict(self).items()
            if name not in ("api_key_env", "stream", "model")
        }

    @property
    def url(self) -> str:
        """Of the chat completions."""
        return self.base_url.rstrip("/") + "/chat/completions"


@dataclass(frozen=True, slots=True)
class RetryRules:
    """How often and when a request is tried again.

    Attributes:
        max_attempts: of one request, at least 1.
        timeout_s: of one attempt.
        first_wait_s: at most, before the second attempt; it doubles with each.
        max_wait_s: at most, before any, also where the server asks for more.
    """

    max_attempts: int = 6
    timeout_s: float = 300.0
    first_wait_s: float = 1.0
    max_wait_s: float = 60.0

    def __post_init__(self) -> None:
        if self.max_attempts < 1 or not self.timeout_s > 0.0:
            raise ValueError(
                "max_attempts must be at least 1 and timeout_s above 0, "
                f"got {self.max_attempts} and {self.timeout_s}"
            )
