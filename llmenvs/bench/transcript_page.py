"""One HTML page on which a person sees who wrote each token of each episode.

The page stands alone: no script, no font and no picture from elsewhere. Everything that a policy or
an environment wrote is escaped.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

import numpy as np

from llmenvs.tokenizers import Tokenizer
from llmenvs.trajectory import Trajectory


@dataclass(frozen=True, slots=True)
class TranscriptGroup:
    """Episodes that are shown together, such as those before training.

    Attributes:
        name: as the reader sees it.
        trajectories: the episodes.
    """

    name: str
    trajectories: Sequence[Trajectory]


def write_transcript_page(
    path: Path,
    groups: Sequence[TranscriptGroup],
    tokenizer: Tokenizer,
    *,
    title: str,
    description: str = "",
) -> None:
    """Write the page to ``path``.

    Args:
        path: the HTML file; it is replaced.
        groups: at least one; the reader chooses between them.
        tokenizer: of the trajectories.
        title: of the page, plain text.
        description: below the title, plain text.
    """
    template = resources.files("llmenvs.bench").joinpath("transcript_page.html")
    articles = [
        _article(index, group.name, number, trajectory, tokenizer)
        for index, group in enumerate(groups)
        for number, trajectory in enumerate(group.trajectories, start=1)
    ]
    page = Template(template.read_text(encoding="utf-8")).substitute(
        title=html.escape(title),
        description=html.escape(description),
        filters="\n".join(_filter_rule(index) for index in range(len(groups))),
        choices="\n".join(
            [
                _choice("all", "all", checked=True),
                *(
                    _choice(str(index), f"{group.name} ({len(group.trajectories)})", checked=False)
                    for index, group in enumerate(groups)
                ),
            ]
        ),
        articles="\n".join(articles),
    )
    # Lone surrogates cannot be written; they become question marks here, and stay in the records.
    path.write_text(page, encoding="utf-8", errors="replace")


def _filter_rule(index: int) -> str:
    return f"  body:has(#show-{index}:checked) article:not(.group-{index}) {{ display: none; }}"


def _choice(key: str, label: str, *, checked: bool) -> str:
    state = " checked" if checked else ""
    return (
        f'<label><input type="radio" name="show" id="show-{key}"{state}> '
        f"{html.escape(label)}</label>"
    )


def _article(
    index: int, group: str, number: int, trajectory: Trajectory, tokenizer: Tokenizer
) -> str:
    verdict = trajectory.info.get("verdict")
    solved = bool(verdict is not None and verdict.success)
    reason = verdict.reason if verdict is not None else trajectory.info.get("error", "no verdict")
    outcome = "solved" if solved else "not solved"
    return (
        f'<article class="group-{index}"><h2>{html.escape(group)} {number}'
        f'<span class="{"good" if solved else "bad"}">{outcome}</span>'
        f"<span>return {trajectory.total_reward:+g}</span>"
        f"<span>{html.escape(trajectory.stop_reason.value)}</span>"
        f"<span>{html.escape(str(reason))}</span></h2>"
        f'<div class="tokens">{_tokens(trajectory, tokenizer)}</div></article>'
    )


def _tokens(trajectory: Trajectory, tokenizer: Tokenizer) -> str:
    ends = {
        stop - 1: reward
        for (_, stop), reward in zip(
            trajectory.turn_spans.tolist(), trajectory.turn_rewards.tolist(), strict=True
        )
    }
    pieces: list[str] = []
    for position, token_id in enumerate(trajectory.token_ids.tolist()):
        generated = bool(trajectory.generated_mask[position])
        pieces.append(_token(token_id, tokenizer, generated, trajectory.logprobs[position]))
        if generated and position in ends:
            reward = ends[position]
            sign = "good" if reward > 0 else "bad"
            pieces.append(f'<span class="reward {sign}">{reward:+g}</span>')
    return "".join(pieces)


def _token(token_id: int, tokenizer: Tokenizer, generated: bool, logprob: np.float32) -> str:  # noqa: FBT001
    text = tokenizer.decode([token_id]) or f"[{token_id}]"  # special tokens decode to nothing
    note = f"id {token_id}" + ("" if np.isnan(logprob) else f", logprob {logprob:.3f}")
    kind = "policy" if generated else "world"
    shown = html.escape(text).replace("\n", "⏎\n")
    return f'<span class="t {kind}" title="{note}">{shown}</span>'
