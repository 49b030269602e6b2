"""Domains of the bundled tasks: travel, stays and shop."""

from llmenvs.data.tool_call.fillings import (
    CITIES,
    DATES,
    LATER_DATES,
    PEOPLE,
)
from llmenvs.data.tool_call.grammar import Domain, Listing, ask, coded, numbers, same, tool

_DATE = "string: Date as YYYY-MM-DD"
_FROM = "string: City of departure in English"
_TO = "string: City of arrival in English"

TRAVEL = Domain(
    "travel",
    tools=[
        tool(
            "search_flights",
            "Search flights on a day.",
            origin=_FROM,
            destination=_TO,
            date=_DATE,
            max_stops="integer?: At most so many stops; any number if left out",
        ),
        tool(
            "search_trains",
            "Search trains on a day.",
            origin=_FROM,
            destination=_TO,
            date=_DATE,
            travel_class="string?[first|second]: Class; second if left out",
        ),
        tool(
            "search_return_flights",
            "Search flights there and back.",
            origin=_FROM,
            destination=_TO,
            departure_date=_DATE,
            return_date=_DATE,
        ),
        tool("book_flight", "Book a flight that was found.", flight_id="string: Such as FL-12"),
        tool("book_train", "Book a train that was found.", train_id="string: Such as IC-12"),
        tool("get_flight_status", "Return the status of a flight.", number="string: Such as LH441"),
    ],
    asks=[
        ask(
            "search_flights",
            "Find flights from {origin} to {destination} on {date}.",
            "I need to fly from {origin} to {destination} on {date}. What is there?",
            origin=CITIES[:10],
            destination=CITIES[10:],
            date=DATES,
            missing={
                "date": ("Find flights from {origin} to {destination}.", "On which date?"),
                "origin": (
                    "I need to fly to {destination} on {date}. What is there?",
                    "From which city will you leave?",
                ),
            },
        ),
        ask(
            "search_flights",
            "Are there direct flights from {origin} to {destination} on {date}?",
            origin=CITIES[:10],
            destination=CITIES[10:],
            date=DATES,
            fixed={"max_stops": 0},
        ),
        ask(
            "search_trains",
            "Which trains go from {origin} to {destination} on {date}?",
            origin=CITIES[10:],
            destination=CITIES[:10],
            date=DATES,
            missing={"date": ("Which trains go from {origin} to {destination}?", "On which day?")},
        ),
        ask(
            "search_trains",
            "I want to travel by rail from {origin} to {destination} on {date}, first class.",
            origin=CITIES[10:],
            destination=CITIES[:10],
            date=DATES,
            fixed={"travel_class": "first"},
        ),
        ask(
            "search_return_flights",
            "Look for flights from {origin} to {destination}, out on {departure_date} and back on "
            "{return_date}.",
            origin=CITIES[:10],
            destination=CITIES[10:],
            departure_date=DATES,
            return_date=LATER_DATES,
        ),
        ask(
            "get_flight_status",
            "Is {number} on time?",
            "Has flight {number} landed yet?",
            number=same("LH441", "TP1352", "NH212", "QF9", "KL1023", "ET308", "AC870", "TK1980"),
            missing={"number": ("Is my flight on time?", "What is the flight's number?")},
        ),
    ],
    listings=[
        Listing(
            search=ask(
                "search_flights",
                "What flights are there from {origin} to {destination} on {date}?",
                origin=CITIES[:10],
                destination=CITIES[10:],
                date=DATES,
            ),
            key="flight_id",
            prefix="FL",
            fields={"price_eur": (60, 900), "minutes": (70, 900)},
            picks=[
                ("Book the cheapest one.", "price_eur", False),
                ("I will take the quickest; please book it.", "minutes", False),
            ],
            tool="book_flight",
            questions=[("How long does the quickest of them take?", "minutes", False)],
        ),
        Listing(
            search=ask(
                "search_trains",
                "Show me trains from {origin} to {destination} on {date}.",
                origin=CITIES[10:],
                destination=CITIES[:10],
                date=DATES,
            ),
            key="train_id",
            prefix="IC",
            fields={"price_eur": (19, 180), "changes": (0, 9)},
            picks=[
                ("Book me the one with the fewest changes.", "changes", False),
                ("The cheapest, please. Book it.", "price_eur", False),
            ],
            tool="book_train",
            questions=[("And what does the dearest cost?", "price_eur", True)],
        ),
    ],
)

