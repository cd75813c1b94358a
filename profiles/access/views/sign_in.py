"""Signing in: the password, then a code where the person has set up a second factor."""

from datetime import UTC, datetime

from django.conf import settings
from django.contrib.auth import login, views as auth_views
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from profiles.access import second_factor
from profiles.access.forms import CodeForm
from profiles.access.origin import client_address

PENDING = "second_factor"  # the session's key: who typed the right password, by which backend, when, and where to
SECONDS_TO_TYPE = 600


@method_decorator(sensitive_post_parameters("password"), name="dispatch")
class SignIn(auth_views.LoginView):
    """Ask for the password. Who has a second factor is not signed in by it."""

    redirect_authenticated_user = True
    extra_context = {
        "openid_name": settings.OIDC_NAME if settings.OIDC_SERVER_URL else "",
        "openid_provider": settings.OIDC_PROVIDER,
    }

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        if second_factor.of(user) is None:
            return super().form_valid(form)
        ask_for_code(self.request, user, self.get_success_url())
        return redirect("second_factor")


def ask_for_code(request: HttpRequest, user: User, then: str) -> None:
    """Remember who has to type a code next. The session begins anew, so that no planted one is carried on."""
    request.session.flush()
    request.session[PENDING] = {
        "user": user.pk,
        "backend": user.backend,
        "at": datetime.now(tz=UTC).timestamp(),
        "then": then,
    }


@never_cache
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """Ask for the code; a right one signs in."""
    pending = request.session.get(PENDING)
    now = datetime.now(tz=UTC)
    if pending is None or now.timestamp() - pending["at"] > SECONDS_TO_TYPE:
        return redirect("login")
    user = User.objects.filter(pk=pending["user"], is_active=True).first()
    factor = second_factor.of(user) if user is not None else None
    if user is None or factor is None:
        return redirect("login")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if second_factor.is_right(user, form.cleaned_data["code"], now, address=client_address(request)):
            del request.session[PENDING]
            login(request, user, backend=pending["backend"])
            then = pending["then"]
            is_safe = url_has_allowed_host_and_scheme(then, {request.get_host()}, require_https=request.is_secure())
            return HttpResponseRedirect(then if is_safe else "/")
        factor.refresh_from_db()
        form.add_error("code", "That code is wrong, or was used already.")
    if second_factor.is_locked(factor, now):
        return render(request, "registration/locked.html", status=429)
    return render(request, "registration/code.html", {"form": form})


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Lead the administration's own sign-in to ours, which asks for the second factor."""
    return redirect(f"{reverse('login')}?{urlencode({'next': request.GET.get('next', '/admin/')})}")
