"""Domains whose tools are in test tasks alone: servers, a library and a gym."""

from llmenvs.data.tool_call.fillings import DATES, TIMES
from llmenvs.data.tool_call.grammar import Domain, Listing, ask, numbers, same, tool

_SERVERS = same("web-1", "web-2", "db-main", "cache-eu", "mail-3", "build-7", "auth-2")

SERVERS = Domain(
    "servers",
    tools=[
        tool("restart_server", "Restart a server.", server="string: Its name"),
        tool("stop_server", "Stop a server and leave it off.", server="string: Its name"),
        tool(
            "get_cpu_load",
            "Return the mean CPU load of a server.",
            server="string: Its name",
            minutes="integer: Over how many minutes until now",
        ),
        tool(
            "get_memory_use",
            "Return the mean memory use of a server.",
            server="string: Its name",
            minutes="integer: Over how many minutes until now",
        ),
        tool(
            "scale_service",
            "Set how many copies of a service run.",
            service="string: Its name",
            copies="integer: How many",
        ),
    ],
    asks=[
        ask(
            "restart_server",
            "{server} hangs; reboot it.",
            server=_SERVERS,
            missing={"server": ("One of the servers hangs; reboot it.", "Which server?")},
        ),
        ask("stop_server", "Shut down {server} and leave it off.", server=_SERVERS),
        ask(
            "get_cpu_load",
            "How busy was the processor of {server} over the last {minutes} minutes?",
            server=_SERVERS,
            minutes=numbers(10, 90, 5),
        ),
        ask(
            "get_memory_use",
            "How much memory did {server} use over the last {minutes} minutes?",
            server=_SERVERS,
            minutes=numbers(10, 90, 5),
        ),
        ask(
            "scale_service",
            "Run {copies} copies of the {service} service.",
            service=same("checkout", "search", "billing", "thumbnails"),
            copies=numbers(2, 12),
            missing={
                "copies": ("Scale up the {service} service.", "To how many copies?"),
            },
        ),
    ],
    test_only=True,
)

LIBRARY = Domain(
    "library",
    tools=[
        tool("find_books", "Find books on a subject.", subject="string: In the user's words"),
        tool("find_articles", "Find articles on a subject.", subject="string: In the user's words"),
        tool("reserve_book", "Reserve a book.", book_id="string: Such as BK-12"),
        tool("renew_loan", "Extend a loan.", book_id="string: Such as BK-12"),
    ],
    asks=[
        ask("find_books", 'Which books do you have on "{subject}"?',
            subject=same("tides", "bread", "moss", "the Silk Road", "knots", "owls"),
            missing={"subject": ("Which books do you have?", "On what subject?")}),
        ask("find_articles", 'Are there any articles on "{subject}"?',
            subject=same("tides", "bread", "moss", "the Silk Road", "knots", "owls")),
    ],
    listings=[
        Listing(
            search=ask("find_books", 'Show me books on "{subject}".',
                       subject=same("tides", "bread", "moss", "knots", "owls", "glass")),
            key="book_id",
            prefix="BK",
            fields={"pages": (90, 900), "year": (1950, 2024)},
            picks=[
                ("Reserve the shortest.", "pages", False),
                ("Reserve the newest one.", "year", True),
            ],
            tool="reserve_book",
            questions=[("How many pages does the longest have?", "pages", True)],
        ),
    ],
    test_only=True,
)  # fmt: skip

GYM = Domain(
    "gym",
    tools=[
        tool(
            "log_run",
            "Note a run in the training log.",
            kilometres="number: Distance",
            minutes="integer: Time taken",
        ),
        tool(
            "log_swim",
            "Note a swim in the training log.",
            metres="integer: Distance",
            minutes="integer: Time taken",
        ),
        tool(
            "book_court",
            "Book a court.",
            sport="string[tennis|squash|badminton]: Which sport",
            date="string: Date as YYYY-MM-DD",
            start="string: Time of day as HH:MM, 24 hours",
        ),
    ],
    asks=[
        ask(
            "log_run",
            "I ran {kilometres} kilometres in {minutes} minutes; write that down.",
            kilometres=numbers(3, 21),
            minutes=numbers(25, 150, 5),
            missing={
                "minutes": ("I ran {kilometres} km; write that down.", "How long did it take?"),
            },
        ),
        ask(
            "log_swim",
            "Note that I swam {metres} metres in {minutes} minutes.",
            metres=numbers(400, 3000, 200),
            minutes=numbers(10, 90, 5),
        ),
        ask(
            "book_court",
            "Book a {sport} court on {date} at {start}.",
            sport=same("tennis", "squash", "badminton"),
            date=DATES,
            start=TIMES,
            missing={"start": ("Book a {sport} court on {date}.", "At what time?")},
        ),
    ],
    test_only=True,
)

UNSEEN_DOMAINS = (SERVERS, LIBRARY, GYM)
