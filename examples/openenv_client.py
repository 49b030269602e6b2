"""Serve an environment by OpenEnv's protocol on this machine, and play it as a trainer would.

    pip install "llmenvs[openenv]"
    python examples/openenv_client.py --env llmenvs/GridWorld-v0

A server for others: ``uvicorn.run(create_server(env_id), host="0.0.0.0", port=8000)``.
"""

import argparse
import threading
import time

import uvicorn

from llmenvs.integrations.openenv import TextAction, TextEnvClient, create_server

MOVES = ("right", "up", "right", "right")


def main() -> None:
    """Serve and play."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="llmenvs/GridWorld-v0")
    args = parser.parse_args()

    app = create_server(args.env)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]

    with TextEnvClient(base_url=f"http://127.0.0.1:{port}").sync() as client:
        result = client.reset(seed=0)
        print(result.observation.text, end="")
        for move in MOVES:  # a policy's tokens go along as token_ids= and logprobs=
            result = client.step(TextAction(text=f"<action>{move}</action>"))
            print(f"{move}: {result.reward}", result.observation.text, end="")
            if result.done:
                break
        state = client.state()
        print(f"\n{len(state.token_ids)} tokens, {sum(state.generated_mask)} of them the policy's")
    server.should_exit = True
    thread.join()


if __name__ == "__main__":
    main()
