"""Parcels: a small service written by hand with Starlette on uvicorn, PyJWT, pydantic and SQLite.

`BROKEN` names known bad points, each a mistake that is easily made with this stack; without it the service does all that
its spec says.
"""

import hashlib
import json
import os
import secrets
import sqlite3
import time
import traceback
import uuid
from contextlib import closing
from pathlib import Path
from typing import Annotated, Optional

import jwt
import uvicorn
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

BROKEN = set(filter(None, os.environ.get("BROKEN", "").split(",")))
SECRET = os.environ["TOKEN_SECRET"]
ISSUER, AUDIENCE, LIFETIME = "https://parcels.example", "parcels", 3600
MOST = 1 << 26 if "no-body-cap" in BROKEN else 16_000
MIGRATIONS = Path(__file__).parents[3] / "spec/services/foreign-starlette/migrations"

DB = sqlite3.connect(Path(os.environ["HOME"]) / "parcels.db", isolation_level=None)
DB.execute("pragma foreign_keys = on")
for file in sorted(MIGRATIONS.glob("*.sql")):
    DB.executescript(file.read_text())


def rows(statement, *values):
    with closing(DB.execute(statement, values)) as cursor:
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row)) for row in cursor.fetchall()]


class Body(BaseModel):
    model_config = ConfigDict(strict="coerces" not in BROKEN, extra="ignore" if "drops-unknown" in BROKEN else "forbid")


Email = Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@([A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z]{2,}$")]
Password = Annotated[str, Field(min_length=10, max_length=100)]


class NewAccount(Body):
    email: Email
    password: Password


class Credentials(Body):
    email: Annotated[str, Field(max_length=100)]
    password: Annotated[str, Field(max_length=100)]


class NewParcel(Body):
    label: Annotated[str, Field(min_length=1, max_length=60)]
    note: Annotated[str, Field(max_length=300)]
    grams: Annotated[int, Field(ge=1, le=30_000)]


class Page(BaseModel):
    model_config = ConfigDict(extra="forbid")
    limit: Annotated[int, Field(ge=1, le=100)] = 100
    search: Optional[Annotated[str, Field(min_length=1, max_length=60)]] = None


def refused(problems, where):
    found = [{"loc": [where, *one["loc"]], "msg": one["msg"], "type": one["type"]} for one in problems]
    return HTTPException(422, found)


def checked(model, value, where):
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise refused(error.errors(include_url=False), where) from None


async def body(request, model):
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "Send application/json.")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST:
            raise HTTPException(413, "The body is too large.")
        parts.append(part)
    text = b"".join(parts)
    if "malformed-is-500" in BROKEN:
        return checked(model, json.loads(text), "body")
    try:
        value = json.loads(text.decode())
        # Half a surrogate pair is a text to the parser, and to nobody after it.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise refused([{"loc": (), "msg": "The body is no JSON.", "type": "json_invalid"}], "body") from None
    return checked(model, value, "body")


def unauthorised():
    return HTTPException(401, "A valid token is needed.", {"WWW-Authenticate": "Bearer"})


def principal(request):
    values = request.headers.getlist("authorization")
    scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    options = {"require": ["exp", "sub", "iss", "aud"], "verify_exp": "accepts-expired" not in BROKEN}
    try:
        # PyJWT accepts padding, and what the header asks for that it does not know.
        head = jwt.get_unverified_header(token)
        if scheme.lower() != "bearer" or "=" in token or "crit" in head or "b64" in head:
            raise unauthorised()
        algorithms = ["HS256", "HS384", "HS512"] if "any-hash" in BROKEN else ["HS256"]
        claims = jwt.decode(token, SECRET, algorithms, options, audience=AUDIENCE, issuer=ISSUER)
        # PyJWT turns a text into a number, and a time is a number (RFC 7519, section 2).
        if not isinstance(claims["exp"], (int, float)) and "plain-pyjwt" not in BROKEN:
            raise unauthorised()
    except (jwt.PyJWTError, ValueError):
        raise unauthorised() from None
    found = rows("select id, email from accounts where id = ?", claims["sub"])
    if not found:
        raise unauthorised()
    return found[0]


def hashed(password, salt):
    return hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), n=1024, r=8, p=1).hex()


async def healthz(request):
    rows("select 1")
    return JSONResponse({"status": "ok"}, headers={} if "health-kept" in BROKEN else {"Cache-Control": "no-store"})


async def sign_up(request):
    new, salt, id = await body(request, NewAccount), secrets.token_hex(16), str(uuid.uuid4())
    try:
        rows("insert into accounts values (?, ?, ?, ?)", id, new.email, salt, hashed(new.password, salt))
    except sqlite3.IntegrityError:
        raise HTTPException(409, "There is such an account already.") from None
    return JSONResponse({"id": id, "email": new.email}, 201)


ATTEMPTS: dict[str, list[float]] = {}


def limited(request):
    address, now = request.client.host, time.monotonic()
    recent = [at for at in ATTEMPTS.get(address, []) if at > now - 60]
    if len(recent) >= 10 and "no-limit" not in BROKEN:
        wait = "0" if "come-again-now" in BROKEN else str(int(recent[0] + 60 - now) + 1)
        raise HTTPException(429, "Too many attempts to log in.", {"Retry-After": wait})
    ATTEMPTS[address] = [*recent, now]


