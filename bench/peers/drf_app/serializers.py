"""What is read and answered."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.validators import UniqueValidator
from rest_framework_simplejwt.serializers import TokenObtainSerializer

from drf_app.models import User, Widget
from drf_app.tokens import RevocableToken
from formats import clock, countdown, now, rfc822
from rules import PREFIX, parse_deadline


class LoginSerializer(TokenObtainSerializer):
    token_class = RevocableToken

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # The model is asked for the key of an address.
        self.fields["email"] = serializers.EmailField()
        del self.fields[self.username_field]

    def validate(self, attrs):
        attrs[self.username_field] = attrs["email"].lower()
        super().validate(attrs)
        return {"access_token": str(self.get_token(self.user))}


class OwnerSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ("email", "public_id")


class DeadlineField(serializers.Field):
    def to_internal_value(self, value):
        try:
            return parse_deadline(str(value))
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None

    def to_representation(self, value):
        return clock(value)


class WidgetSerializer(serializers.ModelSerializer):
    name = serializers.RegexField(
        r"^[a-z0-9_-]+\Z", max_length=100, validators=[UniqueValidator(Widget.objects.all())]
    )
    info_url = serializers.URLField(max_length=255)
    created_at = serializers.SerializerMethodField()
    created_at_iso8601 = serializers.SerializerMethodField()
    created_at_rfc822 = serializers.SerializerMethodField()
    deadline = DeadlineField()
    deadline_iso8601 = serializers.SerializerMethodField()
    deadline_passed = serializers.SerializerMethodField()
    time_remaining = serializers.SerializerMethodField()
    owner = OwnerSerializer(read_only=True)
    link = serializers.SerializerMethodField()

    class Meta:
        model = Widget
        fields = (
            "name",
            "info_url",
            "created_at",
            "created_at_iso8601",
            "created_at_rfc822",
            "deadline",
            "deadline_iso8601",
            "deadline_passed",
            "time_remaining",
            "owner",
            "link",
        )

    def get_created_at(self, widget):
        return clock(widget.created_at)

    def get_created_at_iso8601(self, widget):
        return widget.created_at.isoformat()

    def get_created_at_rfc822(self, widget):
        return rfc822(widget.created_at)

    def get_deadline_iso8601(self, widget):
        return widget.deadline.isoformat()

    def get_deadline_passed(self, widget):
        return widget.deadline < now()

    def get_time_remaining(self, widget):
        return countdown(widget.deadline)

    def get_link(self, widget):
        return f"{PREFIX}/widgets/{widget.name}"


class UpdateSerializer(WidgetSerializer):
    name = serializers.CharField(read_only=True)
