"""`llmenvs serve` refuses in a sentence what it cannot or must not serve."""

import pytest

from llmenvs.cli import main
from llmenvs.commands.serve import options_by_env

GRID = "llmenvs/GridWorld-v0"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["env", "llmenvs/Nowhere-v0"], "environment 'llmenvs/Nowhere-v0' cannot be made"),
        (["env", "CartPole-v1"], "must be a TextEnv"),
        (["env", GRID, GRID], "each id once"),
        (["env", GRID, "--env-option", "max_turns=3"], "--env-option must be ID:NAME=VALUE"),
        (["env", GRID, "--env-option", f"{GRID}:max_trns=3"], "max_trns"),
        (["env", GRID, "--env-option", f"{GRID}:max_turns"], "must be NAME=VALUE"),
        (["env", GRID, "--host", "192.0.2.1"], "which needs a bearer token"),
        (["env", GRID, "--token-env", "NO_SUCH_VARIABLE"], "must hold a token"),
        (["env", GRID, "--token-file", "/no/such/file"], "No such file"),
        (["env", GRID, "--max-sessions", "0"], "max_sessions must be above 0, got 0"),
        (["env", GRID, "--threads", "0"], "--threads must be at least 1, got 0"),
        (["verifier", "maths"], "did you mean 'math'"),
        (["verifier", "math", "--option", "nothing=1"], "has no option 'nothing'"),
        (["verifier", "math", "--workers", "-1"], "workers=-1"),
        (["verifier", "math", "--host", "::"], "which needs a bearer token"),
    ],
)
def test_what_cannot_be_served_is_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *words]) == 2
    assert message in capsys.readouterr().err


def test_options_go_to_their_environment_also_where_ids_hold_colons() -> None:
    words = ["a:b/C-v0:size=3", "b/C-v0:name=x=y"]

    assert options_by_env(["a:b/C-v0", "b/C-v0"], words) == {
        "a:b/C-v0": {"size": 3},
        "b/C-v0": {"name": "x=y"},
    }
