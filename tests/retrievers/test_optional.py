"""A missing package is an error that says how to install it."""

import math

import pytest

from llmenvs.retrievers.optional import import_extra


def test_a_module_is_imported() -> None:
    assert import_extra("math", extra="search") is math


def test_a_missing_package_names_the_extra() -> None:
    with pytest.raises(ImportError, match=r"'no_such_package': pip install 'llmenvs\[dense\]'"):
        import_extra("no_such_package", extra="dense")
