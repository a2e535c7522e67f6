import json

from rich.console import Console
from rich.panel import Panel

from parvis import environment
from parvis.composition import Instance, Programs, UpOptions
from parvis.goodbye import done_before, goodbye
from parvis.steps import Steps
from parvis.supervisor.supervisor import Supervisor


async def up(options: UpOptions, console: Console, programs: Programs) -> None:
    """Run everything until somebody says goodbye. CannotProceed, with all stopped again, if a part does not start."""
    steps = Steps(console)
    instance = Instance(options, steps, programs)
    with goodbye() as asked, instance.folder.locked():
        async with Supervisor(steps.note) as supervisor:
            if await done_before(asked, instance.start(supervisor)):
                console.print(_panel(instance, options, steps.seconds))
                await asked.wait()
            console.print("Stopping …")
    console.print("Stopped. The data stays; `parvis up` goes on with it.")


def _panel(instance: Instance, options: UpOptions, seconds: float) -> Panel:
    lines = [f"Open       [bold]{instance.public_url}[/]", f"API        {instance.public_url}/docs"]
    if options.demo:
        lines.append(f"Demo keys  {instance.folder.demo}")
        if "PARVIS_SMTP_URL" not in environment.given():
            lines.append(f"Mailbox    {instance.public_url}/demo/mailbox")
        scanner = json.loads(instance.folder.demo.read_text()).get("scanner")
        if scanner:
            lines.append(f"Scanner    {scanner}  (for ten minutes; a new one: parvis pair SLUG)")
    lines += [f"Data       {instance.folder.path}", "Stop       Ctrl-C"]
    return Panel("\n".join(lines), title=f"Parvis is ready ({seconds:.1f} s)", title_align="left", expand=False)
