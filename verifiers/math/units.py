"""Units of measurement, currencies and counted things, as typed values.

A unit is a factor and powers of base dimensions, so that 100 cm is 1 m and 25 cm is not 25 m. A
word that is no known unit is a counted thing with a dimension of its own: 3 apples are not 3
pears. Plurals are one. Temperatures in different scales are different things: no conversion.
"""

import re
from fractions import Fraction

from llmenvs.verifiers.math.nodes import Unit
from llmenvs.verifiers.math.tables import split_words

_SPEC = {
    "length": "m metre meter=1 mm millimeter millimetre=1/1000 cm centimeter centimetre=1/100 "
    "dm decimeter decimetre=1/10 km kilometer kilometre=1000 in inch=127/5000 "
    "ft foot feet=381/1250 yd yard=1143/1250 mi mile=201168/125 nm nanometer=1/1000000000",
    "mass": "kg kilogram=1 g gram=1/1000 mg milligram=1/1000000 tonne=1000 "
    "lb lbs pound=45359237/100000000 oz ounce=45359237/1600000000",
    "time": "s sec second=1 ms millisecond=1/1000 min minute=60 h hr hour=3600 day=86400 "
    "week=604800",
    "year": "yr year=1 month=1/12 decade=10 century=100",
    "volume": "L l liter litre=1/1000 mL ml milliliter millilitre=1/1000000 gallon=1 pint=1",
    "angle": "deg degree=1",
    "arc": "rad radian=1",
    "celsius": "celsius=1",
    "fahrenheit": "fahrenheit=1",
    "temperature": "kelvin=1",
    "current": "A amp ampere=1",
    "amount": "mol mole=1",
    "energy": "J joule=1 kJ kilojoule=1000 eV=1 cal calorie=4184/1000",
    "power": "W watt=1 kW kilowatt=1000 MW megawatt=1000000",
    "force": "N newton=1 kN kilonewton=1000",
    "pressure": "Pa pascal=1 kPa=1000 atm=101325",
    "voltage": "V volt=1 kV=1000 mV=1/1000",
    "charge": "C coulomb=1",
    "resistance": "ohm=1",
    "frequency": "Hz hertz=1 kHz=1000 MHz=1000000 GHz=1000000000",
    "data": "bit=1 byte=8",
    "dollar": "dollar USD usd buck=1 cent=1/100",
    "euro": "euro EUR eur=1",
    "sterling": "GBP gbp=1 pence=1/100",
    "rupee": "rupee INR Rs=1",
    "yuan": "yuan RMB CNY=1",
    "yen": "yen JPY=1",
    "percent": "percent pct percentage percents=1/100",
}
_SPELLED = {"mph": "mile per hour", "kph": "km per hour", "kmh": "km per hour"}
_SQUARED = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}
_AMBIGUOUS = frozenset(
    split_words("m g s h l L A C J N V W in a min mi day cal bit foot cent mole")
)
"""Names that are words or variables too: units only where a number and a space stand before."""


def _build() -> dict[str, Unit]:
    table: dict[str, Unit] = {}
    for dimension, spec in _SPEC.items():
        for entry in re.findall(r"([^=]+)=(\S+)\s*", spec):
            names, factor = entry[0].split(), Fraction(entry[1])
            volume = dimension == "volume"
            powers = (("length", 3),) if volume else ((dimension, 1),)
            unit = Unit(factor, powers, names[-1])
            if names[-1] in {"gallon", "pint"}:
                unit = Unit(factor, ((names[-1], 1),), names[-1])
            table.update(dict.fromkeys(names, unit))
    return table


UNITS = _build()
PERCENT = UNITS["percent"]
DEGREE = UNITS["degree"]
CURRENCY_SIGNS = {"$": UNITS["dollar"], "€": UNITS["euro"], "£": UNITS["GBP"], "¥": UNITS["yen"],
                  "₹": UNITS["rupee"]}  # fmt: skip
_WORD = re.compile(r"([A-Za-zΩ$€£¥₹%]+)(?:\s*\^?\s*\{?\s*(-?\d)\s*\}?)?|(/|\bper\b)")
_DROPPED = frozenset(split_words("of in the a an per each about total and units unit"))


def known_unit(word: str) -> Unit | None:
    """Return the unit that ``word`` names, in the singular or plural."""
    if word in UNITS:
        return UNITS[word]
    lowered = word.lower()
    for name in (lowered, lowered.removesuffix("s"), lowered.removesuffix("es")):
        if len(name) > 1 and name in UNITS:
            return UNITS[name]
    return None


def is_ambiguous(word: str) -> bool:
    """Return whether ``word`` names a unit but is a variable or a common word as well."""
    return word in _AMBIGUOUS


def read_unit(text: str) -> Unit | None:
    r"""Return the unit that a text such as ``km/h``, ``square feet`` or ``apples`` names.

    >>> read_unit("cm^2").dimensions, read_unit("apples").dimensions
    ((('length', 2),), (('apple', 1),))
    """
    for name, spelled in _SPELLED.items():
        text = re.sub(rf"\b{name}\b", spelled, text)
    factor = Fraction(1)
    powers: dict[str, int] = {}
    names: list[str] = []
    sign, pending = 1, 1
    for word, exponent, slash in _WORD.findall(text):
        if slash or word == "per":
            sign = -1
            continue
        if word in {"squared", "cubed"} and powers:
            last = next(reversed(powers))
            powers[last] = (1 if powers[last] > 0 else -1) * _SQUARED[word]
            continue
        if word in _SQUARED:
            pending = _SQUARED[word]
            continue
        unit = CURRENCY_SIGNS.get(word) or (PERCENT if word == "%" else known_unit(word))
        if unit is None:
            if word.lower() in _DROPPED:
                continue
            unit = Unit(Fraction(1), ((_singular(word.lower()), 1),), _singular(word.lower()))
        power = sign * (int(exponent) if exponent else 1) * pending
        if not -9 <= power <= 9 or power == 0:
            return None
        sign, pending = 1, 1
        factor *= unit.factor**power
        for dimension, base in unit.dimensions:
            powers[dimension] = powers.get(dimension, 0) + base * power
        names.append(unit.name if power == 1 else f"{unit.name}^{power}")
    if not names:
        return None
    dimensions = tuple(sorted((name, power) for name, power in powers.items() if power))
    return Unit(factor, dimensions, " ".join(names))


def _singular(word: str) -> str:
    if len(word) > 3 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def compatible(left: Unit, right: Unit) -> bool:
    """Return whether values in the two units can be equal.

    Of counted things one may say more: ``5 red balls`` and ``5 balls`` agree.
    """
    if left.dimensions == right.dimensions:
        return True
    ours, theirs = set(left.dimensions), set(right.dimensions)
    return (ours < theirs or theirs < ours) and not any(
        dimension in _SPEC for dimension, _ in ours | theirs
    )
