# pyright accepts the last line: a method may be assigned, which the others reject.
from typing import Callable

class Tasks:
    def add_task(self, name: str) -> None: ...

def replace(fake: Callable[..., None]) -> None:
    Tasks.add_task = fake
