"""Flask-RESTX with Flask-SQLAlchemy, in the shape that its tutorials teach.

Request parsers read and check the fields, decorators check the token, models format themselves,
``marshal_with`` makes the body.
"""

from __future__ import annotations

import functools
import logging
import uuid
from datetime import UTC, datetime, timedelta

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from flask import Blueprint, Flask, g, request, url_for
from flask_restx import Api, Namespace, Resource, abort, fields, inputs
from flask_restx.reqparse import RequestParser
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

import data
from formats import aware, clock, countdown, now, rfc822
from rules import LIFETIME, NAME, PAGE_SIZES, PRAGMAS, PREFIX, database, key, parse_deadline

# Waitress would log a line for each request that waits for a thread.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)

db = SQLAlchemy()
passwords = PasswordHasher(**data.ARGON2)
DUMMY_HASH = passwords.hash("nobody's")


class User(db.Model):
    """Somebody with an account."""

    __tablename__ = "site_user"

    id = db.Column(db.Integer, primary_key=True)
    public_id = db.Column(db.String(36), unique=True)
    email = db.Column(db.String(255), nullable=False)
    email_key = db.Column(db.String(768), unique=True, nullable=False)
    password_hash = db.Column(db.String(255), nullable=False)
    registered_on = db.Column(db.DateTime(timezone=True), nullable=False)
    admin = db.Column(db.Boolean, default=False)
    disabled = db.Column(db.Boolean, default=False)

    @classmethod
    def find_by_email(cls, email):
        return cls.query.filter_by(email_key=email.lower()).first()

    @classmethod
    def find_by_public_id(cls, public_id):
        return cls.query.filter_by(public_id=public_id, disabled=False).first()

    def encode_access_token(self):
        issued = datetime.now(UTC)
        claims = {
            "iat": issued,
            "exp": issued + timedelta(seconds=LIFETIME),
            "sub": self.public_id,
            "admin": self.admin,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(claims, key(), algorithm="HS256")


class BlacklistedToken(db.Model):
    """A token that was logged out."""

    __tablename__ = "token_blacklist"

    jti = db.Column(db.String(36), primary_key=True)
    expires_at = db.Column(db.DateTime(timezone=True), nullable=False)
    blacklisted_on = db.Column(db.DateTime(timezone=True), nullable=False)

    @classmethod
    def check_blacklist(cls, jti):
        return cls.query.filter_by(jti=jti).first() is not None


class Widget(db.Model):
    """A widget, which knows how it is shown."""

    __tablename__ = "widget"

    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(100), unique=True, nullable=False)
    info_url = db.Column(db.String(255), nullable=False)
    created_at_utc = db.Column("created_at", db.DateTime(timezone=True), nullable=False)
    deadline_utc = db.Column("deadline", db.DateTime(timezone=True), nullable=False)
    version = db.Column(db.Integer, default=1, nullable=False)
    owner_id = db.Column(db.Integer, db.ForeignKey("site_user.id"), nullable=False)
    owner = db.relationship(User, lazy="joined")

    @property
    def created_at(self):
        return clock(aware(self.created_at_utc))

    @property
    def created_at_iso8601(self):
        return aware(self.created_at_utc).isoformat()

    @property
    def created_at_rfc822(self):
        return rfc822(aware(self.created_at_utc))

    @property
    def deadline(self):
        return clock(aware(self.deadline_utc))

    @property
    def deadline_iso8601(self):
        return aware(self.deadline_utc).isoformat()

    @property
    def deadline_passed(self):
        return aware(self.deadline_utc) < now()

    @property
    def time_remaining(self):
        return countdown(aware(self.deadline_utc))

    @classmethod
    def find_by_name(cls, name):
        return cls.query.filter_by(name=name.lower()).first()


def token_claims():
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        abort(401, "Unauthorized")
    try:
        claims = jwt.decode(token, key(), algorithms=["HS256"])
    except jwt.ExpiredSignatureError:
        abort(401, "Access token expired. Please log in again.")
    except jwt.InvalidTokenError:
        abort(401, "Invalid token. Please log in again.")
    if BlacklistedToken.check_blacklist(claims["jti"]):
        abort(401, "Token blacklisted. Please log in again.")
    return claims


def token_required(view):
    @functools.wraps(view)
    def decorated(*args, **kwargs):
        g.claims = token_claims()
        g.user = User.find_by_public_id(g.claims["sub"])
        if g.user is None:
            abort(401, "Invalid token. Please log in again.")
        return view(*args, **kwargs)

    return decorated


def admin_token_required(view):
    @token_required
    @functools.wraps(view)
    def decorated(*args, **kwargs):
        if not g.user.admin:
            abort(403, "You are not an administrator")
        return view(*args, **kwargs)

    return decorated


def widget_name(value):
    if not NAME.fullmatch(value):
        raise ValueError(f"'{value}' contains one or more invalid characters.")
    return value


login_parser = RequestParser(bundle_errors=True)
login_parser.add_argument("email", type=inputs.email(), required=True, location="json")
login_parser.add_argument("password", type=str, required=True, location="json")

page_parser = RequestParser(bundle_errors=True)
page_parser.add_argument("page", type=inputs.positive, default=1, location="args")
page_parser.add_argument(
    "per_page", type=inputs.positive, choices=PAGE_SIZES, default=10, location="args"
)

