"""The tables; widgets and users are those of the other servers."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models


class User(AbstractBaseUser):
    """Somebody with an account."""

    password = models.CharField(max_length=255, db_column="password_hash")
    last_login = None
    public_id = models.CharField(max_length=36, unique=True)
    email = models.CharField(max_length=255)
    email_key = models.CharField(max_length=768, unique=True)
    registered_on = models.DateTimeField()
    admin = models.BooleanField(default=False)
    disabled = models.BooleanField(default=False)

    USERNAME_FIELD = "email_key"
    objects = BaseUserManager()

    class Meta:
        db_table = "site_user"

    @property
    def is_active(self):
        return not self.disabled

    @property
    def is_staff(self):
        return self.admin


class Widget(models.Model):
    """A widget and its owner."""

    name = models.CharField(max_length=100, unique=True)
    info_url = models.CharField(max_length=255)
    created_at = models.DateTimeField()
    deadline = models.DateTimeField()
    version = models.IntegerField(default=1)
    owner = models.ForeignKey(User, on_delete=models.PROTECT)

    class Meta:
        db_table = "widget"
