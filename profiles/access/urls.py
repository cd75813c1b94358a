"""Addresses of sign-in and of the way in."""

from django.contrib.auth import views as auth_views
from django.urls import path

from profiles.access import views

urlpatterns = [
    path("", views.home, name="home"),
    path("login/", auth_views.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path(
        "password/",
        auth_views.PasswordChangeView.as_view(template_name="registration/change_password.html", success_url="/"),
        name="password_change",
    ),
    path("theme/", views.theme, name="theme"),
]
