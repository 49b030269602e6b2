"""What an endpoint was asked for in each episode, beside what it said."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from llmenvs.bench.chat_reply import ChatReply
from llmenvs.bench.episode_record import EndpointUsage


@dataclass(frozen=True, slots=True)
class EpisodeAccount:
    """What an endpoint gave in an episode beside its completions.

    Attributes:
        usage: requests and tokens.
        reasoning: of each turn; None where there was none.
    """

    usage: EndpointUsage
    reasoning: tuple[str | None, ...]


@runtime_checkable
class Accounted(Protocol):
    """A policy that keeps accounts of its episodes."""

    def pop_account(self, episode_id: str) -> EpisodeAccount | None:
        """Return what an episode asked for, and forget it; None where it asked for nothing."""
        ...


@dataclass(slots=True)
class OpenAccount:
    """What one episode has asked for so far; mutable.

    Attributes:
        requests: that were sent.
        turns: that were asked for.
        replies: that came.
        prompt_tokens: of the replies; None once one did not tell.
        completion_tokens: likewise.
        reasoning: of each reply.
    """

    requests: int = 0
    turns: int = 0
    replies: int = 0
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    reasoning: list[str | None] = field(default_factory=list)

    def count_request(self) -> None:
        """Count one request as sent."""
        self.requests += 1

    def add(self, reply: ChatReply, *, reasoning: str | None) -> None:
        """Count a reply."""
        self.replies += 1
        self.prompt_tokens = _sum(self.prompt_tokens, reply.prompt_tokens)
        self.completion_tokens = _sum(self.completion_tokens, reply.completion_tokens)
        self.reasoning.append(reasoning)

    def close(self) -> EpisodeAccount:
        """Return the account; tokens are not known where a request was lost, which may have cost.

        >>> OpenAccount(requests=3, turns=1).close().usage.retries
        2
        """
        known = self.replies == self.turns
        usage = EndpointUsage(
            requests=self.requests,
            retries=max(0, self.requests - self.turns),
            prompt_tokens=self.prompt_tokens if known else None,
            completion_tokens=self.completion_tokens if known else None,
        )
        return EpisodeAccount(usage, tuple(self.reasoning))


def _sum(total: int | None, count: int | None) -> int | None:
    return None if total is None or count is None else total + count
