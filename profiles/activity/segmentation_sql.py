"""A condition on segmentation, or on any jsonb object of a stranger's keys, in the database. Raw SQL because the ORM
compares no json values by type; the rule is `profiles.activity.segmentation`, and tests hold the two together.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Func
from django.db.models.sql.compiler import SQLCompiler

from profiles.activity.segmentation import NUMERIC_TEXT, Condition, Operator, Scalar, number_of


class Parameters:
    """The values of a statement; gives each a name of its own."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)

    def add(self, value: Any) -> str:
        """Take a value; return what stands for it in the statement."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"%({name})s"


class Holds(Func):
    """Whether a jsonb column fulfils a condition, as an expression of the ORM."""

    arity = 1
    output_field = BooleanField()

    def __init__(self, column: str, condition: Condition) -> None:
        super().__init__(column)
        self.condition = condition

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> tuple[str, tuple[Any, ...]]:
        """Write the condition with values by position, as the ORM passes them."""
        column, _ = compiler.compile(self.get_source_expressions()[0])
        parameters = Parameters({})
        statement = holds(self.condition, column, parameters)
        names = _NAMED.findall(statement)
        return f"({_NAMED.sub('%s', statement)})", tuple(parameters.values[name] for name in names)


_NAMED: Final = re.compile(r"%\((\w+)\)s")


def holds(condition: Condition, column: str, parameters: Parameters) -> str:
    """Return `Condition.holds` over a jsonb column, as SQL; never null, and no text of a stranger can fail it."""
    held = f"{column} -> {parameters.add(condition.name)}"
    match condition.operator:
        case Operator.IS_SET:
            return f"coalesce(jsonb_typeof({held}), 'null') <> 'null'"
        case Operator.IS:
            return _any_item(held, _item_is(condition.value, parameters))
        case Operator.IS_NOT:
            return f"NOT {_any_item(held, _item_is(condition.value, parameters))}"
        case Operator.CONTAINS:
            part = parameters.add(str(condition.value).lower())
            # Python lowers this one letter to two characters, PostgreSQL to one.
            text = "lower(replace(item #>> '{}', U&'\\0130', U&'i\\0307'))"
            return _any_item(held, f"jsonb_typeof(item) = 'string' AND strpos({text}, {part}) > 0")
        case _:
            bound = number_of(condition.value)
            return (
                "false"
                if bound is None
                else _any_item(held, _item_number(_ORDERS[condition.operator], bound, parameters))
            )


_ORDERS: Final = {Operator.GREATER: ">", Operator.LESS: "<", Operator.AT_LEAST: ">=", Operator.AT_MOST: "<="}


def _any_item(held: str, test: str) -> str:
    """Return whether a test holds for the value, or for any item where it is an array."""
    items = f"CASE jsonb_typeof({held}) WHEN 'array' THEN {held} ELSE jsonb_build_array({held}) END"
    return f"EXISTS (SELECT FROM jsonb_array_elements({items}) AS item WHERE {test})"


def _item_is(wanted: Scalar, parameters: Parameters) -> str:
    if isinstance(wanted, bool):
        text = parameters.add("true" if wanted else "false")
        return f"jsonb_typeof(item) IN ('string', 'boolean') AND item #>> '{{}}' = {text}"
    if not isinstance(wanted, str):
        return _item_number("=", wanted, parameters)
    is_text = f"item #>> '{{}}' = {parameters.add(wanted)}"
    number = number_of(wanted)
    is_number = "false" if number is None else f"(item #>> '{{}}')::numeric = {parameters.add(str(number))}::numeric"
    return (
        f"CASE jsonb_typeof(item) WHEN 'string' THEN {is_text} WHEN 'boolean' THEN {is_text}"
        f" WHEN 'number' THEN {is_number} ELSE false END"
    )


def _item_number(order: str, bound: float, parameters: Parameters) -> str:
    """Return a comparison with a number, or with what a text says as plain digits. Numeric, which cannot overflow."""
    compared = f"(item #>> '{{}}')::numeric {order} {parameters.add(str(bound))}::numeric"
    return (
        f"CASE jsonb_typeof(item) WHEN 'number' THEN {compared} WHEN 'string' THEN"
        f" CASE WHEN item #>> '{{}}' ~ {parameters.add(_NUMERIC_TEXT)} THEN {compared} ELSE false END"
        " ELSE false END"
    )


_NUMERIC_TEXT: Final = f"^{NUMERIC_TEXT}$"
