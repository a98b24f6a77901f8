"""Passwords."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher

import data


class Argon2(Argon2PasswordHasher):
    """Argon2 with the parameters that every server has."""

    time_cost = data.ARGON2["time_cost"]
    memory_cost = data.ARGON2["memory_cost"]
    parallelism = data.ARGON2["parallelism"]
