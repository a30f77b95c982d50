"""`card`: a trained run taken the whole way to a chip, and all that was measured on it, in numbers and in words."""

from snndeploy.card.making import card
from snndeploy.card.result import Card

__all__ = ["Card", "card"]
