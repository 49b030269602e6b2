"""A taskset of Prime Intellect's verifiers for any text environment: this module is the plug-in.

    pip install llmenvs verifiers==0.4.0 uv
    PYTHONPATH=examples vf-eval prime_text_taskset -n 8 -r 4 -m MODEL \
        --client.base-url http://127.0.0.1:8000/v1 --env.player.harness.id null \
        --env.player.runtime.type subprocess --env.taskset.env-id llmenvs/GridWorld-v0 --no-push

Run it outside of a checkout of llmenvs, whose folder ``verifiers`` would be taken for theirs.
"""

from llmenvs.integrations.prime import TextEpisodes, TextTaskset, TextTasksetConfig

__all__ = ["TextEpisodes", "TextTaskset"]  # what verifiers looks for in this module


def main() -> None:
    """Show the first tasks."""
    config = TextTasksetConfig(id=__name__, env_id="llmenvs/GridWorld-v0", num_tasks=2)
    for task in TextTaskset(config).load():
        print(task.data.task_id, task.data.seed, task.data.prompt[-1].content)


if __name__ == "__main__":
    main()