url = inputs.URL(schemes=["http", "https"])
update_parser = RequestParser(bundle_errors=True)
update_parser.add_argument("info_url", type=url, required=True, location="json")
update_parser.add_argument("deadline", type=parse_deadline, required=True, location="json")
create_parser = update_parser.copy()
create_parser.add_argument("name", type=widget_name, required=True, location="json")

auth = Namespace("auth", path="/auth")
widgets = Namespace("widgets", path="/widgets")

owner_model = widgets.model("Owner", {"email": fields.String, "public_id": fields.String})
widget_model = widgets.model(
    "Widget",
    {
        "name": fields.String,
        "info_url": fields.String,
        "created_at": fields.String,
        "created_at_iso8601": fields.String,
        "created_at_rfc822": fields.String,
        "deadline": fields.String,
        "deadline_iso8601": fields.String,
        "deadline_passed": fields.Boolean,
        "time_remaining": fields.String,
        "owner": fields.Nested(owner_model),
        "link": fields.Url("api.widget"),
    },
)
links_model = widgets.model(
    "Links",
    dict.fromkeys(("self", "first", "prev", "next", "last"), fields.String),
)
page_model = widgets.model(
    "Page",
    {
        "links": fields.Nested(links_model, skip_none=True),
        "has_prev": fields.Boolean,
        "has_next": fields.Boolean,
        "page": fields.Integer,
        "total_pages": fields.Integer(attribute="pages"),
        "items_per_page": fields.Integer(attribute="per_page"),
        "total_items": fields.Integer(attribute="total"),
        "items": fields.List(fields.Nested(widget_model)),
    },
)
written_model = widgets.model(
    "Written",
    {
        "status": fields.String(default="success"),
        "message": fields.String,
        "widget": fields.Nested(widget_model),
    },
)


@auth.route("/login", endpoint="login")
class Login(Resource):
    """Log in."""

    def post(self):
        values = login_parser.parse_args()
        user = User.find_by_email(values["email"])
        try:
            passwords.verify(user.password_hash if user else DUMMY_HASH, values["password"])
        except VerificationError:
            user = None
        if user is None:
            abort(401, "email or password does not match", status="fail")
        return {
            "status": "success",
            "message": "successfully logged in",
            "access_token": user.encode_access_token(),
            "token_type": "bearer",
            "expires_in": LIFETIME,
        }


@auth.route("/logout", endpoint="logout")
class Logout(Resource):
    """Log out."""

    @token_required
    def post(self):
        expires_at = datetime.fromtimestamp(g.claims["exp"], UTC)
        token = BlacklistedToken(jti=g.claims["jti"], expires_at=expires_at, blacklisted_on=now())
        db.session.add(token)
        db.session.commit()
        return {"status": "success", "message": "successfully logged out"}


def nav_links(page):
    def to(number):
        return url_for("api.widgets", page=number, per_page=page.per_page)

    links = {"self": to(page.page), "first": to(1), "last": to(max(1, page.pages))}
    if page.has_prev:
        links["prev"] = to(page.prev_num)
    if page.has_next:
        links["next"] = to(page.next_num)
    return links


@widgets.route("", endpoint="widgets")
class WidgetList(Resource):
    """All widgets."""

    @token_required
    @widgets.marshal_with(page_model)
    def get(self):
        values = page_parser.parse_args()
        statement = db.select(Widget).order_by(Widget.id)
        page = db.paginate(statement, page=values["page"], per_page=values["per_page"])
        page.links = nav_links(page)
        return page

    @admin_token_required
    @widgets.marshal_with(written_model)
    def post(self):
        values = create_parser.parse_args()
        name = values["name"]
        widget = Widget(
            name=name,
            info_url=values["info_url"],
            deadline_utc=values["deadline"],
            created_at_utc=now(),
            owner=g.user,
        )
        db.session.add(widget)
        try:
            db.session.commit()
        except IntegrityError:
            db.session.rollback()
            abort(409, f"Widget name: {name} already exists, must be unique.", status="fail")
        body = {"message": f"New widget added: {name}.", "widget": widget}
        return body, 201, {"Location": url_for("api.widget", name=name)}


@widgets.route("/<name>", endpoint="widget")
class OneWidget(Resource):
    """One widget."""

    @token_required
    @widgets.marshal_with(widget_model)
    def get(self, name):
        return Widget.find_by_name(name) or abort(404, f"{name} not found in database.")

    @admin_token_required
    @widgets.marshal_with(written_model)
    def put(self, name):
        values = update_parser.parse_args()
        widget = Widget.find_by_name(name) or abort(404, f"{name} not found in database.")
        widget.info_url = values["info_url"]
        widget.deadline_utc = values["deadline"]
        widget.version += 1
        db.session.commit()
        return {"message": f"'{name}' was successfully updated", "widget": widget}


def create_app():
    """The application."""
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = database()
    app.config["RESTX_ERROR_404_HELP"] = False
    db.init_app(app)
    blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
    api = Api(blueprint)
    api.add_namespace(auth)
    api.add_namespace(widgets)
    app.register_blueprint(blueprint)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            event.listen(db.engine, "connect", configure)
    return app


def configure(connection, _record):
    """What is durable and checked for one server is so for all."""
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


app = create_app()
