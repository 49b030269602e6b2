"""Whatever the OpenAPI document allows, and what it does not, gets a reply that it describes.

Schemathesis makes the requests. The server is a real process, so that a fault shows as it would.
"""

from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase

schemathesis = pytest.importorskip("schemathesis")

UNCHECKED = [
    schemathesis.checks.not_a_server_error,  # asserted below, where 503 may be: too many sessions
    # No schema says that two lists are equally long, or that an env_id is needed where there are
    # several: 422 is then the right answer to a request of the right form.
    schemathesis.checks.positive_data_acceptance,
]
PHASES = [Phase.explicit, Phase.generate]  # shrinking would need many more requests


def fuzz(url: str, *, examples: int) -> int:
    """Send so many requests to each endpoint, and return how many there were."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    count = 0

    def send(case: Any) -> None:
        nonlocal count
        count += 1
        response = case.call()
        assert response.status_code < 500 or response.status_code == 503
        case.validate_response(response, excluded_checks=UNCHECKED)

    for result in schema.get_all_operations():
        operation = result.ok()
        test = hypothesis.settings(
            max_examples=examples,
            deadline=None,
            phases=PHASES,
            suppress_health_check=list(HealthCheck),
            database=None,
        )(hypothesis.seed(0)(hypothesis.given(case=operation.as_strategy())(send)))
        test()
    return count


def test_environments_answer_as_described(env_server: Any) -> None:
    assert fuzz(env_server.url, examples=12) > 60


def test_a_verifier_answers_as_described(serve: Any) -> None:
    server = serve("verifier", "answer", "--workers", "0")

    assert fuzz(server.url, examples=12) > 30


@pytest.mark.slow
def test_environments_answer_many_more_requests_as_described(env_server: Any) -> None:
    assert fuzz(env_server.url, examples=300) > 2000
