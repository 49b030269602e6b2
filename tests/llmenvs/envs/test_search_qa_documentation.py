"""What the page about the search environment shows is what happens."""

import doctest
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "envs_search_qa.md"


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not part of the wheel")
def test_the_examples_run() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False)

    assert result.attempted > 0
    assert result.failed == 0
