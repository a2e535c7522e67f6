"""Who the servers run as. PostgreSQL refuses root, and refuses a user that the system has no name for."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from parvis.errors import CannotProceed
from parvis.supervisor.process import launch_command

NOBODY = 65534
TRAVERSABLE = 0o711
PROBE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Identity:
    """`wish` is what `supervisor.launch` understands; `owner` and `group` are the real owners of the servers' files."""

    wish: str
    owner: int
    group: int

    def take_over(self, folder: Path) -> None:
        """Make the folder and all in it belong to the servers; nothing to do unless it was made as somebody else."""
        if self.owner != os.geteuid():
            # The servers must reach their folder through ours. What stands beside it stays closed (0600).
            folder.parent.chmod(TRAVERSABLE)
        if os.geteuid() != 0 or folder.stat().st_uid == self.owner:
            return
        for path in (folder, *folder.rglob("*")):
            os.chown(path, self.owner, self.group, follow_symlinks=False)


def choose(program: Path) -> Identity:
    """The first identity with which `program` (a PostgreSQL server) agrees to run. Costs some 30 ms, for root only."""
    ourselves = Identity("same", os.geteuid(), os.getegid())
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return ourselves
    candidates = [Identity(f"namespace:{_named_user()}", os.geteuid(), os.getegid())]
    if os.geteuid() == 0:
        candidates.append(Identity(f"account:{NOBODY}:{NOBODY}", NOBODY, NOBODY))
    for candidate in candidates:
        if _agrees(program, candidate):
            return candidate
    raise CannotProceed(
        f"PostgreSQL refuses to run as user {os.geteuid()}, and neither a user namespace nor the account `nobody` can "
        f"be used here: run Parvis as an ordinary user, or set PARVIS_DATABASE_URL."
    )


def _agrees(program: Path, identity: Identity) -> bool:
    command = launch_command((str(program), "--version"), identity=identity.wish)
    done = subprocess.run(command, capture_output=True, check=False, timeout=PROBE_SECONDS)  # noqa: S603 - our own
    return done.returncode == 0


def _has_name(user_id: int) -> bool:
    try:
        pwd.getpwuid(user_id)
    except KeyError:
        return False
    return True


def _named_user() -> int:
    """Inside a user namespace we may be whom we like, as long as the system has a name for it."""
    if _has_name(NOBODY):
        return NOBODY
    return next((entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0), NOBODY)
