"""Become another program, tied to the life of the process that started this one.

Run by path with a bare interpreter (`python -I -S launch.py PARENT SIGNAL IDENTITY PROGRAM …`), in 20 ms. The same
could be done between fork and exec, but there a supervisor with threads may deadlock.

IDENTITY is `same`, `namespace:UID` (a user namespace where we are UID; PostgreSQL refuses to run as root) or
`account:UID:GID` (drop to that account; for root where user namespaces are forbidden).
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x1000_0000
EXIT_CANNOT_RUN = 126


def die_with_parent(signal_number: int) -> None:
    """Ask the kernel to send `signal_number` to this process when its parent dies (Linux; elsewhere it does nothing).

    The kernel watches the parent *thread*, so a supervisor starts its children from a thread that lives as long as it
    does. Changing the identity of the process clears the wish: do that first.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def enter_user_namespace(user_id: int) -> None:
    outer_user, outer_group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are not allowed here")
    # Without this the kernel lets only a privileged process map its group.
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{user_id} {outer_user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{user_id} {outer_group} 1", encoding="ascii")


def drop_to_account(user_id: int, group_id: int) -> None:
    os.setgroups([])
    os.setgid(group_id)
    os.setuid(user_id)


def take_identity(identity: str) -> None:
    kind, *numbers = identity.split(":")
    if kind == "namespace":
        enter_user_namespace(int(numbers[0]))
    elif kind == "account":
        drop_to_account(int(numbers[0]), int(numbers[1]))


def main() -> None:
    parent, signal_number, identity, *command = sys.argv[1:]
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        take_identity(identity)
        die_with_parent(int(signal_number))
        if os.getppid() != int(parent):
            return  # the parent died before the kernel knew of our wish
        os.execv(command[0], command)  # noqa: S606 - no shell is the point
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]}: {error.strerror}\n")
        sys.exit(EXIT_CANNOT_RUN)


if __name__ == "__main__":
    main()
