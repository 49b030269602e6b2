"""Domains of the bundled tasks: money and language."""

from llmenvs.data.tool_call.fillings import AMOUNTS, CURRENCIES, DATES, LANGUAGES, PEOPLE
from llmenvs.data.tool_call.grammar import Domain, ask, same, tool

_DATE = "string: Date as YYYY-MM-DD"
_CODE = "string: Currency as ISO 4217 code, such as EUR"

MONEY = Domain(
    "money",
    tools=[
        tool(
            "convert_currency",
            "Convert an amount at today's rate.",
            amount="number: How much",
            source=_CODE,
            target=_CODE,
        ),
        tool(
            "convert_currency_on_date",
            "Convert an amount at the rate of a past date.",
            amount="number: How much",
            source=_CODE,
            target=_CODE,
            date=_DATE,
        ),
        tool("get_exchange_rate", "Return today's rate.", source=_CODE, target=_CODE),
        tool(
            "transfer_money",
            "Send money from the user's account.",
            recipient="string: Full name",
            amount="number: How much",
            currency=_CODE,
        ),
        tool(
            "request_money",
            "Ask somebody to send the user money.",
            payer="string: Full name",
            amount="number: How much",
            currency=_CODE,
        ),
    ],
    asks=[
        ask(
            "convert_currency",
            "How much is {amount} {source} in {target} today?",
            amount=AMOUNTS,
            source=CURRENCIES[:4],
            target=CURRENCIES[4:],
            missing={
                "target": ("Convert {amount} {source} for me.", "Into which currency?"),
            },
        ),
        ask(
            "convert_currency_on_date",
            "What were {amount} {source} worth in {target} on {date}?",
            amount=AMOUNTS,
            source=CURRENCIES[:4],
            target=CURRENCIES[4:],
            date=DATES,
        ),
        ask(
            "get_exchange_rate",
            "What is the current exchange rate from {source} to {target}?",
            source=CURRENCIES[4:],
            target=CURRENCIES[:4],
        ),
        ask(
            "transfer_money",
            "Send {recipient} {amount} {currency}.",
            "I owe {recipient} {amount} {currency}; please pay that from my account.",
            recipient=PEOPLE,
            amount=AMOUNTS,
            currency=CURRENCIES,
            missing={
                "amount": ("Send {recipient} some {currency}.", "How much should it be?"),
                "recipient": ("Send {amount} {currency}.", "Who should receive it?"),
            },
        ),
        ask(
            "request_money",
            "{payer} owes me {amount} {currency}. Ask for it.",
            payer=PEOPLE,
            amount=AMOUNTS,
            currency=CURRENCIES,
        ),
    ],
)

LANGUAGE = Domain(
    "language",
    tools=[
        tool(
            "translate_text",
            "Translate a text.",
            text="string: The text, word for word",
            target="string: Language as ISO 639-1 code, such as fr",
        ),
        tool("detect_language", "Say what language a text is in.", text="string: The text"),
        tool("define_word", "Return the definitions of an English word.", word="string: The word"),
        tool("find_synonyms", "Return synonyms of an English word.", word="string: The word"),
        tool("find_rhymes", "Return rhymes on an English word.", word="string: The word"),
    ],
    asks=[
        ask(
            "translate_text",
            'Translate "{text}" into {target}.',
            text=same(
                "Where is the station?", "The soup is cold.", "We open at nine.", "Mind the step.",
            ),
            target=LANGUAGES,
            missing={
                "target": ('Translate "{text}" for me.', "Into which language?"),
                "text": ("Translate something into {target}.", "What is the text?"),
            },
        ),
        ask(
            "detect_language",
            'What language is "{text}"?',
            text=same("Kde je nádraží?", "Mikor nyitnak?", "Hvor er toget?", "Cât costă?"),
        ),
        ask(
            "define_word",
            'Look up the definition of "{word}".',
            word=same("brisk", "lichen", "to swerve", "frugal", "gimbal", "oblique", "tarn"),
            missing={"word": ("Look up a definition for me.", "Of which word?")},
        ),
        ask(
            "find_synonyms",
            'Which words mean the same as "{word}"?',
            word=same("brisk", "quiet", "swift", "frugal", "broad", "oblique", "eager"),
        ),
        ask(
            "find_rhymes",
            'What rhymes with "{word}"?',
            word=same("stone", "quiet", "light", "green", "broad", "river", "hollow"),
        ),
    ],
)  # fmt: skip

MONEY_DOMAINS = (MONEY, LANGUAGE)
