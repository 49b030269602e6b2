"""A person sees what a policy sees, in a real terminal and through a pipe."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "llmenvs.cli", "play", "llmenvs/GridWorld-v0"]


def piped(text: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], input=text, capture_output=True, text=True, timeout=60, check=False
    )


def test_an_episode_to_its_end_through_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    done = piped("right\nup\nnonsense\nright\nright\n", "--transcript", str(path))
    (row,) = [json.loads(line) for line in path.read_text().splitlines()]

    assert done.returncode == 0
    assert "You walk on a grid of 4 by 4 cells" in done.stdout
    assert "reward -1, the action could not be read" in done.stdout
    assert "reward +5, terminated, score 1: reached (3, 1), the best terminal" in done.stdout
    assert row["turn_rewards"] == [-1, -1, -1, -1, 5]


def test_the_tokens_can_be_seen_and_the_game_left() -> None:
    done = piped("up\n:tokens\n:quit\n")

    assert "tokens, 2 of them generated" in done.stdout
    assert done.returncode == 0


def test_the_end_of_the_input_leaves(tmp_path: Path) -> None:
    done = piped("up\n")

    assert done.returncode == 0
    assert done.stdout.rstrip().endswith("left")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task-id", "nope"], "no task has the id 'nope'"),
        (["--env-option", "max_turns=0"], "max_turns must be at least 1"),
        (["--env-option", "max_turn=3"], "max_turn"),
    ],
)
def test_a_bad_word_is_named(words: list[str], message: str) -> None:
    done = piped("", *words)

    assert done.returncode == 2
    assert message in done.stderr


def test_an_episode_in_a_terminal() -> None:
    master, slave = pty.openpty()
    with subprocess.Popen(COMMAND, stdin=slave, stdout=slave, stderr=slave, close_fds=True) as game:
        os.close(slave)
        shown = b""
        for move in (b"right", b"up", b"right", b"right"):
            while not shown.endswith(b"> "):
                shown += os.read(master, 1024)
            os.write(master, move + b"\n")
            shown += os.read(master, 1)
        try:
            while chunk := os.read(master, 1024):
                shown += chunk
        except OSError:
            pass  # the terminal is gone with the program
    os.close(master)

    assert game.returncode == 0
    assert b"reached (3, 1), the best terminal from (0, 0)" in shown
