"""`careloop fhir …`: programs that may use the FHIR edge. Help is instant: every command imports what it needs when it runs."""

from typing import Annotated

import typer

fhir = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="The FHIR edge: which programs of other systems may use it.")
client = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Programs that may use the FHIR edge.")
fhir.add_typer(client, name="client")

Feed = Annotated[str, typer.Argument(help="The feed's name, as `careloop feed list` shows it.")]
Id = Annotated[str, typer.Argument(help="The program's client id, such as portal.")]


@fhir.command("try")
def try_server(feed: Feed) -> None:
    """Ask the server of a feed for the first page of every resource type, and store nothing."""
    from bot.fhir.clients import try_command

    try_command(feed)


@client.command()
def add(
    client_id: Id,
    name: Annotated[str, typer.Option(help="What it is, for people.")] = "",
    team: Annotated[list[str] | None, typer.Option(help="A team whose patients it may see; may be repeated.")] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="system/<type>.<read|write>, * for every type; may be repeated. Left out: system/*.read.")
    ] = None,
    feed: Annotated[str | None, typer.Option(help="The FHIR feed that what it sends arrives in; made when it is new.")] = None,
) -> None:
    """Let a program in, and print its secret: this once, because only its hash is kept. The same id again gives it a new secret.

    careloop fhir client add portal --name 医院门户 --team 新生儿随访组 --scope "system/*.read"
    """
    from bot.fhir.clients import add_command

    add_command(client_id, name=name or client_id, teams=team or [], scopes=scope or ["system/*.read"], feed=feed)


@client.command("list")
def list_clients() -> None:
    """Every program with its scopes, teams and feed."""
    from bot.fhir.clients import list_command

    list_command()


@client.command()
def revoke(client_id: Id) -> None:
    """Shut a program out at once; its tokens end with it."""
    from bot.fhir.clients import revoke_command

    revoke_command(client_id)
