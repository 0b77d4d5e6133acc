"""The one Python API of lt: the command line, the terminal UI and notebooks use this and nothing below it.

from lt_controller.client import Client

with Client() as lt:
    job = lt.submit("a100", "sft-lora", ["train.learning_rate=1e-4"])
    for chunk in lt.follow_log(job.id):
        print(chunk.data.decode(errors="replace"), end="")
    print(lt.wait(job.id).state)
"""

from .client import Client
from .models import Change, Job, LogChunk, Reachability, as_dict

__all__ = ["Change", "Client", "Job", "LogChunk", "Reachability", "as_dict"]
