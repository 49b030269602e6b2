"""Running code that a model wrote: jobs, sandboxes, and what a run gave."""

from llmenvs.verifiers.code.job import (
    Accept,
    Call,
    CallResult,
    Ending,
    FunctionJob,
    Job,
    Limits,
    Missing,
    Raised,
    Returned,
    RunResult,
    Sandbox,
    SandboxError,
    SandboxUnavailable,
    StdinJob,
    SuiteJob,
    SuiteReport,
    TestOutcome,
)
from llmenvs.verifiers.code.open_sandbox import open_sandbox
from llmenvs.verifiers.code.values import Iterated, Opaque

__all__ = [
    "Accept",
    "Call",
    "CallResult",
    "Ending",
    "FunctionJob",
    "Iterated",
    "Job",
    "Limits",
    "Missing",
    "Opaque",
    "Raised",
    "Returned",
    "RunResult",
    "Sandbox",
    "SandboxError",
    "SandboxUnavailable",
    "StdinJob",
    "SuiteJob",
    "SuiteReport",
    "TestOutcome",
    "open_sandbox",
]
