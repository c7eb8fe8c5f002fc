"""``python leash.py PARENT_PID COMMAND…``: become COMMAND, and die with the parent.

Asks the kernel (Linux: ``prctl(PR_SET_PDEATHSIG)``) for SIGKILL when the parent ends, however it
ends, kill -9 included; the wish survives the exec. Done in a program of its own, because code between
fork and exec of a process with threads may deadlock. To the kernel the parent is the *thread* that
started the child: start children from one that stays. Elsewhere than on Linux this only execs, and
children end when the supervisor stops them.

Imports next to nothing: it costs 10 ms per child.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the parent ended before its child began")
    os.execvp(command[0], command)  # noqa: S606  # to become another program is what it is for


if __name__ == "__main__":
    main()
