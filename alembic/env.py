"""Where Alembic's command meets the service: ``alembic -c FILE.ini …``.

The database is the one that the service itself would use: the same .ini section, overridden by
the same environment variables.
"""

import plaster

from alembic import context
from widget_service import configure, migrations

file = context.config.config_file_name
loader = plaster.get_loader(file, protocols=["wsgi"])
registry = configure(loader.get_wsgi_app_settings(), file=file).registry

if context.is_offline_mode():
    raise SystemExit("--sql is not supported: migrations look at the database they change")

with migrations.connection(registry.database.write_engine.url) as connection:
    context.configure(connection=connection, **migrations.options(registry))
    context.run_migrations()
registry.database.close()
