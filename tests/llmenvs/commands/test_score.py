"""`llmenvs score` writes each row once, in order, whatever befalls it, and sums them up."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from llmenvs.cli import main
from llmenvs.commands.score_output import JSONLOutput, LineFile

ROOT = Path(__file__).parents[3]
LENGTH = ["--verifier", "length", "--option", "max_length=5", "--option", "margin=5"]

SLOW_VERIFIER = """
import os, time
from llmenvs.verifiers.verdict import Verdict

class Slow:
    \"\"\"Take a millisecond, and write down in a file which rows were scored.\"\"\"

    def __init__(self, log):
        self.log = log

    def __call__(self, completion, target):
        with open(self.log, "a") as file:
            file.write(completion + "\\n")
        time.sleep(0.001)
        return Verdict.scored(len(completion) / 10, success=completion.endswith("7"))
"""


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    rows = [{"id": i, "completion": "é" * (i % 11), "deep": {"x": [1.5, None]}} for i in range(300)]
    return write_rows(tmp_path / "in.jsonl", rows)


def score(*words: object) -> int:
    return main(["score", *map(str, words)])


@pytest.mark.parametrize("workers", ["0", "2"])
def test_each_record_is_kept_and_gets_its_verdict(
    source: Path, tmp_path: Path, workers: str
) -> None:
    target = tmp_path / "new" / "scored.jsonl"

    assert score(*LENGTH, "--input", source, "--output", target, "--workers", workers) == 0

    for given, scored in zip(read_rows(source), read_rows(target), strict=True):
        verdict = scored.pop("verdict")
        assert scored == given
        assert verdict["parts"] == {"length": len(given["completion"])}
        assert verdict["success"] == (len(given["completion"]) <= 5)


def test_what_is_in_a_record_is_not_changed_by_a_byte(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    record = '{ "completion":"caf\\u00e9" ,"n":1.0000000000000000001,"m":1E2, "n":2 }'
    source.write_text(record + "\n{}\n")

    score(*LENGTH, "--input", source, "--output", target, "--workers", "0")

    first, second = target.read_text().splitlines()
    assert first.startswith(record[:-1].rstrip() + ', "verdict": {"score": 1.0')
    assert second.startswith('{"verdict": {"score": null')


def test_a_bad_row_is_a_row_and_not_the_end(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b'{"completion": "a"}\nbroken\n{"completion": 1}\n{"completion": "b"}')

    assert score(*LENGTH, "--input", source, "--output", target) == 0

    rows = read_rows(target)
    assert [row["verdict"]["status"] for row in rows] == ["scored", "error", "error", "scored"]
    assert rows[1]["verdict"]["reason"].startswith("line 2: not JSON")
    assert rows[2]["verdict"]["reason"].startswith("line 3, field 'completion': must be a str")
    assert rows[2]["completion"] == 1


def test_the_status_says_if_no_row_could_be_scored(source: Path, tmp_path: Path) -> None:
    words = [*LENGTH, "--input", source, "--workers", "0"]

    assert score(*words, "--completion-field", "complete") == 1
    empty = write_rows(tmp_path / "empty.jsonl", [])
    assert score(*LENGTH, "--input", empty, "--workers", "0") == 0


def test_the_summary_is_printed_and_left_as_json(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score(*LENGTH, "--input", source, "--out", tmp_path / "o", "--workers", "0") == 0

    content = json.loads((tmp_path / "o" / "summary.json").read_text())
    lengths = [len(row["completion"]) for row in read_rows(source)]
    scores = [min(1.0, 1 - (length - 5) / 5) for length in lengths]
    assert content["episodes"] == 300
    assert content["valid_share"] == 1.0
    assert content["reward_mean"] == pytest.approx(sum(scores) / 300)
    assert content["success_mean"] == pytest.approx(sum(length <= 5 for length in lengths) / 300)
    assert content["part_means"]["length"] == pytest.approx(sum(lengths) / 300)
    assert content["options"] == {"max_length": 5, "margin": 5}
    output = capsys.readouterr().out
    assert "300" in output
    assert "95 % Wilson" in output


def test_explain_says_why_for_the_lines_asked_for(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    score(*LENGTH, "--input", source, "--workers", "0", "--explain", "8", "9")

    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("line ")]
    assert lines == [
        "line 8: score 0.6, scored: 7 characters, outside 0 to 5",
        "line 9: score 0.4, scored: 8 characters, outside 0 to 5",
    ]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_finished_run_is_not_run_again(source: Path, tmp_path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    (tmp_path / "slow.py").write_text(SLOW_VERIFIER)
    target, log = tmp_path / f"scored{suffix}", tmp_path / "log"
    command = slow_command(tmp_path, source, target)

    first = subprocess.run(command, capture_output=True, text=True, check=True, env=env(tmp_path))
    content = target.read_bytes()
    second = subprocess.run(command, capture_output=True, text=True, check=True, env=env(tmp_path))

    assert second.stdout == first.stdout
    assert target.read_bytes() == content
    assert len(log.read_text().splitlines()) == 300


def slow_command(tmp_path: Path, source: Path, target: Path) -> list[str]:
    words = ["--verifier", "slow:Slow", "--option", f"log={tmp_path / 'log'}"]
    words += ["--input", str(source), "--output", str(target), "--workers", "2"]
    return [sys.executable, "-m", "llmenvs.cli", "score", *words]


def env(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_run_killed_again_and_again_writes_what_one_run_writes(
    tmp_path: Path, suffix: str
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet") if suffix == ".parquet" else None
    num_rows = 4000
    rows = [{"completion": f"row {i}", "answer": i} for i in range(num_rows)]
    source = write_rows(tmp_path / "in.jsonl", rows)
    (tmp_path / "slow.py").write_text(SLOW_VERIFIER)
    target = tmp_path / f"scored{suffix}"
    command = slow_command(tmp_path, source, target)

    num_kills = 0
    while True:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=env(tmp_path)) as process:
            try:
                process.wait(timeout=0.5 + 0.2 * num_kills)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                num_kills += 1
                continue
        break

    assert process.returncode == 0
    assert num_kills >= 2
    scored = read_rows(target) if parquet is None else parquet.read_table(target).to_pylist()
    assert [row["completion"] for row in scored] == [row["completion"] for row in rows]
    assert all(
        row["verdict"]["score"] == len(row["completion"]) / 10
        and row["verdict"]["success"] == row["completion"].endswith("7")
        for row in scored
    )
    # Only what was under way at a kill is scored again: far fewer rows than from the start.
    assert len((tmp_path / "log").read_text().splitlines()) < num_rows + num_kills * 1000


def test_half_a_line_at_the_end_of_the_output_is_cut_off(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "scored.jsonl"
    words = [*LENGTH, "--input", source, "--output", target, "--workers", "0"]
    score(*words)
    content = target.read_bytes()

    for cut in (1, 2, 50, len(content) // 2, len(content) - 1, len(content)):
        target.write_bytes(content[:-cut])
        assert score(*words) == 0
        assert target.read_bytes() == content


def test_an_output_of_another_run_is_refused_and_named(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "scored.jsonl"
    words = ["--input", source, "--output", target, "--workers", "0"]
    score(*LENGTH, *words)
    content = target.read_bytes()
    other = [
        (["--verifier", "length", "--option", "max_length=6"], "its options is"),
        ([*LENGTH, "--target-field", "id"], "its fields is"),
        (["--verifier", "llmenvs.verifiers.length:LengthVerifier"], "its verifier is 'length'"),
    ]

    for arguments, message in other:
        assert score(*arguments, *words) == 2
        assert message in capsys.readouterr().err
    source.write_bytes(source.read_bytes() + b'{"completion": "more"}\n')
    assert score(*LENGTH, *words) == 2
    assert "its input_sha256 is" in capsys.readouterr().err
    assert target.read_bytes() == content

    assert score(*LENGTH, *words, "--overwrite") == 0
    assert len(read_rows(target)) == 301


def test_an_output_that_is_not_ours_is_refused(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "scored.jsonl"
    target.write_text("precious")

    assert score(*LENGTH, "--input", source, "--output", target) == 2

    assert "--overwrite" in capsys.readouterr().err
    assert target.read_text() == "precious"


def test_an_output_with_a_strange_line_is_refused(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "scored.jsonl"
    words = [*LENGTH, "--input", source, "--output", target, "--workers", "0"]
    score(*words)
    target.write_text('{"verdict": {"score": 3}}\n')

    assert score(*words) == 2
    assert "no scored row" in capsys.readouterr().err


def test_an_output_that_another_run_writes_is_refused(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "scored.jsonl"
    words = [*LENGTH, "--input", source, "--output", target, "--workers", "0"]
    score(*words)
    code = "import sys; from pathlib import Path\n"
    code += "from llmenvs.commands.score_output import LineFile\n"
    code += "lines = LineFile(Path(sys.argv[1])); print('locked', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(target)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env(tmp_path)
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"

        assert score(*words) == 2
        assert score(*words, "--overwrite") == 2
        assert capsys.readouterr().err.count("is being written by another run") == 2
        assert other.stdin is not None
        other.stdin.close()
    assert score(*words) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--verifier", "lenght"], "did you mean 'length'"),
        (["--verifier", "length", "--option", "max_len=1"], "did you mean 'max_length'"),
        (["--verifier", "length", "--option", "margin"], "NAME=VALUE"),
        (["--verifier", "length", "--option", "margin=-1"], "margin=-1"),
        (["--verifier", "length", "--workers", "-1"], "--workers >= 0"),
        (["--verifier", "length", "--output", "o.csv"], "must end in .jsonl or .parquet"),
    ],
)
def test_a_wrong_word_is_answered_in_one_line(
    source: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert score(*words, "--input", source) == 2

    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1


def test_missing_files_and_the_input_as_output_are_refused(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score(*LENGTH, "--input", tmp_path / "none.jsonl") == 2
    assert "No such file" in capsys.readouterr().err
    assert score(*LENGTH, "--input", source, "--output", source, "--overwrite") == 2
    assert "--output is the input" in capsys.readouterr().err
    assert len(read_rows(source)) == 300


def heed_interrupts() -> None:
    """Undo what a shell does to a command in the background: it lets it ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_run_says_how_to_go_on_and_leaves_no_worker(
    tmp_path: Path, source: Path
) -> None:
    (tmp_path / "slow.py").write_text(SLOW_VERIFIER.replace("0.001", "1.0"))
    command = slow_command(tmp_path, source, tmp_path / "scored.jsonl")
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env(tmp_path),
        preexec_fn=heed_interrupts,  # noqa: PLW1509 (one system call)
    ) as process:
        deadline = time.monotonic() + 20
        while not (tmp_path / "log").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=10)[1]

    assert process.returncode == 130
    assert errors.startswith("llmenvs score: stopped after")
    assert "run the same command again to go on" in errors
    assert "Traceback" not in errors
    assert children
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def test_jsonl_becomes_parquet_with_the_types_of_its_values(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    source, target = tmp_path / "in.jsonl", tmp_path / "out.parquet"
    first: dict[str, Any] = {"completion": "a", "n": 1, "mixed": 1, "o": {}}
    rows = [first] * 5000
    rows += [{"completion": "b", "n": 0.5, "mixed": "x", "late": ["z"]}, {"completion": 3}]
    write_rows(source, rows)

    assert score(*LENGTH, "--input", source, "--output", target, "--workers", "0") == 0

    scored = parquet.read_table(target).to_pylist()
    assert len(scored) == len(rows)
    assert scored[0]["n"] == 1.0
    assert scored[0]["mixed"] == "1"
    assert scored[0]["o"] == "{}"
    assert scored[5000]["late"] == ["z"]
    assert scored[5000]["verdict"]["parts"] == [("length", 1.0)]
    assert scored[5001]["completion"] == "3"
    assert scored[5001]["verdict"]["status"] == "error"
    assert not list(tmp_path.glob("*.partial.jsonl"))


def test_parquet_keeps_its_types_and_becomes_jsonl_that_is_json(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.table(
        {
            "completion": ["a", "b" * 9],
            "when": pa.array([0, 1], pa.timestamp("us")),
            "x": pa.array([1.5, math.nan], pa.float32()),
        }
    ).replace_schema_metadata({"huggingface": "{}", "mine": "kept"})
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    parquet.write_table(table, source)

    assert score(*LENGTH, "--input", source, "--output", target, "--workers", "0") == 0
    lines = tmp_path / "out.jsonl"
    assert score(*LENGTH, "--input", source, "--output", lines, "--workers", "0") == 0

    scored = parquet.read_table(target)
    assert scored.schema.field("when").type == pa.timestamp("us")
    assert scored.schema.field("x").type == pa.float32()
    assert scored.schema.metadata == {b"mine": b"kept"}
    assert [row["verdict"]["success"] for row in scored.to_pylist()] == [True, False]
    second = read_rows(lines)[1]
    assert second["x"] is None
    assert second["when"] == "1970-01-01 00:00:00.000001"
    assert score(*LENGTH, "--input", target, "--workers", "0") == 2  # it has a verdict already


def test_lines_are_with_the_system_before_long(tmp_path: Path) -> None:
    lines = LineFile(tmp_path / "lines")
    lines.append("first")
    time.sleep(0.25)
    lines.append("second")

    assert (tmp_path / "lines").read_text() == "first\nsecond\n"
    lines.close()


def test_a_part_that_is_no_number_is_null_and_comes_back(tmp_path: Path) -> None:
    from llmenvs.commands.score_input import InputRow
    from llmenvs.verifiers.verdict import Verdict

    output = JSONLOutput(tmp_path / "out.jsonl", "verdict")
    output.add(InputRow("line 1", 1), Verdict.scored(1.0, success=True, parts={"a": math.nan}))
    output.finish()

    assert read_rows(tmp_path / "out.jsonl")[0]["verdict"]["parts"] == {"a": None}
    (verdict,) = output.restore()
    assert math.isnan(verdict.parts["a"])
    output.close()