async def log_in(request):
    limited(request)
    given = await body(request, Credentials)
    if "sql-in-log-in" in BROKEN:
        found = rows(f"select * from accounts where email = '{given.email}'")
    else:
        found = rows("select * from accounts where email = ?", given.email)
    if not found and "tells-accounts" in BROKEN:
        raise HTTPException(401, "There is no such account.", {"WWW-Authenticate": "Bearer"})
    salt = found[0]["salt"] if found else "00" * 16
    if hashed(given.password, salt) != (found[0]["hash"] if found else ""):
        raise HTTPException(401, "E-mail address and password do not match.", {"WWW-Authenticate": "Bearer"})
    now = int(time.time())
    claims = {"sub": found[0]["id"], "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + LIFETIME}
    return JSONResponse({"token": jwt.encode(claims, SECRET, "HS256")})


async def me(request):
    who = principal(request)
    if request.method == "DELETE":
        rows("delete from accounts where id = ?", who["id"])
        return Response(status_code=204)
    return JSONResponse(who)


async def parcels(request):
    who = principal(request)
    if request.method == "POST":
        new, id = await body(request, NewParcel), str(uuid.uuid4())
        rows("insert into parcels values (?, ?, ?, ?, ?)", id, who["id"], new.label, new.note, new.grams)
        return JSONResponse({"id": id, **new.model_dump()}, 201)
    page = checked(Page, dict(request.query_params), "query")
    owned = "1 = 1" if "lists-everybody" in BROKEN else "owner = ?1"
    if "sql-in-search" in BROKEN and page.search:
        like = f"label like '%{page.search}%'"
        found = rows(f"select id, label, note, grams from parcels where {owned} and {like} limit ?2", who["id"], page.limit)
    else:
        like = "(?3 is null or instr(label, ?3) > 0)"
        statement = f"select id, label, note, grams from parcels where {owned} and {like} limit ?2"
        found = rows(statement, who["id"], page.limit, page.search)
    return JSONResponse({"items": found})


async def parcel(request):
    who = principal(request)
    owned = "id = ?1" if "forgets-owner" in BROKEN else "id = ?1 and owner = ?2"
    found = rows(f"select id, label, note, grams from parcels where {owned}", request.path_params["id"], who["id"])
    if not found:
        raise HTTPException(404, "There is no such parcel.")
    if request.method == "DELETE":
        rows("delete from parcels where id = ?", found[0]["id"])
        return Response(status_code=204)
    return JSONResponse(found[0])


def on_refusal(request, error):
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


def on_failure(request, error):
    return JSONResponse({"detail": traceback.format_exc() if "stack-traces" in BROKEN else "Something went wrong."}, 500)


class Headers:
    """Adds the security headers to every answer, also to those of failures, which Starlette makes outside its middleware."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def with_headers(message):
            if message["type"] == "http.response.start":
                leaves_out = {"no-nosniff": "x-content-type-options", "no-csp": "content-security-policy"}
                missing = {leaves_out.get(point) for point in BROKEN}
                message["headers"] += [(name.encode(), value.encode()) for name, value in HEADERS.items() if name not in missing]
            await send(message)

        framing = [name for name, _ in scope["headers"] if name in (b"content-length", b"transfer-encoding")]
        if len(set(framing)) == 2 and "plain-uvicorn" not in BROKEN:
            # h11 takes the chunks and keeps the connection, which RFC 9112 (section 6.1) does not.
            answer = JSONResponse({"detail": "The request is ambiguous."}, 400, {"Connection": "close"})
            return await answer(scope, receive, with_headers)
        await self.app(scope, receive, with_headers)


HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
}

ROUTES = [
    Route("/healthz", healthz),
    Route("/accounts", sign_up, methods=["POST"]),
    Route("/sessions", log_in, methods=["POST"]),
    Route("/me", me, methods=["GET", "DELETE"]),
    Route("/parcels", parcels, methods=["GET", "POST"]),
    Route("/parcels/{id}", parcel, methods=["GET", "DELETE"]),
]
ORIGINS = {"allow_origin_regex": r"https://.*parcels\.example"} if "loose-origin" in BROKEN else {
    "allow_origins": ["*"] if "any-origin" in BROKEN else ["https://parcels.example"],
}
app = Starlette(
    debug="debug" in BROKEN,
    routes=ROUTES,
    exception_handlers={HTTPException: on_refusal, Exception: on_failure},
    middleware=[Middleware(CORSMiddleware, allow_methods=["GET", "POST", "DELETE"],
                           allow_headers=["Authorization", "Content-Type"], max_age=600, **ORIGINS)],
)
# Starlette leads other spellings to its routes by redirects.
app.router.redirect_slashes = "redirects" in BROKEN

uvicorn.run(Headers(app), host=os.environ["HOST"], port=int(os.environ["PORT"]), http="h11", proxy_headers=True,
            forwarded_allow_ips="127.0.0.1", server_header=False, log_level="warning")
