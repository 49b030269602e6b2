"""What a server counts for Prometheus, in a registry of its own: several fit one process."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class RequestMetrics:
    """Requests by endpoint and status, and their seconds.

    Args:
        prefix: of the names, such as ``llmenvs_env``.
    """

    def __init__(self, prefix: str) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            f"{prefix}_requests",
            "Requests, by endpoint and status",
            ["endpoint", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            f"{prefix}_request_seconds",
            "Seconds to answer a request",
            ["endpoint"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        # Looking a labelled child up takes longer than counting in it.
        self._counters: dict[tuple[str, int], Callable[[], None]] = {}
        self._observers: dict[str, Callable[[float], None]] = {}

    def count(self, endpoint: str, status: int, seconds: float | None = None) -> None:
        """Count a request; ``seconds`` is how long it took, if it was done at all."""
        increase = self._counters.get((endpoint, status))
        if increase is None:
            increase = self._requests.labels(endpoint, str(status)).inc
            self._counters[endpoint, status] = increase
        increase()
        if seconds is None:
            return
        observe = self._observers.get(endpoint)
        if observe is None:
            observe = self._observers[endpoint] = self._seconds.labels(endpoint).observe
        observe(seconds)

    def text(self) -> bytes:
        """Return all of them in Prometheus's text format."""
        return generate_latest(self.registry)


class SessionMetrics(RequestMetrics):
    """Those of an environment server: sessions besides.

    Args:
        num_open: is asked how many sessions are open.
    """

    def __init__(self, num_open: Callable[[], int]) -> None:
        super().__init__("llmenvs_env")
        self.opened = Counter(
            "llmenvs_env_sessions_opened", "Sessions that were opened", registry=self.registry
        )
        self.closed = Counter(
            "llmenvs_env_sessions_closed", "Sessions that were closed", registry=self.registry
        )
        gauge = Gauge("llmenvs_env_sessions_open", "Sessions that are open", registry=self.registry)
        gauge.set_function(num_open)
