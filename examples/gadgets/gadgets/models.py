"""The table of gadgets."""

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from widget_service.db import Base


class Gadget(Base):
    __tablename__ = "gadget"
    __table_args__ = (CheckConstraint("price >= 0", name="price"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    title: Mapped[str] = mapped_column(String(80))
    price: Mapped[int]
    maker_id: Mapped[int] = mapped_column(ForeignKey("site_user.id"), index=True)
