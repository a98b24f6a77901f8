"""E-mail addresses: what all spellings of one have in common."""

from __future__ import annotations

import unicodedata

# Nothing longer is an address (RFC 5321, 4.5.3.1.3).
LONGEST = 254


def email_key(email: str) -> str:
    """What all spellings of one address have in common, whatever their case.

    :raises ValueError: this is no e-mail address
    """
    # Not above: it makes regular expressions of all of Unicode, which the first who logs in has
    # time for, and a process that starts has not.
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415

    if len(email) > LONGEST:
        raise ValueError(f"an e-mail address has at most {LONGEST} characters")
    try:
        parts = validate_email(email, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from error
    # The domain has been folded already, by its own rules: faß.de is not fass.de.
    local = unicodedata.normalize("NFC", parts.local_part.casefold())
    return f"{local}@{parts.ascii_domain}"
