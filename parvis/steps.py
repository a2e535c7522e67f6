import contextlib
from collections.abc import Iterator
from time import monotonic

from rich.console import Console
from rich.markup import escape

NAME_COLUMNS = 11


class Steps:
    """Shows what is being done, one line each, with the time it took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = monotonic()
        self._showing = False

    @property
    def seconds(self) -> float:
        return monotonic() - self._began

    @contextlib.contextmanager
    def step(self, doing: str) -> Iterator["Outcome"]:
        outcome = Outcome(doing)
        began = monotonic()
        with self._spinner(doing):
            try:
                yield outcome
            except BaseException:
                self._console.print(f"[red]✗[/] {escape(doing)}", highlight=False)
                raise
        seconds = f"[dim]{monotonic() - began:.2f} s[/]"
        self._console.print(f"[green]✓[/] {escape(outcome.text)}  {seconds}", highlight=False, soft_wrap=True)

    @contextlib.contextmanager
    def _spinner(self, doing: str) -> Iterator[None]:
        """A terminal shows one at a time; a second step that runs beside it shows only its end."""
        if self._showing:
            yield
            return
        self._showing = True
        try:
            with self._console.status(f"{doing} …"):
                yield
        finally:
            self._showing = False

    def note(self, text: str) -> None:
        self._console.print(f"[yellow]![/] {escape(text)}", highlight=False, soft_wrap=True)

    def line(self, name: str, text: str) -> None:
        """What a child wrote."""
        self._console.print(f"[dim]{name:>{NAME_COLUMNS}} │[/] {escape(text)}", highlight=False, soft_wrap=True)


class Outcome:
    """What a step says when it is done; what it was doing, unless it is told better."""

    def __init__(self, text: str) -> None:
        self.text = text
