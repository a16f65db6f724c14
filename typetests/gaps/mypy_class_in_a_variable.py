# mypy accepts the last line: it reads the parameters of a type[Mailer] as Never.
from typing import Callable, ParamSpec

P = ParamSpec("P")
def call(func: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None: ...

class Mailer:
    def __init__(self, port: int) -> None: ...
def send(mailer: type[Mailer]) -> None:
    call(mailer, port="587")