STAYS = Domain(
    "stays",
    tools=[
        tool(
            "search_rooms",
            "Search hotel rooms in a city.",
            city="string: City in English",
            check_in=_DATE,
            nights="integer: How many nights",
            guests="integer?: How many guests; 1 if left out",
        ),
        tool(
            "search_apartments",
            "Search whole apartments in a city.",
            city="string: City in English",
            check_in=_DATE,
            nights="integer: How many nights",
            guests="integer?: How many guests; 1 if left out",
        ),
        tool("reserve_room", "Reserve a room that was found.", room_id="string: Such as RM-12"),
        tool(
            "cancel_reservation",
            "Cancel a reservation.",
            reservation="string: Number such as R-1234",
        ),
        tool(
            "change_reservation_name",
            "Put a reservation into another guest's name.",
            reservation="string: Number such as R-1234",
            guest="string: Full name",
        ),
    ],
    asks=[
        ask(
            "search_rooms",
            "I need a hotel room in {city} from {check_in} for {nights} nights.",
            city=CITIES,
            check_in=DATES,
            nights=numbers(2, 9),
            missing={
                "check_in": (
                    "I need a hotel room in {city} for {nights} nights.",
                    "On which date do you arrive?",
                ),
                "nights": (
                    "I need a hotel room in {city} from {check_in}.",
                    "How many nights will you stay?",
                ),
            },
        ),
        ask(
            "search_apartments",
            "Find an apartment in {city} for {guests} people, {nights} nights from {check_in}.",
            city=CITIES,
            check_in=DATES,
            nights=numbers(2, 9),
            guests=numbers(2, 6),
        ),
        ask(
            "cancel_reservation",
            "Please cancel my reservation {reservation}.",
            reservation=same("R-1180", "R-2217", "R-3054", "R-4491", "R-5826", "R-6373", "R-7709"),
            missing={"reservation": ("Please cancel my reservation.", "What is its number?")},
        ),
        ask(
            "change_reservation_name",
            "{guest} will come instead of me; change the name on reservation {reservation}.",
            reservation=same("R-1180", "R-2217", "R-3054", "R-4491", "R-5826", "R-6373", "R-7709"),
            guest=PEOPLE,
        ),
    ],
    listings=[
        Listing(
            search=ask(
                "search_rooms",
                "Which rooms are free in {city} from {check_in} for {nights} nights?",
                city=CITIES,
                check_in=DATES,
                nights=numbers(2, 9),
            ),
            key="room_id",
            prefix="RM",
            fields={"price_eur": (55, 480), "square_metres": (12, 70)},
            picks=[
                ("Reserve the largest.", "square_metres", True),
                ("Take the cheapest of these for me.", "price_eur", False),
            ],
            tool="reserve_room",
            questions=[("How big is the largest one?", "square_metres", True)],
        ),
    ],
)

_ORDERS = same("7741", "8123", "8890", "9014", "9377", "9652", "9918", "10203")

SHOP = Domain(
    "shop",
    tools=[
        tool(
            "search_products",
            "Search the shop for products.",
            query="string: What to look for, in the user's words",
            max_price="number?: Highest price in euros; any if left out",
        ),
        tool("get_order_status", "Return where an order is.", order="string: Its number"),
        tool("get_order_items", "Return what is in an order.", order="string: Its number"),
        tool("cancel_order", "Cancel an order that is not sent yet.", order="string: Its number"),
        tool(
            "return_order",
            "Start the return of an order that has arrived.",
            order="string: Its number",
            reason="string[damaged|wrong_size|not_needed|late]: Why",
        ),
        tool("add_to_cart", "Put a product into the cart.", product_id="string: Such as PR-12"),
    ],
    asks=[
        ask(
            "search_products",
            'Search the shop for "{query}" up to {max_price} euros.',
            query=same("desk lamp", "hiking boots", "French press", "wool blanket", "bike lock"),
            max_price=numbers(20, 200, 15),
        ),
        ask(
            "get_order_status",
            "Where is my order {order}?",
            "Has order {order} been sent yet?",
            order=_ORDERS,
            missing={"order": ("Where is my order?", "What is the order's number?")},
        ),
        ask("get_order_items", "What exactly did I buy in order {order}?", order=_ORDERS),
        ask(
            "cancel_order",
            "I changed my mind, cancel order {order}. It has not been sent.",
            order=_ORDERS,
            missing={"order": ("I changed my mind, cancel my order.", "Which order is it?")},
        ),
        ask(
            "return_order",
            "Order {order} came, and {reason}. I want to send it back.",
            order=_ORDERS,
            reason=coded(
                damaged="it is broken",
                wrong_size="it does not fit, the size is wrong",
                not_needed="I do not need it any more",
            ),
            missing={
                "reason": ("I want to send back order {order}.", "What is the reason?"),
            },
        ),
    ],
    listings=[
        Listing(
            search=ask(
                "search_products",
                'Do you sell any "{query}"?',
                query=same("desk lamp", "rain jacket", "tea kettle", "wool blanket", "bike lock"),
            ),
            key="product_id",
            prefix="PR",
            fields={"price_eur": (9, 240), "reviews": (0, 900)},
            picks=[
                ("Put the cheapest into my cart.", "price_eur", False),
                ("I want the one with the most reviews; add it to the cart.", "reviews", True),
            ],
            tool="add_to_cart",
            questions=[("What would the cheapest cost me?", "price_eur", False)],
        ),
    ],
)

TRADE_DOMAINS = (TRAVEL, STAYS, SHOP)
