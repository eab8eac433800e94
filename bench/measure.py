"""Runs a command and writes what it took: measure.py RESULT COMMAND...

A process of its own, started with -I -S and without imports that weigh: a child's peak memory begins with that of the
process that it was started from. The command is bound to one core where the system can do that, and so are all that
it starts. RESULT gets `exit code, wall seconds, CPU seconds, peak resident kB` (bytes on macOS), in a line.
"""

import os
import sys
import time

if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
started = time.perf_counter()
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
wall = time.perf_counter() - started
with open(sys.argv[1], "w") as result:
    cpu = usage.ru_utime + usage.ru_stime
    result.write(f"{os.waitstatus_to_exitcode(status)} {wall:.6f} {cpu:.6f} {usage.ru_maxrss}\n")
