"""Conditions on a step's segmentation; they live in `profiles.activity.segmentation`, where filters use them too."""

from profiles.activity.segmentation import (
    NUMERIC_TEXT,
    Condition,
    Operator,
    Scalar,
    number_of,
    read_condition,
    shown,
)

__all__ = ["NUMERIC_TEXT", "Condition", "Operator", "Scalar", "number_of", "read_condition", "shown"]
