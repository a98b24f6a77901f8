"""What the services of accounts read and answer."""

from __future__ import annotations

from typing import Any

import colander

from widget_service import settings
from widget_service.answers import response_key
from widget_service.emails import email_key
from widget_service.fields import Flag, Text, WholeNumber, field, shown

PASSWORD_BYTES = 1024


class Email(Text):
    """An e-mail address, kept as it was typed."""

    refusal = "{} is not a valid email"

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        """:raises colander.Invalid: no e-mail address, or longer than 254 characters"""
        text = super().deserialize(node, cstruct)
        if text is not colander.null:
            try:
                email_key(text)
            except ValueError:
                raise colander.Invalid(node, self.refusal.format(shown(text))) from None
        return text


def valid_password(node: Any, value: str) -> None:
    """:raises colander.Invalid: empty, too long, or not text that every system can store"""
    try:
        length = len(value.encode("utf-8"))
    except UnicodeEncodeError:
        raise colander.Invalid(node, "The password contains invalid characters") from None
    if "\0" in value:
        raise colander.Invalid(node, "The password contains invalid characters")
    if not length:
        raise colander.Invalid(node, "The password must not be empty")
    if length > PASSWORD_BYTES:
        raise colander.Invalid(node, f"The password is longer than {PASSWORD_BYTES} bytes")


@colander.deferred
def valid_new_password(_node: Any, kw: dict[str, Any]) -> Any:
    """The rules of a password that is chosen now: the operator's on top."""
    shortest = settings.of(kw["registry"], "auth").password_min_length

    def validate(node: Any, value: str) -> None:
        valid_password(node, value)
        if len(value) < shortest:
            text = f"The password must have at least {shortest} characters"
            raise colander.Invalid(node, text)

    return validate


class _Login(colander.MappingSchema):
    email = field(Email(), title="E-mail", format="email", example="user@example.com")
    password = field(Text(), valid_password, title="Password", format="password", example="123456")


class _Registration(colander.MappingSchema):
    email = field(Email(), title="E-mail", format="email", example="user@example.com")
    password = field(
        Text(), valid_new_password, title="Password", format="password", example="123456"
    )


class _PasswordChange(colander.MappingSchema):
    current_password = field(
        Text(), valid_password, title="Current password", format="password", example="123456"
    )
    new_password = field(
        Text(), valid_new_password, title="New password", format="password", example="123456"
    )


class PasswordChange(colander.MappingSchema):
    """PUT /auth/password"""

    body = _PasswordChange()


class Login(colander.MappingSchema):
    """POST /auth/login"""

    body = _Login()


class Registration(colander.MappingSchema):
    """POST /auth/register"""

    body = _Registration()


class _Token(colander.MappingSchema):
    status = response_key(Text())
    message = response_key(Text())
    access_token = response_key(Text(), "A JSON Web Token (RFC 7519).")
    token_type = response_key(Text(), "Always bearer (RFC 6750).")
    expires_in = response_key(WholeNumber(), "Seconds.")


class Token(colander.MappingSchema):
    """A token, as RFC 6749, 5.1 has it."""

    body = _Token()


class _User(colander.MappingSchema):
    email = response_key(Text())
    public_id = response_key(Text(), "A UUID.")
    admin = response_key(Flag())
    registered_on = response_key(Text())
    registered_on_iso8601 = response_key(Text())
    token_expires_in = response_key(Text(), "[N days, ]HH:MM:SS")
    token_expires_at = response_key(Text(), "ISO 8601.")


class CurrentUser(colander.MappingSchema):
    """The account of whoever asks."""

    body = _User()


class _Session(colander.MappingSchema):
    id = response_key(Text(), "The jti of the token.")
    issued_at = response_key(Text(), "ISO 8601.")
    expires_at = response_key(Text(), "ISO 8601.")
    address = response_key(
        Text(), "Where the login came from; empty where the server does not know."
    )
    user_agent = response_key(Text(), "What the client called itself.")
    current = response_key(Flag(), "Is it the token of this request?")


class _SessionSequence(colander.SequenceSchema):
    session = _Session()


class _Sessions(colander.MappingSchema):
    total_items = response_key(WholeNumber(), "How many there are, shown or not.")
    sessions = _SessionSequence(description="The current one first, then the newest.")


class Sessions(colander.MappingSchema):
    """The live tokens of whoever asks."""

    body = _Sessions()
