"""Write the whole report on speed, RESULTS.md with its charts, one script after the other.

    python -m benchmarks.report [--texts FILE] [--n-texts 1000] [--rounds 5]

Run from the project's root, with the extra ``benchmark``, on a machine with nothing else to do:
it takes hours. Each script can be run by itself, too.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

SCRIPTS = (
    ("benchmarks.network_speed", "--threads", "2"),
    ("benchmarks.network_speed", "--threads", "1"),
    ("benchmarks.whole_process",),
    ("benchmarks.limits",),
    ("benchmarks.roads",),
)
ON_TEXTS = ("benchmarks.network_speed", "benchmarks.whole_process", "benchmarks.limits")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", help="a file with a text a line")
    parser.add_argument("--n-texts", default="1000")
    parser.add_argument("--rounds", default="5")
    options = parser.parse_args()
    texts = ["--n-texts", options.n_texts]
    texts += ["--texts", options.texts] if options.texts else []
    for script, *arguments in SCRIPTS:
        command = [sys.executable, "-m", script, *arguments, "--rounds", options.rounds]
        command += texts if script in ON_TEXTS else []
        print(*command[1:], flush=True)
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
