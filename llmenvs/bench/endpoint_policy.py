"""`EndpointPolicy`: any OpenAI-compatible chat endpoint as an `AsyncPolicy` (extra ``[bench]``)."""

import os
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from llmenvs.bench.chat_messages import (
    NativeCall,
    native_messages,
    openai_tools,
    text_messages,
    text_of_calls,
)
from llmenvs.bench.chat_reply import ChatReply
from llmenvs.bench.endpoint_account import EpisodeAccount, OpenAccount
from llmenvs.bench.endpoint_client import EndpointClient
from llmenvs.bench.endpoint_config import EndpointConfig, RetryRules
from llmenvs.policy import Prompt
from llmenvs.stop_strings import end_of_first_stop
from llmenvs.transcript import Completion

_MAX_STOP_STRINGS = 4  # that OpenAI takes


class EndpointPolicy:
    """Asks a chat endpoint; used within ``async with``.

    Args:
        config: which one, and how.
        rules: of trying again.
        environ: where the key is looked up; that of the process by default.

    Raises:
        ValueError: the key cannot stand in a header.
    """

    def __init__(
        self,
        config: EndpointConfig,
        *,
        rules: RetryRules | None = None,
        environ: Any = os.environ,
    ) -> None:
        key = str(environ.get(config.api_key_env, "")).strip()
        if any(not " " <= letter <= "~" for letter in key):
            raise ValueError(f"the key in {config.api_key_env} must be printable ASCII, and is not")
        self.config = config
        self._client = EndpointClient(config.url, key=key or None, rules=rules or RetryRules())
        self._accounts: dict[str, OpenAccount] = {}

    async def __aenter__(self) -> "EndpointPolicy":
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, traceback)

    async def act_one(self, prompt: Prompt) -> Completion:
        """Return what the endpoint says to ``prompt``.

        Raises:
            EndpointError: it says nothing, in spite of trying again.
        """
        account = self._accounts.setdefault(prompt.episode_id, OpenAccount())
        account.turns += 1
        reply = await self._client.ask(self._body(prompt), on_attempt=account.count_request)
        thoughts = reply.reasoning
        account.add(
            reply, reasoning=None if thoughts is None else self._client.without_key(thoughts)
        )
        return Completion(self._text(reply, prompt.stop_strings))

    def pop_account(self, episode_id: str) -> EpisodeAccount | None:
        """Return what an episode asked for, and forget it; None where it asked for nothing."""
        account = self._accounts.pop(episode_id, None)
        return None if account is None else account.close()

    def _body(self, prompt: Prompt) -> dict[str, Any]:
        config = self.config
        native = config.tool_calls == "native"
        convert = native_messages if native else text_messages
        body: dict[str, Any] = {
            "model": config.model,
            "messages": convert(prompt.messages),
            config.token_limit_name: prompt.max_new_tokens,
        }
        if native and prompt.tools:
            body["tools"] = openai_tools(prompt.tools)
        stop = [*prompt.stop_strings, *config.stop][:_MAX_STOP_STRINGS]
        sampling = {"temperature": config.temperature, "top_p": config.top_p}
        body |= {name: value for name, value in sampling.items() if value is not None}
        if stop:
            body["stop"] = stop
        if config.send_seed:
            body["seed"] = prompt.seed % 2**31  # some servers keep it in 32 bits, with a sign
        if config.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body

    def _text(self, reply: ChatReply, stop_strings: Sequence[str]) -> str:
        clean = self._client.without_key
        calls = [NativeCall(clean(call.name), clean(call.arguments)) for call in reply.calls]
        content = clean(reply.content)
        if calls:
            return text_of_calls(content, calls)
        return with_stop_string(content, reply, [*stop_strings])


def with_stop_string(content: str, reply: ChatReply, stop_strings: Sequence[str]) -> str:
    """Return a content that ends with the stop string that ended it, which endpoints cut off.

    Most endpoints do not say which one it was. A closing tag is put back where its opening tag
    stands without one. What an endpoint wrote past a stop string, as those do that know none, is
    dropped.
    """
    end = end_of_first_stop(content, stop_strings)
    if end is not None:
        return content[:end]
    if reply.stop_string in stop_strings and reply.stop_string is not None:
        return content + reply.stop_string
    if reply.finish_reason != "stop":
        return content
    opened = {
        stop: content.rfind(stop.replace("</", "<", 1))
        for stop in stop_strings
        if stop.startswith("</")
    }
    last = max(opened, key=lambda stop: opened[stop], default=None)
    return content if last is None or opened[last] < 0 else content + last
