"""The endpoints."""

from __future__ import annotations

from rest_framework import generics, status
from rest_framework.exceptions import APIException
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.views import TokenViewBase

from drf_app.models import Widget
from drf_app.serializers import LoginSerializer, UpdateSerializer, WidgetSerializer
from formats import now
from rules import LIFETIME, page_links


class Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT


class ReadOrAdministrate(BasePermission):
    message = "You are not an administrator"

    def has_permission(self, request, _view):
        if request.user is None:
            return False
        return request.method in SAFE_METHODS or request.user.admin


class LoginView(TokenViewBase):
    serializer_class = LoginSerializer

    def post(self, request, *args, **kwargs):
        response = super().post(request, *args, **kwargs)
        response.data = {
            "status": "success",
            "message": "successfully logged in",
            **response.data,
            "token_type": "bearer",
            "expires_in": LIFETIME,
        }
        return response


class LogoutView(APIView):
    def post(self, request):
        request.auth.blacklist()
        return Response({"status": "success", "message": "successfully logged out"})


class Pages(PageNumberPagination):
    page_size = 10
    page_size_query_param = "per_page"
    max_page_size = 100

    def get_paginated_response(self, items):
        page, pages = self.page, self.page.paginator.num_pages
        links = page_links(page.number, page.paginator.per_page, pages)
        return Response(
            {
                "links": links,
                "has_prev": page.has_previous(),
                "has_next": page.has_next(),
                "page": page.number,
                "total_pages": pages,
                "items_per_page": page.paginator.per_page,
                "total_items": page.paginator.count,
                "items": items,
            }
        )


class WidgetsView(generics.ListCreateAPIView):
    queryset = Widget.objects.select_related("owner").order_by("id")
    serializer_class = WidgetSerializer
    permission_classes = (ReadOrAdministrate,)
    pagination_class = Pages

    def create(self, request):
        serializer = self.get_serializer(data=request.data)
        if not serializer.is_valid():
            codes = serializer.errors.get("name", [])
            if any(each.code == "unique" for each in codes):
                raise Conflict("already exists, must be unique.")
            serializer.is_valid(raise_exception=True)
        serializer.save(owner=request.user, created_at=now())
        widget = serializer.data
        message = f"New widget added: {widget['name']}."
        body = {"status": "success", "message": message, "widget": widget}
        return Response(body, status.HTTP_201_CREATED, headers={"Location": widget["link"]})


class WidgetView(generics.RetrieveUpdateAPIView):
    queryset = Widget.objects.select_related("owner")
    permission_classes = (ReadOrAdministrate,)
    lookup_field = "name"

    def get_serializer_class(self):
        return WidgetSerializer if self.request.method == "GET" else UpdateSerializer

    def perform_update(self, serializer):
        serializer.save(version=serializer.instance.version + 1)

    def update(self, request, *args, **kwargs):
        widget = super().update(request, *args, **kwargs).data
        message = f"'{widget['name']}' was successfully updated"
        return Response({"status": "success", "message": message, "widget": widget})
