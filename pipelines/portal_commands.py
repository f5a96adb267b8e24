"""The commands of the portal: serve, user, audit.

Belongs here: arguments, and what is printed. Does not: the pages (reports/portal), what the ledger keeps of people
(assets/ledger/people.py).
"""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assets.instance.home import SCHEMA, Home, find_home
from pipelines.terminal import Format, HomeOption, WrongUse, exit_codes, open_home, out, write_rows

if TYPE_CHECKING:
    from sqlalchemy import Engine

portal = typer.Typer(rich_markup_mode=None)
user_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
audit_app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)
portal.add_typer(user_app, name="user", help="Who may enter the portal, in which role, for which scope.")
token_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
portal.add_typer(token_app, name="token", help="Tokens for programs that fetch published reports.")
portal.add_typer(audit_app, name="audit", help="Who did what and when.")
PASSWORD = "SIXTH_PASSWORD"
NameArgument = Annotated[str, typer.Argument(help="The name to log in with.")]


@contextmanager
def _ledger(place: Home) -> Iterator[Engine]:
    from assets.instance.settings import load_settings  # noqa: PLC0415 - the ledger's libraries, wanted here alone
    from assets.ledger.opening import open_ledger  # noqa: PLC0415

    with open_ledger(place.warehouse, load_settings(place.register / "settings.yaml").ledger_url) as ledger:
        yield ledger


def _me() -> str:
    """Whom the audit log names: whoever has the shell has the ledger."""
    try:
        return f"{getpass.getuser()} at the command line"
    except (KeyError, OSError):
        return "the command line"


def _password() -> str:
    """A password: of the environment, of a pipe, or asked for twice on a terminal."""
    if given := os.environ.get(PASSWORD):
        return given
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("password: ")
    if getpass.getpass("the same again: ") != first:
        raise WrongUse("the two passwords are not the same")
    return first


def _known_scope(place: Home, role: str, scope: str) -> str:
    """The scope of a role, where the register has it: a unit for the role of a unit, else any node."""
    from assets.instance.closed_months import register_of  # noqa: PLC0415

    if role == "admin":
        return scope
    levels = {unit.code: unit.level for unit in register_of(place).units}
    if scope not in levels:
        raise WrongUse(f"--scope {scope!r} is no code of the register; `units.csv` has them")
    if role == "unit" and levels[scope] != "unit":
        raise WrongUse(f"--scope {scope} is no reporting unit, and has no return of its own")
    if role == "office" and levels[scope] == "unit":
        raise WrongUse(f"--scope {scope} is a reporting unit; an office has units below it")
    return scope


# ----------------------------------------------------------------------------------------------------------- serve
@portal.command(epilog="Example: sixth serve --home home --port 8600")
@exit_codes
def serve(
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="The port.")] = 8600,
    workers: Annotated[int, typer.Option("--workers", help="Processes.")] = 2,
    tls: Annotated[bool, typer.Option("--behind-tls", help="Browsers come by https, through a proxy.")] = False,
    trusted: Annotated[
        str, typer.Option("--trust-proxy", help="The proxy whose X-Forwarded-For is believed, as 127.0.0.1.")
    ] = "",
    home: HomeOption = None,
) -> None:
    """The web portal for stewards, units and the network department."""
    import uvicorn  # noqa: PLC0415 - the web's libraries, wanted here alone

    _bring_up_to_date(home)
    place = open_home(home)
    if host not in ("127.0.0.1", "::1", "localhost") and not tls:
        raise WrongUse(
            f"--host {host}: passwords would cross the network in the clear; let a proxy with TLS stand before it and "
            "say --behind-tls (docs/security.md)"
        )
    _look_at_single_sign_on(place)
    with _ledger(place):
        pass  # its tables are made once, before there are several processes
    os.environ["SIXTH_HOME"], os.environ["SIXTH_BEHIND_TLS"] = str(place.root), "1" if tls else ""
    out.print(f"http://{host}:{port}  Ctrl-C ends it")
    uvicorn.run(
        "pipelines.portal_commands:served",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted),
        forwarded_allow_ips=trusted or None,
        timeout_keep_alive=15,
    )


