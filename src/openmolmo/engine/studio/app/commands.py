"""``openmolmo studio serve|users``."""

from __future__ import annotations

import time
from pathlib import Path

import click
from sqlalchemy import select
from sqlalchemy.orm import Session as Rows

from openmolmo.core.errors import ConfigError
from openmolmo.engine.studio import accounts, erasure
from openmolmo.engine.studio.commands import existing_settings, studio_options
from openmolmo.engine.studio.settings import read_settings
from openmolmo.engine.studio.store.database import upgrade
from openmolmo.engine.studio.store.tables import Person

__all__ = ["serve", "users"]


@click.command()
@studio_options
@click.option("--host", help="Address to listen at; 0.0.0.0 is all of this machine's.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes a free one.  [default: 8000]")
@click.option("--public-url", help="How others reach the studio through a proxy, e.g. https://studio.example.org")
@click.option("--tls-self-signed", is_flag=True, help="Encrypt with a certificate of the studio's own.")
@click.option("--llm", help="A text-only LLM for drafts and merging, e.g. http://127.0.0.1:11434/v1#name.")
@click.option("--speech", help="What writes down recordings: auto, pocketsphinx, faster_whisper, openai_http, none.")
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 64), help="Servers at one address.")
@click.option("--open/--no-open", "open_browser", default=True, show_default=True, help="Open a browser.")
@click.option("--worker/--no-worker", default=True, show_default=True, help="Run one worker beside the server.")
def serve(
    directory: Path,
    database: str | None,
    open_browser: bool,
    worker: bool,
    processes: int,
    tls_self_signed: bool,
    **given: str | int | None,
) -> None:
    """Open the studio at an address. In an empty folder it makes a sample project first."""
    from openmolmo.engine.studio.app.server import serve as run

    tls = "self-signed" if tls_self_signed else None
    settings = read_settings(directory, {"database": database, "tls": tls, **given})
    run(settings, open_browser=open_browser, worker=worker, processes=processes, tell=click.echo)


@click.group()
def users() -> None:
    """People, their roles and links."""


def _person(rows: Rows, name: str) -> Person:
    found = accounts.person_by(rows, name)
    if found is None:
        known = rows.scalars(select(Person.name).where(Person.erased_at.is_(None)).order_by(Person.name))
        raise ConfigError(f"there is nobody called {name!r}", fix=f"known: {', '.join(known) or 'nobody'}")
    return found


@users.command(name="list")
@studio_options
def list_people(directory: Path, database: str | None) -> None:
    """Everybody, with role and state."""
    with upgrade(existing_settings(directory, database).database_url).read() as rows:
        for person in rows.scalars(select(Person).order_by(Person.id)):
            state = "erased" if person.erased_at else "closed" if person.disabled_at else "open"
            click.echo(f"{person.id:>4}  {person.role:<10} {state:<7} {person.name}")


@users.command()
@studio_options
@click.option("--role", type=click.Choice(accounts.ROLES), default="annotator", show_default=True)
@click.option("--uses", type=click.IntRange(1), default=1, show_default=True, help="For how many people.")
@click.option("--days", type=click.FloatRange(0, min_open=True), default=14.0, show_default=True)
def invite(directory: Path, database: str | None, role: str, uses: int, days: float) -> None:
    """Print an invitation link. It is not shown again."""
    settings = existing_settings(directory, database)
    with upgrade(settings.database_url).begin() as rows:
        token = accounts.invite(rows, role=role, uses=uses, seconds=86_400 * days, now=time.time())
    click.echo(f"{settings.address}/join/{token}")


@users.command()
@studio_options
@click.argument("name")
@click.argument("role", type=click.Choice(accounts.ROLES))
def role(directory: Path, database: str | None, name: str, role: str) -> None:
    """Give somebody another role."""
    with upgrade(existing_settings(directory, database).database_url).begin() as rows:
        accounts.set_role(rows, _person(rows, name), role, by=None)
    click.echo(f"{name} is {role}")


@users.command()
@studio_options
@click.argument("name")
def reset(directory: Path, database: str | None, name: str) -> None:
    """Sign somebody out everywhere and print a link that lets them in once."""
    settings = existing_settings(directory, database)
    with upgrade(settings.database_url).begin() as rows:
        person = _person(rows, name)
        accounts.sign_out_everywhere(rows, person.id)
        person.password = None
        token = accounts.invite(rows, role=person.role, person_id=person.id, now=time.time())
    click.echo(f"{settings.address}/join/{token}")


@users.command()
@studio_options
@click.argument("name")
@click.option("--undo", is_flag=True, help="Let them in again.")
def disable(directory: Path, database: str | None, name: str, undo: bool) -> None:
    """Shut somebody out at once; their work stays."""
    with upgrade(existing_settings(directory, database).database_url).begin() as rows:
        accounts.set_active(rows, _person(rows, name), undo, by=None, now=time.time())
    click.echo(f"{name} may sign in again" if undo else f"{name} is shut out")


@users.command()
@studio_options
@click.argument("name")
@click.confirmation_option(prompt="Delete all recordings and work of this person for good?")
def erase(directory: Path, database: str | None, name: str) -> None:
    """Delete all data of a person, at their request. It cannot be undone."""
    settings = existing_settings(directory, database)
    opened = upgrade(settings.database_url)
    with opened.begin() as rows:
        erasure.erase(rows, settings.directory, _person(rows, name), by=None, now=time.time())
    gone = erasure.remove_files(opened, settings.directory)
    click.echo(f"all data of {name} are deleted, {gone} files of sound among them; make exports anew")
