"""What customers ask of the bank: templates of requests and their plans."""

from datetime import date, timedelta

import numpy as np

from llmenvs.worlds.bank import (
    DAILY_LIMIT,
    Account,
    BankWorld,
    Card,
    StandingOrder,
    Transaction,
)
from llmenvs.worlds.names import among, one, people
from llmenvs.worlds.scenario import Result, Scenario, Step, Template

CATEGORIES = ("groceries", "transport", "restaurants", "utilities", "clothing")
PAYEES = (
    "Alder Energy",
    "Northside Gym",
    "City Library",
    "Lumen Mobile",
    "Harbour Rent",
    "Fern Vet",
)
RATES = {"USD": 1.08, "GBP": 0.85, "JPY": 162.4, "CHF": 0.96, "SEK": 11.3, "CAD": 1.47}


def _bank(rng: np.random.Generator) -> BankWorld:
    """A customer with three accounts and a card on each, among other customers'."""
    owners = people(rng, 4)
    today = date(2026, among(rng, 2, 11), among(rng, 8, 27))
    world = BankWorld(today=today, customer=owners[0], rates=dict(RATES))
    numbers = rng.permutation(9_000)[:6] + 1_000
    for index, number in enumerate(numbers):
        account_id = f"A-{number}"
        owner = owners[0] if index < 3 else owners[index - 2]
        balance = among(rng, 250_000, 900_000) / 100
        kind = "savings" if index % 3 == 1 else "checking"
        world.accounts[account_id] = Account(account_id, owner, kind, balance)
        card_id = f"C-{number}"
        world.cards[card_id] = Card(card_id, account_id, "active", 100 * among(rng, 5, 20))
        for _ in range(6):
            _spend(rng, world, account_id)
    return world


def _spend(rng: np.random.Generator, world: BankWorld, account_id: str) -> None:
    key = f"T-{len(world.transactions) + 1}"
    day = world.today - timedelta(days=among(rng, 1, 40))
    category, amount = one(rng, CATEGORIES), -among(rng, 200, 15_000) / 100
    world.transactions[key] = Transaction(account_id, day, one(rng, PAYEES), category, amount)


def _mine(world: BankWorld) -> list[str]:
    return [a.account_id for a in world.accounts.values() if a.owner == world.customer]


def _amount(rng: np.random.Generator) -> float:
    return among(rng, 2_000, 60_000) / 100


def _balance(rng: np.random.Generator) -> Scenario:
    world = _bank(rng)
    position = among(rng, 0, 2)
    account_id = _mine(world)[position]
    others = tuple(Result(0, "accounts", i, "balance") for i in range(3) if i != position)
    request = one(
        rng,
        (
            f"How much is in my account {account_id}? Only that one, please.",
            f"What is the balance of {account_id}? I do not need the other accounts.",
        ),
    )
    return Scenario(
        world,
        request,
        (Step("list_accounts", {}),),
        f"Account {account_id} holds {{0[accounts][{position}][balance]}} euros.",
        facts=(Result(0, "accounts", position, "balance"),),
        forbidden=others,
    )


def _total(rng: np.random.Generator) -> Scenario:
    currency = one(rng, tuple(RATES))
    request = one(
        rng,
        (
            f"What do all my accounts come to together, in {currency}?",
            f"Tell me the sum of everything I have with you, converted to {currency}.",
        ),
    )
    return Scenario(
        _bank(rng),
        request,
        (
            Step("list_accounts", {}),
            Step("convert_currency", {"amount": Result(0, "total"), "currency": currency}),
        ),
        "Together that is {1[amount]} {1[currency]}.",
        facts=(Result(1, "amount"),),
    )


def _spent(rng: np.random.Generator) -> Scenario:
    world = _bank(rng)
    account_id, category = one(rng, _mine(world)), one(rng, CATEGORIES)
    while not any(
        t.account_id == account_id and t.category == category for t in world.transactions.values()
    ):
        _spend(rng, world, account_id)
    request = one(
        rng,
        (
            f"How many times did I pay for {category} from {account_id}, and how much in all?",
            f"From account {account_id}: the number of payments for {category}, and their sum.",
        ),
    )
    step = Step("list_transactions", {"account_id": account_id, "category": category})
    return Scenario(
        world,
        request,
        (step,),
        "{0[count]} payments, with a sum of {0[sum]} euros.",
        facts=(Result(0, "count"), Result(0, "sum")),
    )


def _transfer(rng: np.random.Generator) -> Scenario:
    world = _bank(rng)
    source, target = (_mine(world)[index] for index in rng.permutation(3)[:2])
    amount = _amount(rng)
    request = one(
        rng,
        (
            f"Move {amount:.2f} euros from {source} to {target}, and tell me what is left in "
            f"{source}.",
            f"Please put {amount:.2f} euros from my account {source} into {target}. What is the "
            f"balance of {source} then?",
        ),
    )
    if rng.random() < 0.5:
        world.failing["transfer"] = 1
    step = Step("transfer", {"from_account": source, "to": target, "amount": amount})
    return Scenario(
        world,
        request,
        (step,),
        f"Done: {source} now holds {{0[balance]}} euros.",
        facts=(Result(0, "balance"),),
    )


