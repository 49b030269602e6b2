"""Audit of code tasks: whether their tests accept the reference and nothing else.

`audit_task` looks at one task, `AuditRun` at a task set, over the workers of a sandbox.
"""

from llmenvs.audit.audit import AuditConfig, FindingKind, audit_task
from llmenvs.audit.mutants import Mutant, mutants_of
from llmenvs.audit.run import AuditRun
from llmenvs.audit.tasks import read_tasks

__all__ = [
    "AuditConfig",
    "AuditRun",
    "FindingKind",
    "Mutant",
    "audit_task",
    "mutants_of",
    "read_tasks",
]
