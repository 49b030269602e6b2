"""The example of docs/training.md runs as it stands there."""

import re
from pathlib import Path
from typing import Any

import pytest

DOCUMENT = Path(__file__).parents[2] / "docs" / "training.md"


@pytest.mark.skipif(not DOCUMENT.exists(), reason="the documentation is not part of the wheel")
def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (source,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(source, str(DOCUMENT), "exec"), names)  # noqa: S102 (our own page)

    assert (names["summary"]["iterations"], names["summary"]["episodes"]) == (2, 32)
