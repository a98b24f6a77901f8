"""Where the endpoints are."""

from __future__ import annotations

from django.urls import path

from drf_app import views
from rules import PREFIX

prefix = PREFIX.strip("/")
urlpatterns = [
    path(f"{prefix}/auth/login", views.LoginView.as_view()),
    path(f"{prefix}/auth/logout", views.LogoutView.as_view()),
    path(f"{prefix}/widgets", views.WidgetsView.as_view()),
    path(f"{prefix}/widgets/<name>", views.WidgetView.as_view()),
]
