"""The command behind ``scripts/crash``."""

import random

import click

from scripts.endurance.kills import Broken, Ordeal
from scripts.endurance.laboratory import DATABASES, MAKERS, running_server


@click.command()
@click.option("--rounds", default=50, show_default=True, help="Kills on each database.")
@click.option("--database", type=click.Choice([*DATABASES, "both"]), default="both", show_default=True)
@click.option("--server", type=click.Choice(list(MAKERS)), default="folkmoot", show_default=True)
@click.option("--seed", type=int, help="Repeat a run; a run prints its own.")
def main(rounds: int, database: str, server: str, seed: int | None) -> None:
    """
    Kill a server under load with SIGKILL, start it again, and hold it against what it had acknowledged.

    Four users send messages, change state, write account data and send to devices, all at once.  After each kill
    the server is started as it is, and everything acknowledged must be there, once.  Ends with status 1 at the first
    broken promise.
    """
    seed = seed if seed is not None else random.randrange(1_000_000)
    for name in DATABASES if database == "both" else (database,):
        click.echo(f"{server} on {name}, {rounds} kills, --seed {seed}")
        with running_server(server, name) as running:
            ordeal = Ordeal(running, seed)
            ordeal.prepare()
            for number in range(1, rounds + 1):
                try:
                    ordeal.round(number)
                except Broken as broken:
                    raise click.ClickException(f"round {number} on {name}: {broken}") from broken
                if number % 10 == 0 or number == rounds:
                    click.echo(f"  {number} kills survived")
            try:
                ordeal.check_everything()
            except Broken as broken:
                raise click.ClickException(f"at the end on {name}: {broken}") from broken
            tally = ordeal.tally()
        click.echo(
            f"{name}: {tally.rounds} kills, {tally.promises:,} acknowledged writes all there, "
            f"{tally.unanswered} sent again and there once, slowest start {tally.start_seconds_max:.1f} s"
        )


if __name__ == "__main__":
    main()
