"""`llmenvs serve`: environments and verifiers over HTTP.

    llmenvs serve env llmenvs/GridWorld-v0 llmenvs/SearchQA-v0 --port 8000
    llmenvs serve env llmenvs/GridWorld-v0 --env-option llmenvs/GridWorld-v0:max_turns=10
    llmenvs serve verifier math --port 8001

Both listen on this machine alone. With another --host they ask for a bearer token, from the
environment variable that --token-env names or from --token-file. SIGTERM ends them gracefully.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from llmenvs.commands.options import parse_options
from llmenvs.retrievers.optional import import_extra

DESCRIPTION = "serve environments or a verifier over HTTP"
_BAD_USE = 2
"""The exit status where the arguments, or the files that they name, are at fault."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the two actions to ``parser``."""
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_env(actions.add_parser("env", help="serve environments"))
    _add_verifier(actions.add_parser("verifier", help="serve a verifier, also as a reward server"))


def run(args: argparse.Namespace) -> int:
    """Serve until a signal; returns the exit status: 0, or 2 with a sentence why not."""
    try:
        {"env": _serve_env, "verifier": _serve_verifier}[args.action](args)
    except (ValueError, OSError, ImportError) as error:
        Console(stderr=True, soft_wrap=True).print(
            f"llmenvs serve: {error}", markup=False, highlight=False
        )
        return _BAD_USE
    return 0


def _add_env(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("env_ids", nargs="+", metavar="ID", help="as registered with Gymnasium")
    parser.add_argument(
        "--env-option",
        action="append",
        default=[],
        metavar="ID:NAME=VALUE",
        help="of an environment; the value is read as JSON, or as text where it is none",
    )
    parser.add_argument("--threads", type=int, default=8, help="environments stepped at a time")
    parser.add_argument(
        "--scripted-policies",
        action="store_true",
        help="answer for oracle, random and noop; the oracle knows the answers",
    )
    parser.add_argument(
        "--openenv",
        action="store_true",
        help="speak OpenEnv's protocol too, under /openenv/NAME; needs that package",
    )
    parser.add_argument("--max-sessions", type=int, default=4096, help="open at a time")
    parser.add_argument("--idle-timeout-s", type=float, default=1800.0, help="of a session")
    parser.add_argument("--max-age-s", type=float, default=86_400.0, help="of a session")
    parser.add_argument("--max-action-chars", type=int, default=2**20, help="of an action")
    parser.add_argument("--max-body-bytes", type=int, default=8 * 2**20, help="of a request")
    _add_server(parser)


def _add_verifier(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("verifier", metavar="NAME", help="see `llmenvs verifiers`")
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="of the verifier"
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes, 0 for none; all cores"
    )
    parser.add_argument("--timeout-s", type=float, default=60.0, help="of one row, in a worker")
    parser.add_argument("--max-rows", type=int, default=4096, help="of a request")
    parser.add_argument("--max-body-bytes", type=int, default=64 * 2**20, help="of a request")
    parser.add_argument(
        "--json-targets",
        action="store_true",
        help="read a trainer's labels, which are strings, as JSON",
    )
    _add_server(parser)


def _add_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument("--token-env", metavar="NAME", help="the variable that holds the token")
    parser.add_argument("--token-file", type=Path, help="holds the token")
    parser.add_argument("--body-timeout-s", type=float, default=30.0, help="for a body to arrive")
    parser.add_argument("--grace-s", type=int, default=30, help="seconds to finish after a signal")


def _serve_env(args: argparse.Namespace) -> None:
    env_app: Any = import_extra("llmenvs.serving.env_app", extra="serve")
    sessions: Any = import_extra("llmenvs.serving.sessions", extra="serve")
    hosts: Any = import_extra("llmenvs.serving.env_host", extra="serve")
    token = _token(args)
    limits = sessions.SessionLimits(
        max_sessions=args.max_sessions,
        idle_timeout_s=args.idle_timeout_s,
        max_age_s=args.max_age_s,
        max_action_chars=args.max_action_chars,
        max_body_bytes=args.max_body_bytes,
        body_timeout_s=args.body_timeout_s,
    )
    if args.threads < 1:
        raise ValueError(f"--threads must be at least 1, got {args.threads}")
    options = options_by_env(args.env_ids, args.env_option)
    app = env_app.create_env_app(
        [hosts.ServedEnv(env_id, options[env_id]) for env_id in args.env_ids],
        limits=limits,
        token=token,
        threads=args.threads,
        scripted_policies=args.scripted_policies,
        openenv=args.openenv,
    )
    _serve(app, args, ", ".join(args.env_ids))


def _serve_verifier(args: argparse.Namespace) -> None:
    verifier_app: Any = import_extra("llmenvs.serving.verifier_app", extra="serve")
    token = _token(args)
    settings = verifier_app.VerifierSettings(
        options=parse_options(args.option, flag="--option"),
        workers=args.workers,
        timeout_s=args.timeout_s,
        max_rows=args.max_rows,
        max_body_bytes=args.max_body_bytes,
        body_timeout_s=args.body_timeout_s,
        json_targets=args.json_targets,
    )
    app = verifier_app.create_verifier_app(args.verifier, settings, token=token)
    _serve(app, args, f"the verifier {args.verifier}")


def _token(args: argparse.Namespace) -> str | None:
    guard: Any = import_extra("llmenvs.web_guard", extra="serve")
    token: str | None = guard.read_token(env_name=args.token_env, path=args.token_file)
    guard.check_exposure(args.host, token)
    return token


def _serve(app: Any, args: argparse.Namespace, what: str) -> None:
    server: Any = import_extra("llmenvs.web_server", extra="serve")
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    listener = server.listen(args.host, args.port)
    Console(soft_wrap=True).print(
        f"serving {what} at {server.url_of(listener)}", highlight=False, markup=False
    )
    server.serve(app, listener, grace_s=args.grace_s)


def options_by_env(env_ids: Sequence[str], words: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the options of each environment from words ``ID:NAME=VALUE``.

    Raises:
        ValueError: a word is not of that form, or names another environment.

    >>> options_by_env(["a/B-v0"], ["a/B-v0:size=3"])
    {'a/B-v0': {'size': 3}}
    """
    given: dict[str, list[str]] = {env_id: [] for env_id in env_ids}
    for word in words:
        head = word.partition("=")[0]
        # An id may hold a colon itself, as in package.module:Env-v0.
        env_id, colon, _ = head.rpartition(":")
        if not colon or env_id not in given:
            raise ValueError(
                f"--env-option must be ID:NAME=VALUE with an ID of {list(env_ids)}, got {word!r}"
            )
        given[env_id].append(word[len(env_id) + 1 :])
    return {
        env_id: parse_options(options, flag=f"--env-option {env_id}:")
        for env_id, options in given.items()
    }
