"""Funnels in Django's admin, with their steps; what is changed here is computed again as on the pages."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest

from profiles.funnels import services
from profiles.funnels.forms import LEAST_STEPS, clean_filters
from profiles.funnels.models import MAX_STEPS, Funnel, FunnelStep
from profiles.funnels.services import StepInput


class FunnelStepForm(ModelForm[FunnelStep]):
    """A step with the conditions checked."""

    class Meta:
        model = FunnelStep
        fields = ("position", "event_key", "filters")

    def clean_filters(self) -> list[dict[str, object]]:
        """Say which condition is none, and why."""
        return clean_filters(self.cleaned_data["filters"] or [])


class FunnelStepFormSet(BaseInlineFormSet[FunnelStep, Funnel, ModelForm[FunnelStep]]):
    """The steps, in the order of their positions."""

    def clean(self) -> None:
        """Refuse what is no way from one step to another."""
        super().clean()
        if not any(self.errors) and len(self.written()) < LEAST_STEPS:
            raise ValidationError(f"A funnel leads from one step to another: give it {LEAST_STEPS} steps at least.")

    def validate_unique(self) -> None:
        """Positions say the order only: they are numbered anew when the funnel is stored."""

    def written(self) -> list[StepInput]:
        """Return the steps that stay, in order."""
        rows = [
            form.cleaned_data
            for form in self.forms
            if form.is_valid() and form.cleaned_data.get("event_key") and not form.cleaned_data.get("DELETE")
        ]
        rows.sort(key=lambda row: row["position"])
        return [StepInput(row["event_key"], row["filters"]) for row in rows]


class FunnelStepInline(admin.TabularInline[FunnelStep, Funnel]):
    model = FunnelStep
    form = FunnelStepForm
    formset = FunnelStepFormSet
    extra = 0
    min_num = LEAST_STEPS
    max_num = MAX_STEPS


@admin.register(Funnel)
class FunnelAdmin(admin.ModelAdmin[Funnel]):
    """Funnels of all apps."""

    list_display = ("name", "app", "steps_count", "window_seconds", "is_same_session", "is_computed", "computed_at")
    list_filter = ("app",)
    list_select_related = ("app",)
    search_fields = ("name", "public_id")
    fields = (
        "app",
        "name",
        "description",
        "window_seconds",
        "is_same_session",
        "position",
        "public_id",
        "revision",
        "computed_revision",
        "computed_users",
        "computed_at",
    )
    inlines = (FunnelStepInline,)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("steps")

    def get_readonly_fields(self, request: HttpRequest, obj: Funnel | None = None) -> tuple[str, ...]:
        """A funnel stays in its app: its completions are of the app's users."""
        computed = ("public_id", "revision", "computed_revision", "computed_users", "computed_at")
        return computed if obj is None else ("app", *computed)

    @admin.display(description="steps")
    def steps_count(self, funnel: Funnel) -> int:
        """Return how many steps there are."""
        return len(funnel.steps.all())

    @admin.display(description="computed", boolean=True)
    def is_computed(self, funnel: Funnel) -> bool:
        """Tell whether the stored completions are those of the definition."""
        return funnel.computed_revision == funnel.revision

    def save_model(self, request: HttpRequest, obj: Funnel, form: Any, change: bool) -> None:
        """Leave it to `save_related`, which knows the steps."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Store the funnel with its steps at once."""
        steps = next(formset for formset in formsets if isinstance(formset, FunnelStepFormSet)).written()
        store = services.change_funnel if change else services.create_funnel
        store(form.instance, steps)
        for formset in formsets:
            formset.new_objects = formset.changed_objects = formset.deleted_objects = []
