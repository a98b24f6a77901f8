"""What an operator does with gadgets."""

from sqlalchemy import func, select

from gadgets.models import Gadget
from widget_service.cli import session


def count(registry, _args):
    with session(registry) as dbsession:
        print(dbsession.scalar(select(func.count()).select_from(Gadget)))
