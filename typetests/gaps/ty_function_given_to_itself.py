# ty rejects the last line: it does not tell the P of the inner call from the outer one.
from typing import Callable, ParamSpec

P = ParamSpec("P")
def call(func: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None: ...

def resize(path: str, width: int) -> None: ...

call(call, resize, "portrait.png", 800)
