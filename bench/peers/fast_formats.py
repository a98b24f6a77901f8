"""The same dates without strftime, as the service that is measured makes them."""

from __future__ import annotations

from datetime import datetime, timedelta

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def clock(moment: datetime) -> str:
    """A point in time for people; in UTC."""
    hour = moment.hour
    return (
        f"{moment.month:02}/{moment.day:02}/{moment.year % 100:02} "
        f"{hour % 12 or 12:02}:{moment.minute:02}:{moment.second:02} "
        f"{'AM' if hour < 12 else 'PM'} UTC"
    )


def rfc822(moment: datetime) -> str:
    """A point in time as mail headers have it; in UTC."""
    iso = moment.isoformat()
    month = MONTHS[moment.month - 1]
    return f"{DAYS[moment.weekday()]}, {iso[8:10]} {month} {iso[:4]} {iso[11:19]} +0000"


def countdown(remaining: timedelta) -> str:
    """What remains, in words."""
    days = remaining.days
    if days < 0:
        return "No time remaining"
    minutes, seconds = divmod(remaining.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if days:
        return f"{days} day(s) {hours} hours {minutes} minutes {seconds} seconds"
    words = f"{seconds} seconds"
    if hours or minutes:
        words = f"{minutes} minutes {words}"
    return f"{hours} hours {words}" if hours else words
