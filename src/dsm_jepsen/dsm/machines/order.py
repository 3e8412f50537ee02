"""Fulfilling an order: payment and picking go on in parallel, and shipping begins when both are done.

A card that is declined, or goods that are not there, fail their branch; that ends the other branch, and the
order with it. Nothing is undone: who needs that has the fork ``wait``, and undoes in the join.
"""

import msgspec

from dsm_jepsen.dsm.queue.machine import Advance, FailError, Fork, Instance, Machine


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What was ordered, and how far it is."""

    item: str
    cents: int = 1_000
    card: str = "good"
    receipt: str | None = None
    shelf: str | None = None


async def tick(order: Instance[Order]) -> Advance[Order]:
    """Take an order, or one of its branches, one step further."""
    bought = order.payload
    match order.state:
        case "placed":
            return Advance(state="fulfilling", payload=bought)
        case "charging":
            if bought.card == "declined":
                raise FailError("the card was declined")
            receipt = f"{order.id}-{order.seq + 1}"
            charge = {"charge": bought.cents, "receipt": receipt}
            return Advance(
                state="paid", payload=msgspec.structs.replace(bought, receipt=receipt), effects=(charge,)
            )
        case "reserving":
            reserve = {"reserve": bought.item}
            return Advance(state="packing", payload=bought, effects=(reserve,))
        case "packing":
            return Advance(state="picked", payload=msgspec.structs.replace(bought, shelf="A1"))
        case "fulfilling":
            paid, picked = order.branches["payment"].payload, order.branches["picking"].payload
            whole = msgspec.structs.replace(bought, receipt=paid.receipt, shelf=picked.shelf)
            return Advance(state="shipping", payload=whole)
        case _:
            return Advance(state="shipped", payload=bought, effects=({"ship": bought.item},))


ORDER = Machine(
    name="order",
    payload=Order,
    initial="placed",
    edges={
        "placed": ("fulfilling",),
        "charging": ("paid",),
        "paid": (),
        "reserving": ("packing",),
        "packing": ("picked",),
        "picked": (),
        "fulfilling": ("shipping",),
        "shipping": ("shipped",),
        "shipped": (),
    },
    forks={
        "fulfilling": Fork(branches={"payment": "charging", "picking": "reserving"}, on_failure="fail-all")
    },
    tick=tick,
)
