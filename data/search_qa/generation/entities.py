"""What the corpus is about: entities, each with the facts that its passage states."""

from collections.abc import Mapping
from dataclasses import dataclass, field

COUNTRY_KINDS = ("geography", "people", "government", "economy", "symbols")
"""A country has a passage of each of these kinds, all with the country's code as key."""


@dataclass(frozen=True, slots=True)
class Value:
    """What a fact says.

    Attributes:
        text: as it stands in the passage.
        aliases: other forms that count as the same answer.
        key: of the entity that it is, where it is one; with a kind it makes a passage's id.
        items: the members, where the text is a list of them.
    """

    text: str
    aliases: tuple[str, ...] = ()
    key: str = ""
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """A subject of one passage.

    Attributes:
        kind: which sentences can be written about it, a key of `GRAMMARS`.
        key: unique within its kind.
        name: its name in text, unique within its kind unless ``ambiguous``.
        country: the ISO code of the country that it belongs to.
        facts: by slot of the grammar.
        ambiguous: another entity of the kind has the same name, so that no question is about it.
        also_in: further countries that it lies in.
    """

    kind: str
    key: str
    name: str
    country: str
    facts: Mapping[str, Value] = field(default_factory=dict)
    ambiguous: bool = False
    also_in: tuple[str, ...] = ()

    @property
    def passage_id(self) -> str:
        """The id of the passage about it."""
        return f"{self.kind}/{self.key}"
