"""A shop: products, orders, refunds and exchanges, under a policy that forbids some of them."""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, ClassVar, Literal

from llmenvs.tools import ToolError, tool
from llmenvs.worlds.declining import DecliningWorld
from llmenvs.worlds.world import TABLE, Call

REFUND_DAYS = 30
"""How long after its delivery an order may be refunded."""

Status = Literal["processing", "shipped", "delivered", "cancelled", "refunded"]


@dataclass(frozen=True, slots=True)
class Product:
    """Something for sale; ``price`` in euros."""

    product_id: str
    name: str
    category: str
    price: float
    stock: int


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who orders."""

    customer_id: str
    name: str
    email: str
    address: str


@dataclass(frozen=True, slots=True)
class Order:
    """Some of one product; ``total`` in euros."""

    order_id: str
    customer_id: str
    product_id: str
    quantity: int
    total: float
    status: str
    delivered: date | None


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back, in euros."""

    order_id: str
    amount: float


@dataclass(eq=False)
class ShopWorld(DecliningWorld):
    """A shop's books, as its support desk sees them."""

    RULES: ClassVar[str] = (
        "You work at the support desk of a shop. An order may be cancelled or its address changed "
        "only while it is processing. A delivered order is refunded in full within "
        f"{REFUND_DAYS} days of its delivery, and not after. Only the customer who made an order "
        "may have it changed. Where the policy forbids what is asked, change nothing, call decline "
        "with the order and the reason, and tell the customer."
    )
    MISSTEP: ClassVar[Call] = (
        "decline",
        {"order_id": "O-1001", "reason": "not_the_customer"},
    )

    products: dict[str, Product] = field(default_factory=dict, metadata=TABLE)
    customers: dict[str, Customer] = field(default_factory=dict, metadata=TABLE)
    orders: dict[str, Order] = field(default_factory=dict, metadata=TABLE)
    refunds: dict[str, Refund] = field(default_factory=dict, metadata=TABLE)

    @tool(timeout_s=None)
    def find_customer(self, email: str) -> dict[str, Any]:
        """Find a customer by the e-mail address.

        Args:
            email: the whole address.
        """
        for customer in self.customers.values():
            if customer.email == email.casefold():
                return {"customer": customer}
        raise ToolError(f"there is no customer with the address {email!r}")

    @tool(timeout_s=None)
    def list_orders(self, customer_id: str) -> dict[str, Any]:
        """List a customer's orders, the latest first.

        Args:
            customer_id: such as U-7.
        """
        if customer_id not in self.customers:
            raise ToolError(f"there is no customer {customer_id!r}")
        found = [o for o in self.orders.values() if o.customer_id == customer_id]
        found.sort(key=lambda order: order.order_id, reverse=True)
        return {"orders": found, "count": len(found)}

    @tool(timeout_s=None)
    def get_order(self, order_id: str) -> dict[str, Any]:
        """Show one order with its product and the day of delivery."""
        order = self._order(order_id)
        product = self.products[order.product_id]
        return {"order": order, "product": product.name}

    @tool(timeout_s=None)
    def search_products(
        self,
        text: str = "",
        category: str | None = None,
        max_price: float | None = None,
        *,
        in_stock: bool = True,
    ) -> dict[str, Any]:
        """Find products, the cheapest first.

        Args:
            text: part of the name; case does not matter.
            category: only those of this category.
            max_price: only those at this price in euros or less.
            in_stock: only those that are in stock.
        """
        found = [
            product
            for product in self.products.values()
            if text.casefold() in product.name.casefold()
            and (category is None or product.category == category.casefold())
            and (max_price is None or product.price <= max_price)
            and (product.stock > 0 or not in_stock)
        ]
        return {"products": sorted(found, key=lambda p: (p.price, p.product_id))}

    @tool(timeout_s=None)
    def place_order(self, customer_id: str, product_id: str, quantity: int) -> dict[str, Any]:
        """Order some of a product for a customer.

        Args:
            customer_id: such as U-7.
            product_id: such as P-12.
            quantity: at least 1.
        """
        product = self.products.get(product_id)
        if product is None or customer_id not in self.customers:
            raise ToolError(f"there is no product {product_id!r} or no customer {customer_id!r}")
        if not 1 <= quantity <= product.stock:
            raise ToolError(f"{product.name}: {product.stock} in stock, {quantity} asked for")
        self.products[product_id] = replace(product, stock=product.stock - quantity)
        order_id = f"O-{1001 + len(self.orders)}"
        total = round(quantity * product.price, 2)
        order = Order(order_id, customer_id, product_id, quantity, total, "processing", None)
        self.orders[order_id] = order
        return {"order": order}

    @tool(timeout_s=None)
    def cancel_order(self, order_id: str) -> dict[str, Any]:
        """Cancel an order that is processing, and put its products back into stock."""
        order = self._order(order_id)
        if order.status != "processing":
            raise ToolError(f"{order_id} is {order.status}, not processing")
        product = self.products[order.product_id]
        self.products[product.product_id] = replace(product, stock=product.stock + order.quantity)
        self.orders[order_id] = replace(order, status="cancelled")
        return {"order_id": order_id, "status": "cancelled", "given_back": order.total}

    @tool(timeout_s=None)
    def refund_order(self, order_id: str) -> dict[str, Any]:
        """Refund a delivered order in full. Whether the policy allows it is for you to check."""
        order = self._order(order_id)
        if order.status != "delivered":
            raise ToolError(f"{order_id} is {order.status}, not delivered")
        self.orders[order_id] = replace(order, status="refunded")
        self.refunds[f"R-{len(self.refunds) + 1}"] = Refund(order_id, order.total)
        return {"order_id": order_id, "status": "refunded", "amount": order.total}

    @tool(timeout_s=None)
    def change_address(self, customer_id: str, address: str) -> dict[str, Any]:
        """Change where a customer's orders are sent.

        Args:
            customer_id: such as U-7.
            address: the whole address in one line.
        """
        customer = self.customers.get(customer_id)
        if customer is None:
            raise ToolError(f"there is no customer {customer_id!r}")
        self.customers[customer_id] = replace(customer, address=address)
        return {"customer_id": customer_id, "address": address}

    @tool(timeout_s=None)
    def refund_deadline(self, order_id: str) -> dict[str, Any]:
        """Tell until which day a delivered order may be refunded."""
        order = self._order(order_id)
        if order.delivered is None:
            raise ToolError(f"{order_id} has not been delivered")
        return {"order_id": order_id, "deadline": order.delivered + timedelta(days=REFUND_DAYS)}

    @tool(timeout_s=None)
    def decline(
        self, order_id: str, reason: Literal["too_late", "already_shipped", "not_the_customer"]
    ) -> dict[str, Any]:
        """Put on record that a request about an order was declined, and why."""
        self._order(order_id)
        self.record_decline(reason, order_id)
        return {"order_id": order_id, "declined": True, "reason": reason}

    def _order(self, order_id: str) -> Order:
        if order_id not in self.orders:
            raise ToolError(f"there is no order {order_id!r}")
        return self.orders[order_id]
