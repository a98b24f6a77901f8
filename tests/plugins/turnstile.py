"""A plugin whose tween answers some requests itself, and fails at others."""

from pyramid.httpexceptions import HTTPTooManyRequests


def tween_factory(handler, _registry):
    def tween(request):
        if "turn" in request.GET:
            return HTTPTooManyRequests()
        return handler(request)

    return tween


def includeme(config):
    config.include("widget_service")
    config.add_tween("plugins.turnstile.tween_factory")
