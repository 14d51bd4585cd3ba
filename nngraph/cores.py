"""How many cores this process may use: its affinity and the quota of its control group."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

CGROUP_ROOT = Path("/sys/fs/cgroup")
CGROUPS_OF_PROCESS = Path("/proc/self/cgroup")


def available_cores() -> int:
    """Return the number of cores that this process may keep busy, at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = min(_quotas(), default=math.inf)
    return cores if quota >= cores else max(1, math.ceil(quota))


def _quotas() -> Iterator[float]:
    """Yield the quotas, in cores, of the control groups around this process (versions 1 and 2)."""
    for directory in _groups():
        try:
            limits = [(directory / name).read_text() for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")]
        except OSError:
            try:
                limits = (directory / "cpu.max").read_text().split()
            except OSError:
                continue
        if len(limits) == 2 and limits[0].strip() not in ("max", "-1") and int(limits[1]) > 0:
            yield int(limits[0]) / int(limits[1])


def _groups() -> Iterator[Path]:
    """Yield the directories of the process's groups and of all groups around these."""
    try:
        lines = CGROUPS_OF_PROCESS.read_text().splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = CGROUP_ROOT / "cpu" if controllers else CGROUP_ROOT
        group = root / path.lstrip("/")
        yield group
        yield from (parent for parent in group.parents if parent.is_relative_to(root))
