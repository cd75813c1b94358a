"""Addresses of sign-in, of the way in, and of what admins of an app configure."""

from allauth.socialaccount.providers.openid_connect import views as openid_views
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.urls import path
from django.views.generic import RedirectView

from profiles.access.models import Membership
from profiles.access.permissions import app_view, superuser_view
from profiles.access.views import account, apps, audit, masks, members, sign_in, way_in

ADMIN = Membership.Role.ADMIN

urlpatterns = [
    path("", way_in.home, name="home"),
    path("login/", sign_in.SignIn.as_view(), name="login"),
    path("login/code/", sign_in.code, name="second_factor"),
    path("openid/cancelled/", RedirectView.as_view(pattern_name="login"), name="socialaccount_login_cancelled"),
    path("openid/<provider_id>/", openid_views.login, name="openid_connect_login"),
    path("openid/<provider_id>/callback/", openid_views.callback, name="openid_connect_callback"),
    path("invitations/<token>/", members.invitation, name="invitation"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path(
        "password/",
        auth_views.PasswordChangeView.as_view(template_name="registration/change_password.html", success_url="/"),
        name="password_change",
    ),
    path("account/", login_required(account.overview), name="account"),
    path("account/keys/", login_required(account.keys), name="api_keys"),
    path("account/keys/<int:key_id>/revoke/", login_required(account.revoke_key), name="revoke_api_key"),
    path("account/two-factor/", login_required(account.two_factor), name="two_factor"),
    path("theme/", way_in.theme, name="theme"),
    path("audit/", superuser_view(audit.of_instance), name="audit"),
    path("apps/new/", superuser_view(apps.create), name="new_app"),
    path("apps/<public_id>/light/", app_view(apps.light), name="app_light"),
    path("apps/<public_id>/settings/", app_view(apps.general, role=ADMIN), name="app_settings"),
    path("apps/<public_id>/settings/icon/", app_view(apps.icon, role=ADMIN), name="app_icon"),
    path("apps/<public_id>/settings/state/", app_view(apps.set_state, role=ADMIN), name="app_state"),
    path("apps/<public_id>/settings/sdk/", app_view(apps.sdk, role=ADMIN), name="app_sdk"),
    path("apps/<public_id>/settings/sdk/key/", app_view(apps.rotate_key, role=ADMIN), name="rotate_app_key"),
    path("apps/<public_id>/settings/sdk/old-key/", app_view(apps.retire_key, role=ADMIN), name="retire_app_key"),
    path("apps/<public_id>/settings/sdk/salt/", app_view(apps.set_salt, role=ADMIN), name="set_app_salt"),
    path("apps/<public_id>/settings/members/", app_view(members.listing, role=ADMIN), name="members"),
    path(
        "apps/<public_id>/settings/members/<int:member_id>/",
        app_view(members.change_member, role=ADMIN),
        name="change_member",
    ),
    path(
        "apps/<public_id>/settings/invitations/<int:invitation_id>/",
        app_view(members.change_invitation, role=ADMIN),
        name="change_invitation",
    ),
    path("apps/<public_id>/settings/masking/", app_view(masks.masks, role=ADMIN), name="app_masks"),
    path("apps/<public_id>/settings/audit/", app_view(audit.of_app, role=ADMIN), name="app_audit"),
]
