"""Make a copy of the data fit for Django: simplejwt's tables, hashes as Django has them."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_settings")
django.setup()

from django.core.management import call_command  # noqa: E402  (after the set-up)
from django.db import connection  # noqa: E402  (likewise)

call_command("migrate", run_syncdb=True, fake_initial=True, verbosity=0)
with connection.cursor() as cursor:
    cursor.execute("UPDATE site_user SET password_hash = 'argon2' || password_hash")
