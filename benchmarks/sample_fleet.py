"""A fleet that does not exist, through the real schema: for pictures, for measures and for tests of the screens."""

from __future__ import annotations

import json
import math
import random
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from lt_agent.protocol.ulid import new_ulid
from lt_controller.client.holdings import Holding, Holdings, Process
from lt_controller.home import Home
from lt_controller.store.schema import open_writable
from lt_controller.store.times import iso

GIB = 1 << 30
KINDS = ("NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-80GB", "NVIDIA GeForce RTX 4090", "NVIDIA L40S")
NAMES = ("qwen-sft", "dpo-math", "tiny-sft", "reward-zh", "grpo-code", "llama-lora", "eval-mmlu", "kto-chat")
STATES = ("running", "running", "waiting", "staging", "succeeded", "succeeded", "failed", "paused", "cancelled", "lost")


class SampleFleet:
    """An LT_HOME with `hosts` hosts and `jobs` jobs; the first job has all that a screen can show."""

    def __init__(self, path: Path, hosts: int = 6, jobs: int = 14, seed: int = 7, now: datetime | None = None) -> None:
        self.home = Home(path).make()
        self.now = (now or datetime.now(timezone.utc)).timestamp()
        self.random = random.Random(seed)
        self.db: sqlite3.Connection = open_writable(self.home.database)
        self.hosts = [self._host_name(n) for n in range(hosts)]
        self.jobs: list[str] = []
        self.db.execute("BEGIN")
        self._write_hosts()
        for number in range(jobs):
            self.jobs.append(self._job(number))
        if jobs:
            self._details(self.jobs[0])
        if hosts:
            self._past(self.hosts[0])
        self.db.execute("COMMIT")

    def insert(self, table: str, **values: Any) -> None:
        """One row; dicts and lists as JSON."""
        plain = {k: json.dumps(v, ensure_ascii=False) if isinstance(v, (dict, list)) else v for k, v in values.items()}
        marks = ", ".join("?" * len(plain))
        self.db.execute(f"INSERT OR REPLACE INTO {table} ({', '.join(plain)}) VALUES ({marks})", tuple(plain.values()))

    def change_everything(self, beat: int) -> None:
        """What a busy second brings: every host, every running job's step, loss and samples."""
        self.db.execute("BEGIN")
        now = iso(datetime.now(timezone.utc).timestamp())
        self.db.execute("UPDATE hosts SET last_seen=?", (now,))
        live = self.db.execute("SELECT id, attempt FROM jobs WHERE state='running'").fetchall()
        self.db.execute("UPDATE jobs SET step=step+1 WHERE state='running'")
        rows = []
        for job, attempt in live:
            rows.append((job, attempt, "loss", 1000 + beat, self.random.random(), now))
            for name, high in (("gpu0/util", 100.0), ("gpu1/util", 100.0), ("gpu0/mem", 8e10), ("sys/cpu", 400.0)):
                rows.append((job, attempt, name, 100_000 + beat, self.random.random() * high, now))
        self.db.executemany("INSERT OR REPLACE INTO metrics VALUES (?,?,?,?,?,?)", rows)
        moved = "UPDATE attempts SET metrics_cursor=metrics_cursor+60, samples_cursor=samples_cursor+200"
        self.db.execute(f"{moved} WHERE state='running'")
        self.db.execute("COMMIT")

    def holdings(self) -> Holdings:
        """What such a host tells of its processes and its disk."""
        now = datetime.fromtimestamp(self.now, timezone.utc)
        worker = Process(4711, "root", "python -m lt_agent.trainers", 31 * GIB, 61 * GIB, 212.0, 860.0, "", True)
        return Holdings(
            time=now - timedelta(seconds=20),
            processes=(
                replace(worker, job="qwen-sft-00"),
                replace(worker, pid=4690, name="python3 agents", memory=41 << 20, gpu_memory=0, cpu=0.3),
                Process(2210, "wang", "python eval.py", 9 * GIB, 22 * GIB, 98.0, 90_000.0, "", False),
                Process(311, "root", "dockerd", 180 << 20, 0, 0.4, 4_000_000.0, "", False),
            ),
            items=(
                Holding("agent", "ef8b835d87c1510c42824a84e41630d759b82594", "", 2 << 20, now - timedelta(days=2)),
                Holding("data", "train-0.jsonl", "0f3ab91c", 48 << 20, now - timedelta(hours=1)),
                Holding("env", "3f00c1d2", "", 7 * GIB, now - timedelta(days=9)),
                Holding("job", "qwen-sft-00", "", 1240 << 20, now - timedelta(minutes=1)),
            ),
        )

    def add_log(self, job: str, data: bytes) -> None:
        """More of a job's log."""
        from lt_controller.store.streams import add_log, cursors

        self.db.execute("BEGIN IMMEDIATE")
        add_log(self.db, job, 1, cursors(self.db, job, 1)["log"], data)
        self.db.execute("COMMIT")

    def close(self) -> None:
        """Closes the writer's connection."""
        self.db.close()

    @staticmethod
    def _host_name(number: int) -> str:
        known = ("a100", "h100-lab", "rtx-box", "vast-7731", "autodl-3", "old-server")
        return known[number] if number < len(known) else f"gpu-{number:03d}"

    def _write_hosts(self) -> None:
        lines = []
        for number, name in enumerate(self.hosts):
            until = datetime.fromtimestamp(self.now, timezone.utc) + timedelta(hours=3 + 20 * number)
            lines.append(f'[hosts.{name}]\naddress = "192.0.2.{number % 250 + 1}"\nuser = "root"\n')
            if number % 3 != 2:
                price = f"{1 + number % 4 * 0.45:.2f}/h"
                lines.append(f'price = "{price}"\nuntil = {until.replace(microsecond=0).isoformat()}\n')
            state = "unreachable" if number % 6 == 3 else "reachable"
            seen = iso(self.now - (8100 if state == "unreachable" else number * 0.4))
            error = {"code": "host_unreachable", "params": {"host": name, "address": "192.0.2.4", "why": "timeout"}}
            self.insert("hosts", name=name, state=state, last_seen=seen, error=error if number % 6 == 3 else None)
            self.insert("facts", host=name, time=iso(self.now - 240 * (number + 1)), data=self._facts(number))
        self.home.hosts_file.write_text("\n".join(lines))

    def _facts(self, number: int) -> dict[str, Any]:
        count = (8, 4, 2, 1, 1, 0)[number % 6]
        kind = KINDS[number % len(KINDS)]
        return {
            "hostname": f"node{number}",
            "system": "Linux",
            "kernel": "5.15",
            "driver": "550.54",
            "cuda": "12.4",
            "root": "/data/lt",
            "machine": "x86_64",
            "python": {"path": "/usr/bin/python3", "version": "3.11.9"},
            "cpu": {"model": "AMD EPYC 7763", "count": 64, "load1": 3.2},
            "memory": {"total": 512 * GIB, "available": 300 * GIB},
            "disks": {
                "root": {
                    "path": "/data",
                    "filesystem": "ext4",
                    "total": 2000 * GIB,
                    "free": (3 + number * 210) * GIB,
                }
            },
            "gpus": [
                {
                    "index": n,
                    "uuid": f"GPU-{number}-{n}",
                    "name": kind,
                    "driver": "550.54",
                    "memory_total": 80 * GIB,
                    "memory_free": (80 - 9 * n) * GIB,
                    "util": 0,
                }
                for n in range(count)
            ],
            "rsync": "3.2.7",
            "uv": "0.8.1",
            "tar": True,
        }

    def _job(self, number: int) -> str:
        began = self.now - 900 - 1800 * number
        job = new_ulid(began)
        state = "running" if number == 0 else STATES[number % len(STATES)]
        total = 3000 if number % 3 else 1200
        step = {"running": total * (30 + number % 50) // 100, "succeeded": total}.get(state, 0)
        name = f"{NAMES[number % len(NAMES)]}-{number:02d}"
        recipe = {"method": "sft", "model": {"name_or_path": "Qwen/Qwen2.5-7B-Instruct"}, "train": {"seed": number}}
        host = self.hosts[number % len(self.hosts)] if self.hosts else "local"
        reason = {"failed": "oom", "succeeded": "done", "lost": "host_rebooted", "cancelled": "stopped"}.get(state)
        ended = state in ("succeeded", "failed", "cancelled", "lost")
        self.insert(
            "jobs",
            id=job,
            name=name,
            host=host,
            recipe="sft-lora",
            method="sft",
            kind="recipe",
            owner="me",
            state=state,
            reason=reason,
            pull_state={"succeeded": "pulled", "running": "pulled" if number % 2 else "pulling"}.get(state, "none"),
            attempt=1,
            priority=5 if state == "waiting" and number > 9 else 0,
            place=1 if state == "waiting" else None,
            waits={"code": "gpus", "params": {"wanted": 2, "free": 0, "there": 8}} if state == "waiting" else None,
            step=step or None,
            total_steps=total,
            created_at=iso(began),
            started_at=iso(began + 40) if state not in ("waiting", "staging") else None,
            finished_at=iso(began + 1500) if ended else None,
            spec={"job": job, "name": name, "attempt": 1, "kind": "recipe", "recipe": recipe, "argv": []},
            pull={"which": "best"},
        )
        self.insert(
            "attempts",
            job_id=job,
            attempt=1,
            host=host,
            state=state,
            started_at=iso(began + 40) if state not in ("waiting", "staging") else None,
            finished_at=iso(began + 1500) if ended else None,
            exit={"state": state, "reason": reason, "finished_at": began + 1500} if ended else None,
        )
        if state == "running":
            self._curve(job, step, 40)
            self._samples(job, 12 if number else 60)
        return job

    def _curve(self, job: str, upto: int, points: int) -> None:
        rows = []
        for n in range(points):
            step = max(1, upto * n // points)
            loss = 2.4 * math.exp(-3 * n / points) + 0.35 + self.random.gauss(0, 0.04)
            rows.append((job, 1, "loss", step, loss, iso(self.now - (points - n) * 4)))
        self.db.executemany("INSERT OR REPLACE INTO metrics VALUES (?,?,?,?,?,?)", rows)

    def _samples(self, job: str, count: int) -> None:
        rows = []
        for n in range(count):
            when = iso(self.now - (count - 1 - n) * 10)
            wave = 70 + 22 * math.sin(n / 5) + self.random.gauss(0, 4)
            values = {"gpu0/util": wave, "gpu1/util": wave - 9, "gpu0/mem": 61.0 * GIB, "gpu1/mem": 58.0 * GIB}
            values |= {"gpu0/temp": 66.0, "gpu1/temp": 63.0, "gpu0/power": 402.0, "gpu1/power": 388.0}
            values |= {
                "sys/cpu": 210.0,
                "sys/rss": 31.0 * GIB,
                "sys/mem_free": 300.0 * GIB,
                "sys/disk_free": 900.0 * GIB,
                "sys/log": 16_000.0 * (n + 1) / count,
            }
            rows += [(job, 1, name, n * 10, min(100.0, v) if "util" in name else v, when) for name, v in values.items()]
        self.db.executemany("INSERT OR REPLACE INTO metrics VALUES (?,?,?,?,?,?)", rows)

    def _past(self, host: str) -> None:
        """Two days of a host: how busy it was, and what it cost before."""
        begin = int(self.now) // 3600 * 3600 - 48 * 3600
        rows = []
        for hour in range(48):
            busy = max(0.0, 60 + 45 * math.sin(hour / 4)) if hour % 24 > 6 else 0.0
            values = {"gpu": min(97.0, busy), "gpu_memory": busy * 0.8, "cpu": 8 + busy / 5, "disk": 62 + hour / 4}
            if 20 <= hour < 24:
                continue  # the laptop was closed and nothing ran
            rows += [(host, name, 3600, begin + hour * 3600, value) for name, value in values.items()]
        self.db.executemany("INSERT INTO usage VALUES (?,?,?,?,?,360)", rows)
        gpus = [{"name": KINDS[0], "memory": 80 * GIB, "count": 8}]
        first = {"target": "root@192.0.2.1", "price": 1.4, "gpus": gpus, "cpus": 64, "memory": 512 * GIB}
        first |= {"driver": "535.104", "provider": "lambda"}
        second = {**first, "driver": "550.54", "price": 1.0}
        times = [iso(self.now - 5 * 86400), iso(self.now - 30 * 3600)]
        self.insert("host_history", host=host, since=times[0], till=times[1], data=first)
        self.insert("host_history", host=host, since=times[1], till=None, data=second)

    def _details(self, job: str) -> None:
        self.db.execute("DELETE FROM metrics WHERE job_id=? AND name='loss'", (job,))
        self._curve(job, 360, 360)
        rows = []
        for n in range(1, 13):
            loss = 1.9 * math.exp(-0.22 * n) + 0.48
            rows.append((job, 1, "eval_loss", n * 30, loss, iso(self.now - (13 - n) * 120)))
        for n in range(360):
            rate = 2e-4 * min(1.0, n / 40) * (0.5 + 0.5 * math.cos(n / 360 * 1.2))
            rows.append((job, 1, "learning_rate", n, rate, iso(self.now - 360 + n)))
            rows.append((job, 1, "grad_norm", n, 1.2 + self.random.random(), iso(self.now - 360 + n)))
        self.db.executemany("INSERT OR REPLACE INTO metrics VALUES (?,?,?,?,?,?)", rows)
        for n, state in ((100, "pulled"), (200, "pulled"), (300, "pulling")):
            self.insert(
                "checkpoints",
                job_id=job,
                attempt=1,
                name=f"checkpoint-{n}",
                kind="checkpoint",
                step=n,
                metric=1.9 - n / 300,
                best=int(n == 200),
                resumable=1,
                size=412 << 20,
                manifest={},
                created_at=iso(self.now - 900 + n * 2),
                pull_state=state,
                host_state="present",
                path=str(self.home.runs / "x" / f"checkpoint-{n}") if state == "pulled" else None,
            )
        self.insert(
            "transfers",
            id=new_ulid(),
            job_id=job,
            host=self.hosts[0] if self.hosts else "local",
            direction="pull",
            what="checkpoint-300",
            done=190 << 20,
            total=412 << 20,
            files=9,
            state="running",
            started_at=iso(self.now - 20),
            updated_at=iso(self.now),
        )
        events: list[tuple[str, dict[str, Any]]] = [
            ("state", {"state": "waiting"}),
            ("state", {"state": "preparing"}),
            ("env_cached", {"python": "/data/lt/envs/3f/bin/python"}),
            ("state", {"state": "running", "pid": 4711}),
            ("plan", {"total_steps": 1200, "num_epochs": 3}),
            ("checkpoint", {"name": "checkpoint-100", "step": 100, "size": 412 << 20}),
            ("checkpoint", {"name": "checkpoint-200", "step": 200, "size": 412 << 20}),
            ("pulled", {"name": "checkpoint-200"}),
        ]
        for n, (code, params) in enumerate(events):
            when = iso(self.now - 860 + n * 90)
            self.insert("events", job_id=job, attempt=1, seq=n * 60, code=code, params=params, time=when, host="a100")
        log = ["loading Qwen/Qwen2.5-7B-Instruct", "LoRA: 20.2 M of 7.6 B parameters are trained", ""]
        log += [
            f"step {n:4d}  loss {2.4 * math.exp(-n / 120) + 0.35:.4f}  lr {2e-4:.2e}  12.4 s" for n in range(1, 361)
        ]
        log.insert(200, "WARNING: gradient norm 11.2 was clipped to 1.0")
        for index in range(2):
            self.insert(
                "datasets",
                name=f"train-{index}.jsonl",
                digest=f"{index}f3ab91c",
                size=48 << 20,
                files=1,
                source=f"/home/me/data/train-{index}.jsonl",
                created_at=iso(self.now - 4000),
            )
            self.insert("data_on_hosts", host="a100", name=f"train-{index}.jsonl", digest=f"{index}f3ab91c", time="x")
        data = ("\n".join(log) + "\n").encode()
        self.insert("logs", job_id=job, attempt=1, offset=0, data=data)
        self.db.execute("UPDATE attempts SET log_cursor=? WHERE job_id=?", (len(data), job))


def main() -> None:
    """`python -m benchmarks.sample_fleet FOLDER`: such a home, to look at: `LT_HOME=FOLDER lt`."""
    import sys

    SampleFleet(Path(sys.argv[1])).close()


if __name__ == "__main__":
    main()
