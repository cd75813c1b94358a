"""Signing in by OpenID Connect, where the settings name a provider: django-allauth speaks it, who may come in is ours.

An account of the provider is known by its subject, never by an e-mail address or a name that somebody could take. A new
one gets an account here that sees no app before it is invited. The provider asks for its own second factor.
"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpRequest

_BACKEND = "django.contrib.auth.backends.ModelBackend"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Accounts are made by invitation or by a provider, never by a form of allauth."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign in as every other way does."""
        login(request, user, backend=_BACKEND)


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # as above
    """Who comes from the provider."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Let new people in where the settings do."""
        return bool(settings.OIDC_SIGN_UP)
