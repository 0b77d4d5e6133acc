"""The job that runs while things break: numbered lines, a metric for each, files that are saved as checkpoints are.

`python3 work.py KEY=VALUE …`: `lines` at least so many, `pause` seconds between them, `parts` files of `size` bytes,
`gate` a file in the home folder that it waits for while it goes on counting, `ends` its exit code. Each start is put
down in `$HOME/starts`: a job that ran twice shows there.
"""

import os
import sys
import time

WORDS = dict(word.split("=", 1) for word in sys.argv[1:])
LINES, PAUSE = int(WORDS.get("lines", 100)), float(WORDS.get("pause", 0.01))
PARTS, SIZE = int(WORDS.get("parts", 0)), int(WORDS.get("size", 100_000))
HOME = os.path.expanduser("~")


def main() -> int:
    """Counts until there are enough lines and the gate is open."""
    word = f"{os.environ['LT_JOB']} {os.environ['LT_ATTEMPT']}\n"
    with open(os.path.join(HOME, "starts"), "a") as starts:
        starts.write(word)
    gate = os.path.join(HOME, WORDS["gate"]) if "gate" in WORDS else ""
    number = 0
    metrics = os.open(os.environ["LT_METRICS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    while number < LINES or (gate and not os.path.exists(gate)):
        number += 1
        print(f"{number:08d} " + "x" * (number % 90), flush=True)
        os.write(metrics, b'{"step": %d, "value": %d.5, "third": %r}\n' % (number, number, number / 3))
        if PARTS and number % max(1, LINES // PARTS) == 0 and number // max(1, LINES // PARTS) <= PARTS:
            save(number // max(1, LINES // PARTS))
        time.sleep(PAUSE)
    return int(WORDS.get("ends", 0))


def save(part: int) -> None:
    """Writes one file as a careful program does: aside, then renamed."""
    os.makedirs("out", exist_ok=True)
    with open(f"out/.part-{part}", "wb") as file:
        file.write(os.urandom(SIZE))
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"out/.part-{part}", f"out/part-{part}")


if __name__ == "__main__":
    sys.exit(main())
