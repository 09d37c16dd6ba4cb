"""Bring faults about on purpose, then count.

    python -m bench.faults [--only killed,disk] [--tries 2] [--list]

Every webhook is sent until it has its 2xx, as a careful sender would. Required of every fault: no receipt lost (each
2xx names a run that ended well with its text at the gateway, or is shown as uncertain), no finished run changed
afterwards, no text twice. Uncertain runs are counted: a person says of each what became of it. Recovery is the
time from the end of the fault until a new webhook has been texted.
Exit 0 when all of it holds, 1 when not. A fault that cannot be brought about here is named and left out; with
RINGBACK_RINGS=required that is a failure. The faults of one process need root (small disks are mounted) and libfaketime;
those of many need the programs of PostgreSQL, Redis and RabbitMQ, and start their own.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from bench.faults import cluster, one
from bench.faults.stage import Row

FAULTS = {**one.FAULTS, **cluster.FAULTS}


def missing(name: str) -> str:
    """Why a fault cannot be brought about here, or nothing."""
    return cluster.missing(name) if name in cluster.FAULTS else one.missing(name)


def show(rows: list[Row]) -> None:
    print(f"\n{'fault':52}{'tries':>6}{'receipts':>9}{'lost':>5}{'changed':>8}{'doubled':>8}{'uncertain':>10}{'recovery s':>16}")  # fmt: skip
    for row in rows:
        took = f"{min(row.recovery):.2f} to {max(row.recovery):.2f}" if row.recovery else ""
        print(f"{row.fault:52}{row.tries:6}{row.receipts:9}{row.lost:5}{row.changed:8}{row.doubled:8}{row.uncertain:10}{took:>16}")  # fmt: skip
        if row.said:
            print(f"    {row.said}")


def main() -> None:
    said = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    said.add_argument("--only", help="names, with commas between them", default=",".join(FAULTS))
    said.add_argument("--tries", type=int, default=2)
    said.add_argument("--list", action="store_true", help="only name the faults")
    options = said.parse_args()
    if options.list:
        for name, fault in FAULTS.items():
            why = missing(name)
            print(f"{name:15} {(fault.__doc__ or '').strip()}{f' Not here: {why}.' if why else ''}")
        return
    all_began, rows, broken = time.monotonic(), list[Row](), list[str]()
    names = options.only.split(",")
    if unknown := [name for name in names if name not in FAULTS]:
        raise SystemExit(f"No such fault: {', '.join(unknown)}. See them with --list.")
    absent = {name: why for name in names if (why := missing(name))}
    for name, why in absent.items():
        print(f"{name}: left out: {why}", flush=True)
    if absent and os.environ.get("RINGBACK_RINGS") == "required":
        raise SystemExit("A fault that is required cannot be brought about here.")
    for name in names:
        if name in absent:
            continue
        with tempfile.TemporaryDirectory() as made:
            began = time.monotonic()
            try:
                rows.append(FAULTS[name](Path(made), options.tries))
                show(rows[-1:])
            except (Exception, SystemExit) as error:  # noqa: BLE001  the other faults go on; told at the end
                broken.append(f"{name}: {type(error).__name__}: {error}")
            print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    show(rows)
    print(f"\n{time.monotonic() - all_began:.0f} s in all")
    broken += [row.fault for row in rows if not row.held]
    if broken:
        raise SystemExit("NOT HELD: " + "; ".join(broken))
    print("held: nothing lost, nothing changed, nothing twice")


if __name__ == "__main__":
    main()
