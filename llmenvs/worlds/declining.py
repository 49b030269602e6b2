"""A world whose rules forbid some requests: what is declined goes on record."""

from dataclasses import dataclass, field

from llmenvs.worlds.world import TABLE, World


@dataclass(frozen=True, slots=True)
class Decline:
    """A request that was declined, and what it was about, where that matters."""

    reason: str
    about: str = ""


@dataclass(eq=False)
class DecliningWorld(World):
    """A world with a record of what was declined; its tool ``decline`` names the reasons."""

    declines: dict[str, Decline] = field(default_factory=dict, metadata=TABLE)

    def record_decline(self, reason: str, about: str = "") -> None:
        """Put a decline on record."""
        self.declines[f"D-{len(self.declines) + 1}"] = Decline(reason, about)