def _bring_up_to_date(home: Path | None) -> None:
    """Bring a home of an earlier release up to date in a process of its own, as `sixth upgrade` does: what that loads
    would take memory here for as long as the portal runs. Raises typer.Exit with its status where it did not work.
    """
    place = find_home(home)
    place.check()
    if place.schema != SCHEMA:
        command = [sys.executable, "-m", "pipelines.cli", "upgrade", "--home", str(place.root)]
        if status := subprocess.run(command, check=False).returncode:
            raise typer.Exit(status)


def _look_at_single_sign_on(place: Home) -> None:
    """Raise WrongUse where the settings want single sign-on, and it cannot be."""
    from importlib.util import find_spec  # noqa: PLC0415 - wanted here alone

    from assets.instance.settings import load_settings  # noqa: PLC0415

    wanted = load_settings(place.register / "settings.yaml").portal
    if wanted.issuer and find_spec("authlib") is None:
        raise WrongUse("settings.yaml: portal: single sign-on takes the package authlib: install sixth[oidc]")
    if wanted.issuer and not wanted.client_id:
        raise WrongUse(
            "settings.yaml: portal: issuer: says where; client_id: what the portal is called there, is missing"
        )
    if wanted.issuer and wanted.client_secret_env and not os.environ.get(wanted.client_secret_env):
        raise WrongUse(f"settings.yaml: portal: no secret in the environment variable {wanted.client_secret_env}")


def served() -> object:
    """The application of one process, on the home that `serve` names; open until the process ends."""
    from contextlib import ExitStack  # noqa: PLC0415

    from pipelines.portal_desk import PortalDecider  # noqa: PLC0415
    from reports.portal.app import application  # noqa: PLC0415
    from reports.portal.shared import opened  # noqa: PLC0415

    _share_heaps()
    stack, place = ExitStack(), find_home(None)
    tls = bool(os.environ.get("SIXTH_BEHIND_TLS"))
    made = application(stack.enter_context(opened(place, tls=tls, decider=PortalDecider(place))))
    _open.append(stack)
    return made


def _share_heaps() -> None:
    """Let all threads of this process allocate from two heaps: by default glibc gives each its own, up to eight a core,
    and what pages took and gave back in one is of no use to the others: some 50 MB. Elsewhere nothing is done.
    """
    import ctypes  # noqa: PLC0415 - wanted here alone

    m_arena_max = -8  # mallopt(3)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(m_arena_max, 2)


_open: list[object] = []  # what `served` holds open


# ------------------------------------------------------------------------------------------------------------ user
RoleOption = Annotated[str, typer.Option("--role", help="steward, office, reader, unit or admin.")]
ScopeOption = Annotated[str, typer.Option("--scope", help="A code of the register; of a unit or an office its own.")]


@user_app.callback()
def user() -> None:
    """Who may enter the portal, in which role, for which scope."""


