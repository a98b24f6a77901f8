"""A plugin that wants the path of another one, under another name."""

from widget_service.rest import Service

mine = Service("mine", "/echo/{id}")


@mine.get()
def get_mine(_request):
    return {}


def includeme(config):
    config.include("widget_service")
    config.add_rest_service(mine)
