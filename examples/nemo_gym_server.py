"""Any text environment as a resources server of NeMo-Gym: this file is its ``app.py``.

python examples/nemo_gym_server.py --out rows.jsonl    # the data set, and one episode, anywhere
python examples/nemo_gym_server.py --serve             # with NeMo-Gym 0.7, on Python 3.13
"""

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

from llmenvs.integrations.nemo_gym import TextSessions, gymnasium_server, metadata_rows

MOVES = ("right", "up", "right", "right")


async def play(row: dict[str, Any]) -> None:
    """Play an episode by the calls that NeMo-Gym makes."""
    sessions = TextSessions()
    text, _ = await sessions.reset(row, "session")
    print(text, end="")
    for move in MOVES:
        seen, reward, terminated, truncated, _ = await sessions.step(
            f"<action>{move}</action>", "session"
        )
        print(f"{move}: {reward}", seen)
        if terminated or truncated:
            break


def main() -> None:
    """Write the rows and play one, or serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="llmenvs/GridWorld-v0")
    parser.add_argument("--out", type=Path, default=Path("rows.jsonl"))
    parser.add_argument("--num-prompts", type=int, default=64)
    parser.add_argument("--serve", action="store_true")
    args = parser.parse_args()
    if args.serve:
        gymnasium_server().run_webserver()  # type: ignore[attr-defined]  # NeMo-Gym's
        return
    rows = metadata_rows(args.env, num_prompts=args.num_prompts)
    args.out.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asyncio.run(play(rows[0]))


if __name__ == "__main__":
    main()
