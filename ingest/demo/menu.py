"""What Kahve Mobile sells, and what people do with it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Product:
    """An item of the menu; price in euro."""

    weight: int
    sku: str
    name: str
    category: str
    price: float


MENU: Final = (
    Product(10, "turk-kahvesi", "Türk Kahvesi", "coffee", 2.8),
    Product(12, "flat-white", "Flat White", "coffee", 3.6),
    Product(11, "latte", "Caffè Latte", "coffee", 3.9),
    Product(9, "cappuccino", "Cappuccino", "coffee", 3.5),
    Product(6, "espresso", "Espresso", "coffee", 2.2),
    Product(6, "cold-brew", "Cold Brew", "coffee", 4.2),
    Product(4, "salep", "Salep", "hot drinks", 3.4),
    Product(5, "chai", "Chai Latte", "hot drinks", 4.1),
    Product(3, "ayran", "Ayran", "cold drinks", 1.9),
    Product(6, "croissant", "Croissant", "bakery", 2.4),
    Product(5, "simit", "Simit", "bakery", 1.4),
    Product(4, "san-sebastian", "San Sebastián Cheesecake", "bakery", 4.8),
    Product(2, "beans-250", "House Blend 250 g", "beans", 9.9),
    Product(1, "beans-1000", "House Blend 1 kg", "beans", 32.0),
)
MENU_WEIGHTS: Final = tuple(product.weight for product in MENU)
COFFEES: Final = tuple(product for product in MENU if product.category == "coffee")

SEARCHES: Final = (
    "oat milk",
    "decaf",
    "iced",
    "vegan",
    "kahve",
    "gluten free",
    "large",
    "matcha",
    "şekersiz",
    "gift card",
)
COUPONS: Final = ("HOSGELDIN", "MONDAY20", "LATTE4U")
PAYMENTS: Final = ("card", "apple_pay", "google_pay", "cash", "points")
CHANNELS: Final = ("whatsapp", "instagram", "copy_link", "telegram")
TAGS: Final = ("early-bird", "oat-milk", "weekend", "big-spender", "student", "office-order")
