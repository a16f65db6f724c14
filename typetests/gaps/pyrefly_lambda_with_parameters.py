# pyrefly accepts the last line: a lambda without parameters is called with one.
from typing import Callable, ParamSpec

P = ParamSpec("P")
def call(func: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None: ...

call(lambda: print("sent"), 600)