@user_app.command("add", epilog="Example: sixth user add wangxiaoyan --display 王晓燕 --role steward --scope EX")
@exit_codes
def add(
    name: NameArgument,
    role: RoleOption,
    scope: ScopeOption = "",
    display: Annotated[str, typer.Option("--display", help="The name that pages show.")] = "",
    sso_alone: Annotated[
        bool, typer.Option("--no-password", help="They log in by single sign-on alone, under this name.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Let somebody in, or give one more role. The password is asked for, or of the pipe, or of SIXTH_PASSWORD."""
    from assets.ledger import people  # noqa: PLC0415
    from reports.portal.passwords import NO_PASSWORD, hashed  # noqa: PLC0415

    place, now = open_home(home), datetime.now(UTC)
    with _ledger(place) as ledger:
        if role not in people.ROLES:
            raise WrongUse(f"--role {role!r} is none of {', '.join(people.ROLES)}")
        known = _known_scope(place, role, scope)
        if name not in {user.name for user, _ in people.users(ledger)}:
            secret = NO_PASSWORD if sso_alone else hashed(_password())
            people.add_user(ledger, name, display, secret, _me(), now)
        people.grant(ledger, name, role, known, _me(), now)
    out.print(f"{name} is {role}{f' of {scope}' if scope else ''}", markup=False)


@user_app.command("take", epilog="Example: sixth user take wangxiaoyan --role steward --scope EX")
@exit_codes
def take(name: NameArgument, role: RoleOption, scope: ScopeOption = "", home: HomeOption = None) -> None:
    """Take a role away."""
    from assets.ledger import people  # noqa: PLC0415

    with _ledger(open_home(home)) as ledger:
        people.grant(ledger, name, role, scope, _me(), datetime.now(UTC), gives=False)
    out.print(f"{name} is no longer {role}{f' of {scope}' if scope else ''}", markup=False)


@user_app.command("list", epilog="Example: sixth user list")
@exit_codes
def list_users(
    form: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.table,
    home: HomeOption = None,
) -> None:
    """Everybody with what is granted to them."""
    from assets.ledger import people  # noqa: PLC0415

    with _ledger(open_home(home)) as ledger:
        rows = [
            {
                "name": user.name,
                "display": user.display,
                "granted": "; ".join(f"{role} {scope}".strip() for role, scope in grants),
                "state": "closed" if user.disabled_at else "open",
            }
            for user, grants in people.users(ledger)
        ]
    write_rows(rows, form, {"name": "user", "display": "name", "granted": "granted", "state": "state"}, "name")


@user_app.command("disable", epilog="Example: sixth user disable wangxiaoyan")
@exit_codes
def disable(name: NameArgument, home: HomeOption = None) -> None:
    """Close a user: sessions end, tokens are revoked."""
    from assets.ledger import people  # noqa: PLC0415

    with _ledger(open_home(home)) as ledger:
        people.disable(ledger, name, _me(), datetime.now(UTC))
    out.print(f"{name} is closed", markup=False)


@user_app.command("passwd", epilog="Example: sixth user passwd wangxiaoyan")
@exit_codes
def passwd(name: NameArgument, home: HomeOption = None) -> None:
    """Set another password; sessions end."""
    from assets.ledger import people  # noqa: PLC0415
    from reports.portal.passwords import hashed  # noqa: PLC0415

    with _ledger(open_home(home)) as ledger:
        people.set_secret(ledger, name, hashed(_password()), _me(), datetime.now(UTC))
    out.print(f"the password of {name} is set", markup=False)


def let_sample_people_in(place: Home) -> None:
    """Let people of each role into the portal of the sample, all with a new password, which is printed. Raises WrongUse
    where the register is not the sample's.
    """
    import csv  # noqa: PLC0415
    import secrets  # noqa: PLC0415

    from assets.instance.register import load_register  # noqa: PLC0415
    from assets.ledger import people  # noqa: PLC0415
    from pipelines.new_home import SAMPLE  # noqa: PLC0415
    from reports.portal.passwords import hashed  # noqa: PLC0415

    if load_register(place.register).digest != load_register(SAMPLE / "register").digest:
        raise WrongUse("--portal lets strangers in, and so is for the sample alone; here `sixth user add` does it")
    password, now = secrets.token_urlsafe(9), datetime.now(UTC)
    secret = hashed(password)
    with _ledger(place) as ledger:
        there = {user.name for user, _ in people.users(ledger)}
        with (SAMPLE / "people.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["name"] in there:
                    people.set_secret(ledger, row["name"], secret, _me(), now)
                else:
                    people.add_user(ledger, row["name"], row["display"], secret, _me(), now)
                    people.grant(ledger, row["name"], row["role"], row["scope"], _me(), now)
                out.print(f"{row['name']:<12} {row['role']:<8} {row['scope']}", markup=False)
    out.print(f"the password of each: {password}", markup=False)


# ---------------------------------------------------------------------------------------------------------- tokens
@token_app.callback()
def token() -> None:
    """Tokens for programs that fetch published reports."""


@token_app.command("add", epilog="Example: sixth token add liuhai --scope EX --days 90")
@exit_codes
def add_token(
    name: NameArgument,
    scope: Annotated[str, typer.Option("--scope", help="A node above units; else the first of the user's.")] = "",
    days: Annotated[int, typer.Option("--days", help="How long it holds.")] = 90,
    home: HomeOption = None,
) -> None:
    """A token in the name of a reader; it is printed this once."""
    from assets.instance.closed_months import register_of  # noqa: PLC0415
    from assets.ledger import people  # noqa: PLC0415

    place = open_home(home)
    with _ledger(place) as ledger:
        granted = next((grants for user, grants in people.users(ledger) if user.name == name), ())
        scopes = [s for role, s in granted if role == "reader"]
        if not scopes:
            raise WrongUse(f"{name} is no reader; `sixth user add {name} --role reader --scope ...` grants it")
        register, chosen = register_of(place), scope or scopes[0]
        trees = [register.tree(month) for month in sorted({u.active_from for u in register.units})]
        if not any(tree.is_within(chosen, s) for tree in trees for s in scopes):
            raise WrongUse(f"--scope {chosen} is not within {', '.join(scopes)}")
        made = people.add_token(ledger, name, chosen, days, _me(), datetime.now(UTC))
    out.print(made, markup=False)


@token_app.command("list", epilog="Example: sixth token list")
@exit_codes
def list_tokens(
    form: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.table,
    home: HomeOption = None,
) -> None:
    """All tokens, without what they are."""
    from assets.ledger import people  # noqa: PLC0415

    now = datetime.now(UTC)
    with _ledger(open_home(home)) as ledger:
        rows = [
            {
                "id": str(token.id),
                "user": owner,
                "scope": token.scope,
                "expires": f"{token.expires_at:%Y-%m-%d %H:%M}Z",
                "used": f"{token.used_at:%Y-%m-%d %H:%M}Z" if token.used_at else "",
                "state": "revoked" if token.revoked_at else "over" if token.expires_at <= now else "valid",
            }
            for token, owner in people.tokens(ledger)
        ]
    write_rows(rows, form, {column: column for column in ("id", "user", "scope", "expires", "used", "state")}, "id")


@token_app.command("revoke", epilog="Example: sixth token revoke 3")
@exit_codes
def revoke(
    number: Annotated[int, typer.Argument(help="Its number, as `sixth token list` has it.")], home: HomeOption = None
) -> None:
    """End a token."""
    from assets.ledger import people  # noqa: PLC0415

    with _ledger(open_home(home)) as ledger:
        people.revoke_token(ledger, number, _me(), datetime.now(UTC))
    out.print(f"token {number} is revoked", markup=False)


# ----------------------------------------------------------------------------------------------------------- audit
@audit_app.callback(epilog="Example: sixth audit --who wangxiaoyan")
def audit(
    context: typer.Context,
    who: Annotated[str, typer.Option("--who", help="Of one person.")] = "",
    act: Annotated[str, typer.Option("--act", help="Of one act, as `log in`.")] = "",
    most: Annotated[int, typer.Option("--most", help="So many of the latest lines.")] = 200,
    form: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.table,
    home: HomeOption = None,
) -> None:
    """Who did what and when, the latest first."""
    if not context.invoked_subcommand:
        _show_audit(who, act, most, form, home)


@exit_codes
def _show_audit(who: str, act: str, most: int, form: Format, home: Path | None) -> None:
    from assets.ledger.audit import latest  # noqa: PLC0415

    columns = ("at", "who", "act", "what", "outcome", "address", "digest")
    with _ledger(open_home(home)) as ledger:
        rows = [{c: getattr(line, c) for c in columns} for line in latest(ledger, most, who, act)]
    write_rows(rows, form, {c: "detail" if c == "what" else c for c in columns[:-1]}, "at")


@audit_app.command("verify", epilog="Example: sixth audit verify --head 3f0c9be27a44")
@exit_codes
def verify(
    head: Annotated[str, typer.Option("--head", help="A digest noted before, which must still stand.")] = "",
    home: HomeOption = None,
) -> int:
    """Whether any line was changed or taken out; prints the last digest, to be noted elsewhere. Exit 1 if so."""
    from assets.ledger.audit import verify as verified  # noqa: PLC0415

    with _ledger(open_home(home)) as ledger:
        wrong, count, last = verified(ledger, head.lower())
    for line in wrong:
        out.print(str(line), markup=False)
    out.print(f"{count} lines, the last {last[:12] or 'none'}: {f'{len(wrong)} wrong' if wrong else 'as written'}")
    return 1 if wrong else 0
