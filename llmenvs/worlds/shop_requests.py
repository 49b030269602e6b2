"""What customers ask of the shop's support desk: templates of requests and their plans."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from llmenvs.worlds.names import among, one, people, some
from llmenvs.worlds.scenario import Result, Scenario, Step, Template
from llmenvs.worlds.shop import REFUND_DAYS, Customer, Order, Product, ShopWorld

THINGS = (
    ("lamp", "home"),
    ("kettle", "kitchen"),
    ("backpack", "travel"),
    ("headphones", "audio"),
    ("blanket", "home"),
    ("skillet", "kitchen"),
    ("suitcase", "travel"),
    ("speaker", "audio"),
)
MAKES = ("Arlo", "Brisk", "Cobalt", "Dune", "Ember", "Fjord")
STREETS = ("Mill Lane", "Station Road", "Quay Street", "Orchard Way", "Castle Hill")
TOWNS = ("Aldmoor", "Brenford", "Carrick", "Dunmere", "Eastvale")


def _shop(rng: np.random.Generator) -> ShopWorld:
    """Sixteen products, four customers and four orders of each."""
    today = date(2026, 1, 20) + timedelta(days=among(rng, 0, 300))
    world = ShopWorld(today=today)
    kinds = [(make, thing) for thing in THINGS for make in some(rng, MAKES, 2)]
    for number, (make, (thing, category)) in zip(_numbers(rng, len(kinds)), kinds, strict=True):
        price = among(rng, 900, 19_900) / 100
        key = f"P-{number}"
        world.products[key] = Product(key, f"{make} {thing}", category, price, among(rng, 3, 40))
    for number, name in zip(_numbers(rng, 4), people(rng, 4), strict=True):
        first, last = name.lower().split()
        email = f"{first}.{last}@mail.example"
        world.customers[f"U-{number}"] = Customer(f"U-{number}", name, email, _address(rng))
    for customer_id in list(world.customers) * 4:
        _order(rng, world, customer_id)
    return world


def _numbers(rng: np.random.Generator, count: int) -> list[int]:
    return [int(number) + 100 for number in rng.permutation(900)[:count]]


def _address(rng: np.random.Generator) -> str:
    return f"{among(rng, 1, 180)} {one(rng, STREETS)}, {one(rng, TOWNS)}"


def _order(rng: np.random.Generator, world: ShopWorld, customer_id: str) -> None:
    product = one(rng, list(world.products.values()))
    status = one(rng, ("processing", "shipped", "delivered", "delivered"))
    delivered = world.today - timedelta(days=among(rng, 1, 90)) if status == "delivered" else None
    quantity, order_id = among(rng, 1, 3), f"O-{1001 + len(world.orders)}"
    total = round(quantity * product.price, 2)
    order = Order(order_id, customer_id, product.product_id, quantity, total, status, delivered)
    world.orders[order_id] = order


def _with_status(
    rng: np.random.Generator, world: ShopWorld, status: str, *, days_ago: int | None = None
) -> tuple[Customer, Order]:
    """Give one order a status and a day of delivery, and return its customer and it."""
    order = one(rng, list(world.orders.values()))
    delivered = None if days_ago is None else world.today - timedelta(days=days_ago)
    order = replace(order, status=status, delivered=delivered)
    world.orders[order.order_id] = order
    return world.customers[order.customer_id], order


def _status(rng: np.random.Generator) -> Scenario:
    world = _shop(rng)
    order = one(rng, list(world.orders.values()))
    request = one(
        rng,
        (
            f"What did I order in {order.order_id}, and what did it cost me?",
            f"Tell me the product and the total of order {order.order_id}.",
        ),
    )
    return Scenario(
        world,
        request,
        (Step("get_order", {"order_id": order.order_id}),),
        "That order is for {0[order][quantity]} x {0[product]}, {0[order][total]} euros in all.",
        facts=(Result(0, "product"), Result(0, "order", "total")),
    )


def _cheapest(rng: np.random.Generator) -> Scenario:
    world = _shop(rng)
    _, category = one(rng, THINGS)
    request = one(
        rng,
        (
            f"Which is your cheapest product for {category} that is in stock? Name only that one.",
            f"I want the least expensive {category} product you have in stock: what is it called?",
        ),
    )
    return Scenario(
        world,
        request,
        (Step("search_products", {"category": category}),),
        "That is the {0[products][0][name]}, at {0[products][0][price]} euros.",
        facts=(Result(0, "products", 0, "name"),),
        forbidden=(Result(0, "products", 1, "name"),),
    )


def _deadline(rng: np.random.Generator) -> Scenario:
    world = _shop(rng)
    customer, order = _with_status(rng, world, "delivered", days_ago=among(rng, 1, REFUND_DAYS))
    request = one(
        rng,
        (
            f"Until when may I send back {order.order_id} for a refund?",
            f"I am {customer.name}. What is the last day on which {order.order_id} is refunded?",
        ),
    )
    return Scenario(
        world,
        request,
        (Step("refund_deadline", {"order_id": order.order_id}),),
        "You may have it refunded until {0[deadline]}.",
        facts=(Result(0, "deadline"),),
    )


def _buy(rng: np.random.Generator) -> Scenario:
    world = _shop(rng)
    customer = one(rng, list(world.customers.values()))
    thing, _ = one(rng, THINGS)
    quantity = among(rng, 1, 3)
    request = one(
        rng,
        (
            f"My address is {customer.email}. Order {quantity} of your cheapest {thing} for me and "
            "tell me the total.",
            f"Please order {quantity} x the cheapest {thing} on my account ({customer.email}). "
            "What does that come to?",
        ),
    )
    order = {
        "customer_id": Result(0, "customer", "customer_id"),
        "product_id": Result(1, "products", 0, "product_id"),
        "quantity": quantity,
    }
    if rng.random() < 0.5:
        world.failing["place_order"] = 1
    steps = (
        Step("find_customer", {"email": customer.email}),
        Step("search_products", {"text": thing}),
        Step("place_order", order),
    )
    response = "Ordered, as {2[order][order_id]}: {2[order][total]} euros."
    return Scenario(world, request, steps, response, facts=(Result(2, "order", "total"),))


def _cancel(rng: np.random.Generator) -> Scenario:
    world = _shop(rng)
    customer, order = _with_status(rng, world, "processing")
    request = one(
        rng,
        (
            f"{customer.email} here. Cancel {order.order_id} if it has not left yet, and tell me "
            "how much I get back.",
            f"I changed my mind about {order.order_id} ({customer.email}). Cancel it, please. How "
            "much money is returned?",
        ),
    )
    return Scenario(
        world,
        request,
        (
            Step("get_order", {"order_id": order.order_id}),
            Step("cancel_order", {"order_id": order.order_id}),
        ),
        "It is cancelled; you get {1[given_back]} euros back.",
        facts=(Result(1, "given_back"),),
    )


def _refund(rng: np.random.Generator) -> Scenario:
    world = _shop(rng)
    customer, order = _with_status(rng, world, "delivered", days_ago=among(rng, 1, REFUND_DAYS))
    request = one(
        rng,
        (
            f"I am {customer.name}, {customer.email}. {order.order_id} does not suit me; refund it "
            "and tell me the amount.",
            f"Please refund order {order.order_id} of {customer.email}. How much will I receive?",
        ),
    )
    return Scenario(
        world,
        request,
        (
            Step("refund_deadline", {"order_id": order.order_id}),
            Step("refund_order", {"order_id": order.order_id}),
        ),
        "It is refunded: {1[amount]} euros.",
        facts=(Result(1, "amount"),),
    )


def _move_house(rng: np.random.Generator) -> Scenario:
    world = _shop(rng)
    customer, address = one(rng, list(world.customers.values())), _address(rng)
    request = one(
        rng,
        (
            f'I moved. Send my things to "{address}" from now on ({customer.email}), and tell me '
            "how many orders I have made with you.",
            f'New address for {customer.email}: "{address}". And how many orders have I made?',
        ),
    )
    customer_id = Result(0, "customer", "customer_id")
    steps = (
        Step("find_customer", {"email": customer.email}),
        Step("change_address", {"customer_id": customer_id, "address": address}),
        Step("list_orders", {"customer_id": customer_id}),
    )
    response = "The address is changed. You have made {2[count]} orders."
    return Scenario(world, request, steps, response, facts=(Result(2, "count"),))


def _too_late(rng: np.random.Generator) -> Scenario:
    world = _shop(rng)
    days = among(rng, REFUND_DAYS + 1, REFUND_DAYS + 60)
    customer, order = _with_status(rng, world, "delivered", days_ago=days)
    request = one(
        rng,
        (
            f"Refund {order.order_id}, please ({customer.email}). If it is too late, tell me what "
            "the last day was.",
            f"I am {customer.name} and I want my money back for {order.order_id}. Until which day "
            "would that have been possible, if it is not any more?",
        ),
    )
    return Scenario(
        world,
        request,
        (
            Step("refund_deadline", {"order_id": order.order_id}),
            Step("decline", {"order_id": order.order_id, "reason": "too_late"}),
        ),
        "I am sorry, that was possible until {0[deadline]} only.",
        facts=(Result(0, "deadline"),),
    )


def _already_gone(rng: np.random.Generator) -> Scenario:
    world = _shop(rng)
    customer, order = _with_status(rng, world, "shipped")
    request = one(
        rng,
        (
            f"Cancel {order.order_id} ({customer.email}). If you cannot, tell me what is coming.",
            f"Stop order {order.order_id} of {customer.email}; if it has gone already, which "
            "product should I expect?",
        ),
    )
    return Scenario(
        world,
        request,
        (
            Step("get_order", {"order_id": order.order_id}),
            Step("decline", {"order_id": order.order_id, "reason": "already_shipped"}),
        ),
        "It has been shipped already: {0[order][quantity]} x {0[product]}.",
        facts=(Result(0, "product"),),
    )


def _not_theirs(rng: np.random.Generator) -> Scenario:
    world = _shop(rng)
    owner, order = _with_status(rng, world, "processing")
    asks = one(rng, [customer for customer in world.customers.values() if customer != owner])
    request = one(
        rng,
        (
            f"My address is {asks.email}. Cancel {order.order_id}; if it is not mine, tell me how "
            "many orders are.",
            f"{asks.email} here: please cancel order {order.order_id}. If somebody else made it, "
            "just say how many I have made.",
        ),
    )
    steps = (
        Step("find_customer", {"email": asks.email}),
        Step("get_order", {"order_id": order.order_id}),
        Step("decline", {"order_id": order.order_id, "reason": "not_the_customer"}),
        Step("list_orders", {"customer_id": Result(0, "customer", "customer_id")}),
    )
    response = "That order is not yours. You have made {3[count]}."
    return Scenario(world, request, steps, response, facts=(Result(3, "count"),))


TEMPLATES = (
    Template("what-and-how-much", "read", _status),
    Template("cheapest", "read", _cheapest),
    Template("deadline", "read", _deadline),
    Template("buy", "write", _buy),
    Template("cancel", "write", _cancel),
    Template("refund", "write", _refund),
    Template("new-address", "write", _move_house),
    Template("refund-too-late", "refuse", _too_late),
    Template("cancel-shipped", "refuse", _already_gone),
    Template("not-their-order", "refuse", _not_theirs),
)
