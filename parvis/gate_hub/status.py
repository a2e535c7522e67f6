"""One line for whoever looks after the hub: are we connected, is anything waiting, must I do something?"""

from time import monotonic
from typing import Final

from rich.console import Console
from rich.status import Status as Spinner

from parvis.gate_hub.hub import Hub

REPEAT_SECONDS: Final = 600.0


class Status:
    """In a terminal the line is kept up to date; in a log it is written when it says something else."""

    def __init__(self, hub: Hub, console: Console) -> None:
        self._hub = hub
        self._console = console
        self._spinner: Spinner | None = None
        self._said: tuple[object, ...] = ()
        self._said_at = 0.0

    def show(self) -> None:
        line = self.line()
        if self._console.is_terminal:
            if self._spinner is None:
                self._spinner = self._console.status(line)
                self._spinner.start()
            self._spinner.update(line)
            return
        health = self._hub.health()
        kind = (
            health.is_online,
            health.trouble,
            health.clock_is_doubtful,
            health.invalid,
            bool(health.pending_uploads),
        )
        if kind != self._said or monotonic() - self._said_at > REPEAT_SECONDS:
            self._said, self._said_at = kind, monotonic()
            self._console.print(line, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        if self._spinner is not None:
            self._spinner.stop()

    def line(self) -> str:
        health = self._hub.health()
        parts = [
            _link(self._hub),
            f"{health.devices_known} scanners, {health.tickets_known} tickets, {health.scans_kept} scans",
        ]
        if health.pending_uploads:
            parts.append(f"{health.pending_uploads} to send")
        elif health.scans_kept:
            parts.append("all sent")
        if health.conflicts:
            parts.append(f"[yellow]{health.conflicts} used twice or wrongly: see “conflicts” on a scanner[/]")
        if health.invalid:
            parts.append(f"[red]{health.invalid} scans that the instance cannot record[/]")
        if health.clock_is_doubtful:
            parts.append("[red]the clock of this machine is wrong: set it, or connect it to the internet[/]")
        if health.trouble:
            parts.append(f"[bold red]{health.trouble}[/]")
        return " · ".join(parts)


def _link(hub: Hub) -> str:
    if hub.sync.is_online:
        return "[green]●[/] Connected"
    since = hub.sync.last_contact
    shown = since.astimezone(hub.sync.timezone).strftime("%d.%m. %H:%M") if since else None
    last = f"last heard of {shown}" if shown else "never heard of"
    return f"[yellow]○[/] No word from the instance ({last}): the gates go on"
