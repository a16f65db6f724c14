# pyright rejects the last line: it takes `kwargs` for the whole of **kwargs.
from typing import Callable, ParamSpec

P = ParamSpec("P")
def call(func: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None: ...

def log_call(kwargs: str) -> None: ...

call(log_call, kwargs="{}")
