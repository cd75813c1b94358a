"""What a person may write as a funnel, with errors that say what to do."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BaseFormSet, formset_factory

from profiles.activity.segmentation import Operator, number_of, read_condition
from profiles.funnels.models import MAX_STEPS, Funnel, FunnelStep
from profiles.funnels.services import StepInput

LEAST_STEPS: Final = 2
CONDITIONS: Final = 3  # of one step: as many as the page has fields for
LONGEST_NAME: Final = 128
LONGEST_VALUE: Final = 512
LONGEST_WINDOW: Final = timedelta(days=3650)

_OF_NUMBERS: Final = {Operator.GREATER, Operator.LESS, Operator.AT_LEAST, Operator.AT_MOST}
_UNITS: Final = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


def clean_filters(filters: object) -> list[dict[str, object]]:
    """Return the conditions of a step as they are stored; raise ValidationError for what is none."""
    if not isinstance(filters, list):
        raise ValidationError('The filter is a list, such as [{"name": "plan", "operator": "is", "value": "pro"}].')
    if len(filters) > CONDITIONS:
        raise ValidationError(f"A step has {CONDITIONS} conditions at most.")
    return [_clean_condition(number, stored) for number, stored in enumerate(filters, start=1)]


def _clean_condition(number: int, stored: object) -> dict[str, object]:
    if not isinstance(stored, Mapping):
        raise ValidationError(f"Condition {number} is not an object with name, operator and value.")
    operators = ", ".join(Operator)
    if stored.get("operator") not in list(Operator):
        raise ValidationError(f"Condition {number}: the operator is one of {operators}.")
    name = stored.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        raise ValidationError(f"Condition {number} needs the name of a segmentation key.")
    try:
        condition = read_condition(stored)
    except ValueError:
        raise ValidationError(f"Condition {number}: the value is a text, a number, true or false.") from None
    if len(str(condition.value)) > LONGEST_VALUE:
        raise ValidationError(f"Condition {number}: the value has more than {LONGEST_VALUE} characters.")
    if condition.operator in _OF_NUMBERS and number_of(condition.value) is None:
        raise ValidationError(
            f"Condition {number}: “{condition.operator.words}” compares numbers, and “{condition.value}” is none."
        )
    if condition.operator == Operator.CONTAINS and not str(condition.value):
        raise ValidationError(f"Condition {number}: say which text “{name}” must contain.")
    if condition.operator == Operator.IS_SET:
        return {"name": name, "operator": str(condition.operator)}
    return {"name": name, "operator": str(condition.operator), "value": condition.value}


class FunnelForm(forms.ModelForm[Funnel]):
    """What a funnel has beside its steps."""

    window = forms.IntegerField(
        required=False, min_value=1, help_text="Time from the first step to the last. Empty: no limit."
    )
    unit = forms.ChoiceField(choices=[(unit, unit) for unit in _UNITS], required=False)

    class Meta:
        model = Funnel
        fields = ("name", "description", "is_same_session")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        seconds = self.instance.window_seconds
        if seconds:
            unit = next(unit for unit, length in _UNITS.items() if seconds % length == 0)
            self.initial = {"window": seconds // _UNITS[unit], "unit": unit, **self.initial}

    def clean(self) -> dict[str, Any]:
        """Make the window of number and unit."""
        cleaned: dict[str, Any] = super().clean() or {}
        number = cleaned.get("window")
        seconds = number * _UNITS[cleaned.get("unit") or "days"] if number else None
        if seconds and seconds > LONGEST_WINDOW.total_seconds():
            self.add_error("window", "A window is ten years at most.")
            seconds = None
        self.instance.window_seconds = seconds
        return cleaned


class StepForm(forms.Form):
    """One step: an event, and up to three conditions. Without an event it is no step."""

    event_key = forms.CharField(required=False, max_length=LONGEST_NAME)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number in range(CONDITIONS):
            self.fields[f"name{number}"] = forms.CharField(required=False, max_length=LONGEST_NAME)
            self.fields[f"operator{number}"] = forms.ChoiceField(
                required=False, choices=[(operator.value, operator.words) for operator in Operator]
            )
            self.fields[f"value{number}"] = forms.CharField(required=False, max_length=LONGEST_VALUE)

    @property
    def conditions(self) -> list[tuple[forms.BoundField, forms.BoundField, forms.BoundField]]:
        """The fields of each condition: name, operator, value."""
        return [(self[f"name{n}"], self[f"operator{n}"], self[f"value{n}"]) for n in range(CONDITIONS)]

    @property
    def has_conditions(self) -> bool:
        """Tell whether any condition has a name."""
        return any(name.value() for name, _, _ in self.conditions)

    def clean(self) -> dict[str, Any]:
        """Gather the conditions as they are stored."""
        cleaned: dict[str, Any] = super().clean() or {}
        written = [
            {
                "name": cleaned.get(f"name{n}"),
                "operator": cleaned.get(f"operator{n}"),
                "value": cleaned.get(f"value{n}"),
            }
            for n in range(CONDITIONS)
            if cleaned.get(f"name{n}") or cleaned.get(f"value{n}")
        ]
        cleaned["filters"] = clean_filters(written)
        if written and not cleaned.get("event_key"):
            raise ValidationError("Choose the event that these conditions are for.")
        return cleaned

    @property
    def step(self) -> StepInput | None:
        """The step that is written here; None: none."""
        key = self.cleaned_data.get("event_key")
        return StepInput(key, self.cleaned_data["filters"]) if key else None


class BaseStepFormSet(BaseFormSet[StepForm]):
    """The steps in order; rows without an event are passed over."""

    @property
    def steps(self) -> list[StepInput]:
        """The steps that are written."""
        return [form.step for form in self.forms if form.step is not None]

    def clean(self) -> None:
        """Refuse what is no way from one step to another."""
        if not any(self.errors) and len(self.steps) < LEAST_STEPS:
            raise ValidationError(f"A funnel leads from one step to another: choose {LEAST_STEPS} events at least.")


StepFormSet: type[BaseStepFormSet] = formset_factory(  # type: ignore[assignment]  # the stubs forget `formset`
    StepForm, formset=BaseStepFormSet, extra=0, max_num=MAX_STEPS, absolute_max=MAX_STEPS, validate_max=True
)


def step_initial(step: FunnelStep) -> dict[str, Any]:
    """Return what the fields of a stored step show."""
    initial: dict[str, Any] = {"event_key": step.event_key}
    for number, stored in enumerate(step.filters[:CONDITIONS]):
        value = stored.get("value", "")
        initial |= {
            f"name{number}": stored.get("name", ""),
            f"operator{number}": stored.get("operator", ""),
            f"value{number}": str(value).lower() if isinstance(value, bool) else value,
        }
    return initial


def written_steps(data: Mapping[str, Any], prefix: str = "form") -> list[dict[str, Any]]:
    """Return the rows as they were written, unchecked: for a page that is drawn again in another order."""
    names = ["event_key", *(f"{field}{n}" for n in range(CONDITIONS) for field in ("name", "operator", "value"))]
    rows = [{name: data.get(f"{prefix}-{row}-{name}", "") for name in names} for row in range(MAX_STEPS)]
    # An operator alone says nothing: every row of the page has one.
    while rows and not any(text for name, text in rows[-1].items() if not name.startswith("operator")):
        rows.pop()
    return rows


def moved(rows: Sequence[dict[str, Any]], move: str) -> list[dict[str, Any]]:
    """Return the rows after a button such as `up-2` or `remove-0` was pressed."""
    done = list(rows)
    action, _, number = move.partition("-")
    if not number.isdecimal() or not int(number) < len(done):
        return done
    row = int(number)
    if action == "remove":
        del done[row]
    elif action == "up" and row > 0:
        done[row - 1], done[row] = done[row], done[row - 1]
    elif action == "down" and row + 1 < len(done):
        done[row + 1], done[row] = done[row], done[row + 1]
    return done