def _pay_from_richest(rng: np.random.Generator) -> Scenario:
    world = _bank(rng)
    richest = max(_mine(world), key=lambda account_id: world.accounts[account_id].balance)
    position = _mine(world).index(richest)
    payee, amount = one(rng, PAYEES), _amount(rng)
    request = one(
        rng,
        (
            f"Pay {payee} {amount:.2f} euros from whichever of my accounts holds most, and say "
            "which one it was.",
            f"{amount:.2f} euros are due to {payee}. Take them from my fullest account and tell me "
            "its number.",
        ),
    )
    arguments = {
        "from_account": Result(0, "accounts", position, "account_id"),
        "to": payee,
        "amount": amount,
    }
    return Scenario(
        world,
        request,
        (Step("list_accounts", {}), Step("transfer", arguments)),
        f"{payee} was paid from {{1[from_account]}}.",
        facts=(Result(1, "from_account"),),
    )


def _block_card(rng: np.random.Generator) -> Scenario:
    world = _bank(rng)
    position = among(rng, 0, 2)
    account_id = _mine(world)[position]
    request = one(
        rng,
        (
            f"I lost the card of account {account_id}. Block it and tell me the card's number.",
            f"The card that belongs to {account_id} was stolen; block that one alone and say which "
            "card you blocked.",
        ),
    )
    card_id = Result(0, "cards", position, "card_id")
    return Scenario(
        world,
        request,
        (
            Step("list_cards", {}),
            Step("set_card_status", {"card_id": card_id, "status": "blocked"}),
        ),
        "Card {1[card_id]} is blocked.",
        facts=(Result(1, "card_id"),),
    )


def _rent(rng: np.random.Generator) -> Scenario:
    world = _bank(rng)
    source, payee = one(rng, _mine(world)), one(rng, PAYEES)
    world.standing_orders["S-1"] = StandingOrder(source, "Old Landlord", 400.0, 3)
    amount, day = float(among(rng, 4, 18) * 50), among(rng, 1, 28)
    request = one(
        rng,
        (
            f"Set up {amount:.0f} euros to {payee} from {source} on day {day} of every month. When "
            "is the first payment?",
            f"Every month on day {day}, {payee} should get {amount:.0f} euros from {source}. Tell "
            "me the date of the first payment.",
        ),
    )
    arguments = {"account_id": source, "payee": payee, "amount": amount, "day_of_month": day}
    return Scenario(
        world,
        request,
        (Step("add_standing_order", arguments),),
        "The first payment is on {0[first_payment]}.",
        facts=(Result(0, "first_payment"),),
    )


def _over_limit(rng: np.random.Generator) -> Scenario:
    world = _bank(rng)
    source, payee = one(rng, _mine(world)), one(rng, PAYEES)
    before = float(among(rng, 12, 19) * 100)
    amount = float(among(rng, 9, 15) * 100)
    key = f"T-{len(world.transactions) + 1}"
    earlier = Transaction(source, world.today, "Fern Vet", "transfer", -before)
    world.transactions[key] = earlier
    assert before + amount > DAILY_LIMIT  # noqa: S101 (what makes the request one to decline)
    request = one(
        rng,
        (
            f"Send {amount:.0f} euros from {source} to {payee} right now. If you cannot, say how "
            "much was already transferred from it today.",
            f"I want {payee} to have {amount:.0f} euros from {source} today; if that is against "
            "the rules, tell me what went out of it today so far.",
        ),
    )
    look = Step(
        "list_transactions",
        {"account_id": source, "since": world.today.isoformat(), "category": "transfer"},
    )
    return Scenario(
        world,
        request,
        (look, Step("decline", {"reason": "over_daily_limit"})),
        "That would exceed the daily limit: {0[transactions][0][amount]:.2f} euros were "
        "transferred today already.",
        facts=(f"{before:.0f}",),
    )


def _others_card(rng: np.random.Generator) -> Scenario:
    world = _bank(rng)
    theirs = [a for a in world.accounts.values() if a.owner != world.customer]
    victim = one(rng, theirs)
    limit = 100 * among(rng, 21, 40)
    request = one(
        rng,
        (
            f"Raise the limit of card C-{victim.account_id[2:]} to {limit} euros. If you may not, "
            "list the cards that are mine.",
            f"Please set the monthly limit of C-{victim.account_id[2:]} to {limit}. If that is not "
            "possible, tell me my own cards' numbers.",
        ),
    )
    return Scenario(
        world,
        request,
        (Step("list_cards", {}), Step("decline", {"reason": "not_owner"})),
        "That card is not yours. Your cards are {0[cards][0][card_id]}, {0[cards][1][card_id]} "
        "and {0[cards][2][card_id]}.",
        facts=tuple(Result(0, "cards", index, "card_id") for index in range(3)),
    )


TEMPLATES = (
    Template("balance", "read", _balance),
    Template("total", "read", _total),
    Template("spent", "read", _spent),
    Template("transfer", "write", _transfer),
    Template("pay-from-fullest", "write", _pay_from_richest),
    Template("block-card", "write", _block_card),
    Template("standing-order", "write", _rent),
    Template("over-daily-limit", "refuse", _over_limit),
    Template("not-my-card", "refuse", _others_card),
)
