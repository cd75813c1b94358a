"""What a person does in one visit: look, search, fill the cart, pay or give up, sign up, share, run into a fault."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

from ingest.demo.devices import Platform
from ingest.demo.faults import Moment, fault_at
from ingest.demo.menu import CHANNELS, COFFEES, COUPONS, MENU, MENU_WEIGHTS, PAYMENTS, SEARCHES, Product
from ingest.demo.people import Habit, Person
from ingest.demo.sdk import Sdk

_GOLD_AFTER_ORDERS: Final = 8
_CHANGED_CONSENTS: Final = ("push", "location")
_CONSENTS: Final = (
    "sessions",
    "events",
    "views",
    "crashes",
    "users",
    "push",
    "location",
    "attribution",
    "star-rating",
    "apm",
)
_CART_CHANCE: Final[Mapping[Habit, float]] = {Habit.LOYAL: 0.74, Habit.REGULAR: 0.62, Habit.PASSER_BY: 0.15}


class AppDied(Exception):  # noqa: N818 - part of the story
    """A fatal crash ended the visit; the session has no end."""


@dataclass
class Customer:
    """What the shop knows of a person; grows with the visits."""

    person: Person
    visits: int = 0
    orders: int = 0
    is_signed_up: bool = False
    plan: str = "free"
    basket: list[Product] = field(default_factory=list)


@dataclass
class Visit:
    """One visit on one device."""

    sdk: Sdk
    customer: Customer
    rng: Random

    def play(self, *, signs_up: bool, logs_in: bool) -> None:
        """Go through the app until the end, a fatal crash, or the present (PresentReached is raised through)."""
        try:
            self._first_start()
            self.sdk.view("Home")
            self.sdk.wait(self.rng.uniform(2, 14))
            if logs_in:
                self._log_in()
            self._browse()
            if signs_up and (self.customer.basket or self.rng.random() < 0.6):
                self._sign_up()
            if self.customer.basket:
                self._check_out()
            self._leave()
            self.sdk.close()
        except AppDied:
            return

    def _first_start(self) -> None:
        person, sdk = self.customer.person, self.sdk
        if self.customer.visits == 0:
            sdk.health_check()
            if person.asks_consent:
                sdk.consent({feature: feature != "attribution" for feature in _CONSENTS})
            if person.allows_push and sdk.platform is not Platform.WEB:
                sdk.wait(1.5)
                sdk.push_token()
        elif person.asks_consent and self.rng.random() < 0.01:
            refused = self.rng.choice(_CHANGED_CONSENTS)
            sdk.consent({feature: feature not in ("attribution", refused) for feature in _CONSENTS})

    def _browse(self) -> None:
        sdk, rng = self.sdk, self.rng
        if rng.random() < 0.16:
            sdk.view("Search")
            sdk.wait(rng.uniform(3, 12))
            term = rng.choice(SEARCHES)
            sdk.event("search", {"term": term, "results": rng.choice((0, 1, 3, 4, 7, 12))})
        if rng.random() < 0.07:
            sdk.view("Stores")
            sdk.event(
                "find_store", {"city": self.customer.person.place.city, "distance_km": round(rng.uniform(0.1, 6), 1)}
            )
            sdk.wait(rng.uniform(5, 40))
        self.customer.basket = []
        for _ in range(rng.choices((0, 1, 2, 3, 4), (12, 40, 26, 15, 7))[0]):
            self._look_at(self._choose_product())

    def _choose_product(self) -> Product:
        account = self.customer.person.account
        if account and self.rng.random() < 0.45:
            return next(coffee for coffee in COFFEES if coffee.name == account.favourite)
        return self.rng.choices(MENU, MENU_WEIGHTS)[0]

    def _look_at(self, product: Product) -> None:
        sdk, rng, habit = self.sdk, self.rng, self.customer.person.habit
        sdk.view("Menu")
        self._meet_fault(Moment.MENU)
        sdk.wait(rng.uniform(2, 18))
        sdk.view("Product")
        item = {"sku": product.sku, "name": product.name, "category": product.category}
        sdk.event("view_item", {**item, "price": product.price})
        sdk.wait(min(rng.lognormvariate(2.4, 0.8), 90))
        if rng.random() < 0.05:
            sdk.event("share", {"channel": rng.choice(CHANNELS), "sku": product.sku})
        if rng.random() < _CART_CHANCE.get(habit, 0.45):
            size, milk = rng.choice(("small", "regular", "large")), rng.choice(("whole", "oat", "none"))
            options = {"size": size, "milk": milk} if product.category == "coffee" else {}
            sdk.event("add_to_cart", {**item, **options, "quantity": rng.choices((1, 2, 3), (8, 2, 1))[0]})
            self.customer.basket.append(product)
            sdk.wait(rng.uniform(1, 6))

    def _check_out(self) -> None:
        sdk, rng, customer = self.sdk, self.rng, self.customer
        sdk.view("Cart")
        sdk.wait(rng.uniform(3, 25))
        if rng.random() < 0.2:
            return  # abandoned in the cart
        started_ms = sdk.at_ms
        total = round(sum(product.price for product in customer.basket), 2)
        coupon = rng.choice(COUPONS) if rng.random() < 0.18 else ""
        sdk.event(
            "checkout_start", {"items": len(customer.basket), "total": total, **({"coupon": coupon} if coupon else {})}
        )
        sdk.view("Checkout")
        sdk.wait(rng.uniform(4, 40))
        if coupon:
            self._meet_fault(Moment.COUPON)
            total = round(total * 0.85, 2)
        if rng.random() < 0.17:
            return  # abandoned at the till
        self._meet_fault(Moment.PAYING)
        self._meet_fault(Moment.SENDING)
        sdk.wait(rng.uniform(1, 6))
        seconds = round((sdk.at_ms - started_ms) / 1000, 1)
        order = {
            "order_id": f"K-{rng.getrandbits(28):07X}",
            "items": len(customer.basket),
            "skus": [product.sku for product in customer.basket],
            "currency": "EUR",
            "payment": rng.choice(PAYMENTS),
            "is_gift": rng.random() < 0.04,
            **({"coupon": coupon} if coupon else {}),
        }
        sdk.event("purchase", order, total=total, seconds=seconds)
        customer.orders += 1
        if sdk.is_known:
            self._remember_order(total)

    def _remember_order(self, total: float) -> None:
        customer, rng = self.customer, self.rng
        last = customer.basket[-1]
        today = datetime.fromtimestamp(self.sdk.at_ms / 1000, UTC).date().isoformat()
        custom: dict[str, Any] = {
            "orders": {"$inc": 1},
            "ltv": {"$inc": total},
            "points": {"$inc": round(total)},
            "biggest_order": {"$max": total},
            "first_order_on": {"$setOnce": today},
            "last_item": last.name,
            "bought": {"$addToSet": [product.sku for product in customer.basket]},
        }
        if total > 12:
            custom["tags"] = {"$push": "big-spender"} if rng.random() < 0.5 else {"$addToSet": ["big-spender"]}
        if customer.orders == _GOLD_AFTER_ORDERS:
            customer.plan = custom["plan"] = "gold"
            custom["points"] = {"$mul": 2}
        self.sdk.details({"custom": custom})

    def _sign_up(self) -> None:
        sdk, rng, person = self.sdk, self.rng, self.customer.person
        account = person.account
        if account is None:
            return
        method = "facebook" if account.facebook_id else rng.choice(("email", "email", "apple", "google"))
        sdk.view("SignUp")
        sdk.event("sign_up_start", {"method": method})
        sdk.wait(rng.uniform(12, 55))
        if person.changes_id:
            sdk.change_id(account.customer_id)
        sdk.event("sign_up", {"method": method})
        sdk.details(details_of(person, self.customer.orders))
        self.customer.is_signed_up = sdk.is_known = True
        sdk.wait(rng.uniform(1, 4))

    def _log_in(self) -> None:
        """Sign in on another device: from here on it is the person's own."""
        sdk, account = self.sdk, self.customer.person.account
        if account is None:
            return
        sdk.view("Login")
        sdk.wait(self.rng.uniform(4, 20))
        sdk.event("login", {"method": "facebook" if account.facebook_id else "email"})
        sdk.change_id(account.customer_id)
        sdk.is_known = True
        sdk.details({"custom": {"uses_web": True}})

    def _leave(self) -> None:
        sdk, rng, customer = self.sdk, self.rng, self.customer
        if customer.orders and rng.random() < 0.06:
            sdk.view("Rating")
            sdk.wait(rng.uniform(3, 20))
            sdk.event("rate_order", {"stars": rng.choices((1, 2, 3, 4, 5), (3, 4, 10, 33, 50))[0]})
        if sdk.is_known and rng.random() < 0.03:
            sdk.view("Settings")
            sdk.wait(rng.uniform(4, 15))
            sdk.details(self._changed_mind())
        sdk.wait(min(rng.lognormvariate(2.6, 1.1), 240))

    def _changed_mind(self) -> dict[str, Any]:
        account = self.customer.person.account
        if account is None:
            return {}
        return self.rng.choice(
            (
                {"custom": {"newsletter": not account.has_newsletter}},
                {"phone": None, "custom": {"tags": {"$pull": "student"}}},
                {"email": account.email.replace("@", "+kahve@"), "custom": {"reminder": ""}},
                {"custom": {"favourite": self.rng.choice(COFFEES).name, "home_store": None}},
            )
        )

    def _meet_fault(self, moment: Moment) -> None:
        sdk = self.sdk
        handset = sdk.handset
        fault = fault_at(
            moment,
            self.rng,
            platform=sdk.platform,
            is_flutter=handset.is_flutter,
            version=sdk.release.version,
            ram_megabytes=handset.device.ram_megabytes,
        )
        if fault is None:
            return
        sdk.crash(fault)
        # A page survives its errors, an app does not.
        if fault.is_fatal and sdk.platform is not Platform.WEB:
            raise AppDied


def details_of(person: Person, orders: int) -> dict[str, Any]:
    """Give the user details that the app sets when a person signs up."""
    account = person.account
    if account is None:
        return {}
    details: dict[str, Any] = {"name": account.name, "username": account.username, "email": account.email}
    optional = {
        "phone": account.phone,
        "gender": account.gender,
        "byear": account.birth_year,
        "organization": account.organization,
    }
    details.update({name: value for name, value in optional.items() if value})
    custom: dict[str, Any] = {
        "plan": "free",
        "favourite": account.favourite,
        "newsletter": account.has_newsletter,
        "orders": orders,
        "tags": list(account.tags),
        "home_store": {"city": person.place.city, "opens": "07:30"},
        "signed_up_with": "facebook" if account.facebook_id else "email",
    }
    if account.facebook_id:
        custom.update(
            fb_id=account.facebook_id, fb_name=account.name, fb_locale=person.place.locale, fb_age_range={"min": 21}
        )
    return details | {"custom": custom}
