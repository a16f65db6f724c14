"""The arguments of a task are checked against the signature of its function."""

import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache, partial
from pathlib import Path
from typing import (
    Annotated,
    Concatenate,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    ParamSpec,
    Protocol,
    TypedDict,
    TypeVar,
    Unpack,
    assert_type,
    overload,
)

from bgtasks import BackgroundTask, BackgroundTasks

DOCUMENTS = "bgtasks.BackgroundTasks.add_task"

P = ParamSpec("P")
Item = TypeVar("Item")
Number = TypeVar("Number", bound=float)


async def send_email(to: str, *, subject: str, retries: int = 3) -> None: ...


def resize(path: str, width: int, height: int = 600) -> None: ...


def asynchronous(tasks: BackgroundTasks) -> None:
    """Pass the function, then its arguments. Nothing is called or awaited yet."""
    tasks.add_task(send_email, "ada@example.org", subject="Welcome")
    tasks.add_task(send_email, to="ada@example.org", subject="Welcome", retries=5)


def plain(tasks: BackgroundTasks) -> None:
    """A plain function is added in the same way. It will run in a worker thread."""
    tasks.add_task(resize, "portrait.png", 800)
    tasks.add_task(resize, "portrait.png", height=400, width=800)


async def returns_nothing(tasks: BackgroundTasks) -> None:
    """`add_task` returns None at once, so it is not awaited."""
    assert_type(tasks.add_task(resize, "portrait.png", 800), None)
    await tasks.add_task(resize, "portrait.png", 800)  # E: None cannot be awaited


def wrong_type(tasks: BackgroundTasks) -> None:
    """An argument must have the type of its parameter, by position or by name."""
    tasks.add_task(resize, "portrait.png", 800)
    tasks.add_task(resize, "portrait.png", "800")  # E: `width` is an int
    tasks.add_task(resize, "portrait.png", width="800")  # E: `width` is an int
    tasks.add_task(send_email, 42, subject="Hi")  # E: `to` is a str


def wrong_default(tasks: BackgroundTasks) -> None:
    """A parameter with a default is optional, but an argument for it is checked."""
    tasks.add_task(resize, "portrait.png", 800)
    tasks.add_task(resize, "portrait.png", 800, None)  # E: `height` is an int


def missing(tasks: BackgroundTasks) -> None:
    """A parameter without a default needs an argument."""
    tasks.add_task(resize, "portrait.png", 800)
    tasks.add_task(resize)  # E: `path` and `width` are missing
    tasks.add_task(resize, "portrait.png")  # E: `width` is missing
    tasks.add_task(send_email, "ada@example.org")  # E: `subject` is missing


def too_many(tasks: BackgroundTasks) -> None:
    """There must not be more arguments than parameters."""
    tasks.add_task(resize, "portrait.png", 800, 600)
    tasks.add_task(resize, "portrait.png", 800, 600, 3)  # E: it has three parameters


def unknown(tasks: BackgroundTasks) -> None:
    """A keyword must be the name of a parameter."""
    tasks.add_task(resize, "portrait.png", 800, height=600)
    tasks.add_task(resize, "portrait.png", 800, hieght=600)  # E: no such parameter


def duplicate(tasks: BackgroundTasks) -> None:
    """The same parameter must not get two arguments."""
    tasks.add_task(resize, path="portrait.png", width=800)
    tasks.add_task(resize, "portrait.png", 800, path="a.png")  # E: `path` is given


def positional_only_parameter(tasks: BackgroundTasks) -> None:
    """A parameter before the `/` takes its argument by position only."""

    def write_audit(event: str, /, *, user: int = 0) -> None: ...

    tasks.add_task(write_audit, "login", user=7)
    tasks.add_task(write_audit, event="login")  # E: `event` is positional-only


def keyword_only_parameter(tasks: BackgroundTasks) -> None:
    """A parameter after the `*` takes its argument by name only."""
    tasks.add_task(send_email, "ada@example.org", subject="Hi")
    tasks.add_task(send_email, "ada@example.org", "Hi")  # E: `subject` needs its name


def any_number_of_arguments(tasks: BackgroundTasks) -> None:
    """Each argument for `*addresses` is checked."""

    def notify_all(*addresses: str) -> None: ...

    tasks.add_task(notify_all)
    tasks.add_task(notify_all, "ada@example.org", "alan@example.org")
    tasks.add_task(notify_all, "ada@example.org", 42)  # E: each argument is a str


def any_number_of_keywords(tasks: BackgroundTasks) -> None:
    """Each keyword for `**tags` is checked."""

    def count(metric: str, **tags: str) -> None: ...

    tasks.add_task(count, "signups", plan="free", country="UK")
    tasks.add_task(count, "signups", plan=1)  # E: each argument is a str


class Invoice(TypedDict):
    number: int
    customer: str


def typed_dict_argument(tasks: BackgroundTasks) -> None:
    """A dictionary for a `TypedDict` is checked key by key."""

    def send_invoice(invoice: Invoice) -> None: ...

    tasks.add_task(send_invoice, {"number": 7, "customer": "Ada"})
    tasks.add_task(send_invoice, {"number": "7", "customer": "Ada"})  # E: an int
    tasks.add_task(send_invoice, {"number": 7})  # E: `customer` is missing


def typed_dict_keywords(tasks: BackgroundTasks) -> None:
    """Keywords that a `TypedDict` describes are checked one by one."""

    def send_invoice(**invoice: Unpack[Invoice]) -> None: ...

    tasks.add_task(send_invoice, number=7, customer="Ada")
    tasks.add_task(send_invoice, number="7", customer="Ada")  # E: `number` is an int
    tasks.add_task(send_invoice, number=7)  # E: `customer` is missing
    # E(optional ty, https://github.com/astral-sh/ty/issues/4212): `vat` is not a key
    tasks.add_task(send_invoice, number=7, customer="Ada", vat=20)


def unpacked_arguments(tasks: BackgroundTasks) -> None:
    """Unpacked arguments are checked too."""
    size = (800, 600)
    tasks.add_task(resize, "portrait.png", *size)
    names = ("portrait.png", "landscape.png")
    tasks.add_task(resize, *names)  # E: `width` is an int


Plan = Literal["free", "pro"]
UserId = NewType("UserId", int)


class Channel(Enum):
    EMAIL = 1
    SMS = 2


def narrow_types(tasks: BackgroundTasks) -> None:
    """Literals, enumerations and new types are checked as such."""

    def enrol(user: UserId, plan: Plan, channel: Channel) -> None: ...

    tasks.add_task(enrol, UserId(7), "pro", Channel.SMS)
    tasks.add_task(enrol, 7, "pro", Channel.SMS)  # E: an int is not a UserId
    tasks.add_task(enrol, UserId(7), "gold", Channel.SMS)  # E: no such plan
    tasks.add_task(enrol, UserId(7), "pro", "SMS")  # E: a str is not a Channel


def optional_argument(tasks: BackgroundTasks, address: str | None) -> None:
    """Check an argument that may be None first, as for a direct call."""
    tasks.add_task(send_email, address, subject="Hi")  # E: it may be None
    if address is not None:
        tasks.add_task(send_email, address, subject="Hi")


class Mailer:
    def __init__(self, host: str, port: int = 25) -> None: ...

    async def send(self, to: str) -> None: ...

    @classmethod
    def flush(cls, limit: int) -> None: ...

    @staticmethod
    def validate(address: str) -> None: ...

    async def __call__(self, to: str, *, urgent: bool = False) -> None: ...


def methods(tasks: BackgroundTasks, mailer: Mailer) -> None:
    """Bound methods, class methods and static methods are checked."""
    tasks.add_task(mailer.send, "ada@example.org")
    tasks.add_task(Mailer.flush, 100)
    tasks.add_task(Mailer.validate, "ada@example.org")
    tasks.add_task(mailer.send, 42)  # E: `to` is a str
    tasks.add_task(Mailer.flush, "100")  # E: `limit` is an int
    tasks.add_task(Mailer.validate, 42)  # E: `address` is a str


def unbound_method(tasks: BackgroundTasks, mailer: Mailer) -> None:
    """A method that you get from the class needs the object as its first argument."""
    tasks.add_task(Mailer.send, mailer, "ada@example.org")
    tasks.add_task(Mailer.send, mailer)  # E: `to` is missing


def callable_object(tasks: BackgroundTasks, mailer: Mailer) -> None:
    """The arguments for an object are checked against its `__call__`."""
    tasks.add_task(mailer, "ada@example.org", urgent=True)
    tasks.add_task(mailer, "ada@example.org", urgent="yes")  # E: `urgent` is a bool


def class_as_function(tasks: BackgroundTasks) -> None:
    """The arguments for a class are checked against its constructor."""
    tasks.add_task(Mailer, "mail.example.org", port=587)
    tasks.add_task(Mailer, "mail.example.org", port="587")  # E: `port` is an int


@dataclass
class Thumbnail:
    path: str
    width: int = 80


class Size(NamedTuple):
    width: int
    height: int


def generated_constructor(tasks: BackgroundTasks) -> None:
    """Constructors of dataclasses and named tuples are checked too."""
    tasks.add_task(Thumbnail, "portrait.png", width=120)
    tasks.add_task(Size, 800, 600)
    tasks.add_task(Thumbnail, width=120)  # E: `path` is missing
    tasks.add_task(Size, 800, "600")  # E: `height` is an int


def class_in_a_variable(tasks: BackgroundTasks, mailer: type[Mailer]) -> None:
    """The class may be in a variable."""
    tasks.add_task(mailer, "mail.example.org", port=587)
    # E(not mypy, gaps/mypy_class_in_a_variable.py): `port` is an int
    tasks.add_task(mailer, "mail.example.org", port="587")


def as_lambda(tasks: BackgroundTasks) -> None:
    """A lambda contains a direct call, which is checked in full.

    The function may be async: a coroutine that the lambda returns is awaited.
    """
    tasks.add_task(lambda: send_email("ada@example.org", subject="Hi"))
    tasks.add_task(lambda: resize("portrait.png", 800))
    tasks.add_task(lambda: send_email("ada@example.org"))  # E: `subject` is missing
    tasks.add_task(lambda: resize("portrait.png", "800"))  # E: `width` is an int
    tasks.add_task(lambda: print("done", sep=0))  # E: `sep` is a str
    tasks.add_task(lambda: partial(resize, "portrait.png")("800"))  # E: an int


def lambda_with_parameters(tasks: BackgroundTasks) -> None:
    """A lambda must not get more arguments than it has parameters."""
    # E(not pyrefly, gaps/pyrefly_lambda_with_parameters.py): no parameters
    tasks.add_task(lambda: resize("portrait.png", 800), 600)


def with_partial(tasks: BackgroundTasks) -> None:
    """A `functools.partial` object needs the arguments that it does not have yet."""
    tasks.add_task(partial(resize, "portrait.png"), 800)
    tasks.add_task(partial(send_email, subject="Hi"), "ada@example.org")
    tasks.add_task(partial(resize, width="800"), "portrait.png")  # E: `width` is an int
    # E(not mypy, https://github.com/python/mypy/issues/18589): `width` is an int
    tasks.add_task(partial(resize, "portrait.png"), "800")
    # E(not mypy, https://github.com/python/mypy/issues/18589): `width` is missing
    tasks.add_task(partial(resize, "portrait.png"))
    # E(not mypy, https://github.com/python/mypy/issues/18589): there is no such name
    tasks.add_task(partial(resize, "portrait.png"), 800, hieght=600)


@overload
def publish(message: str) -> None: ...
@overload
def publish(message: bytes, encoding: str) -> None: ...
def publish(message: str | bytes, encoding: str = "utf-8") -> None: ...


def overloads(tasks: BackgroundTasks) -> None:
    """The arguments must match one of the overloads."""
    tasks.add_task(publish, "hello")
    tasks.add_task(publish, b"hello", "utf-8")
    # E(not pyrefly, https://github.com/facebook/pyrefly/issues/2355): needs an encoding
    tasks.add_task(publish, b"hello")
    # E(not pyrefly, https://github.com/facebook/pyrefly/issues/2355): an int is neither
    tasks.add_task(publish, 42)


def built_ins(tasks: BackgroundTasks, log: list[str]) -> None:
    """Built-in functions are checked too."""
    tasks.add_task(print, "sent", sep="")
    tasks.add_task(log.append, "sent")
    tasks.add_task(setattr, log, "name", 1)
    # E(not pyrefly, https://github.com/facebook/pyrefly/issues/2355): `sep` is a str
    tasks.add_task(print, "sent", sep=0)
    tasks.add_task(log.append, 42)  # E: the list holds str
    tasks.add_task(len, 42)  # E: an int has no length


def generic_function(tasks: BackgroundTasks) -> None:
    """The types of arguments for a generic function must match each other."""

    def store(item: Item, others: list[Item]) -> Item:
        others.append(item)
        return item

    names = ["Ada"]
    tasks.add_task(store, "Alan", names)
    tasks.add_task(store, 42, names)  # E: the list holds str


def standard_library(tasks: BackgroundTasks) -> None:
    """`shutil.copy` is generic, and its arguments are checked too.

    If `func` returned `Any` and not `object`, mypy would accept the last call.
    """
    tasks.add_task(shutil.copy, "report.pdf", "archive")
    tasks.add_task(shutil.copy, "report.pdf", Path("archive"))
    # E(not pyrefly, https://github.com/facebook/pyrefly/issues/2355): a path is no int
    tasks.add_task(shutil.copy, "report.pdf", 1)


def bounded_generic(tasks: BackgroundTasks) -> None:
    """The bound of a type variable is checked."""

    def record(values: Sequence[Number]) -> Number:
        return values[0]

    tasks.add_task(record, [1.5, 2.5])
    # E(not pyrefly, https://github.com/facebook/pyrefly/issues/43): a str is no number
    tasks.add_task(record, ["1.5"])


class Queue(Generic[Item]):
    def put(self, item: Item) -> None: ...


def generic_class(tasks: BackgroundTasks, queue: Queue[int]) -> None:
    """A method of a generic class takes the type of this object's items."""
    tasks.add_task(queue.put, 7)
    tasks.add_task(queue.put, "7")  # E: the queue holds int


class Handler(Protocol):
    def __call__(self, event: str, *, user: int) -> object: ...


def protocol(tasks: BackgroundTasks, handler: Handler) -> None:
    """Arguments are checked against a callable protocol, by name too."""
    tasks.add_task(handler, "login", user=7)
    tasks.add_task(handler, "login", user="7")  # E: `user` is an int


def callable_type(
    tasks: BackgroundTasks, handler: Callable[[str, int], Awaitable[None]]
) -> None:
    """A `Callable` type has positional parameters only."""
    tasks.add_task(handler, "login", 7)
    tasks.add_task(handler, "login", "7")  # E: the second argument is an int
    tasks.add_task(handler, "login")  # E: the second argument is missing


class Session: ...


def with_session(
    function: Callable[Concatenate[Session, P], object],
) -> Callable[P, None]:
    def with_a_session(*args: P.args, **kwargs: P.kwargs) -> None:
        function(Session(), *args, **kwargs)

    return with_a_session


@with_session
def write_audit(session: Session, event: str, *, user: int) -> None: ...


def decorated(tasks: BackgroundTasks) -> None:
    """If a decorator passes the first argument itself, do not pass it here."""
    tasks.add_task(write_audit, "login", user=7)
    tasks.add_task(write_audit, Session(), user=7)  # E: the decorator passes it
    tasks.add_task(write_audit, "login", user="7")  # E: `user` is an int


def forwarded(
    tasks: BackgroundTasks,
    function: Callable[P, object],
    *args: P.args,
    **kwargs: P.kwargs,
) -> None:
    """A function of your own can pass the function and its arguments on."""
    tasks.add_task(function, *args, **kwargs)
    tasks.add_task(function, 42)  # E: the parameters are unknown


@cache
def load_template(name: str) -> str:
    return name


def cached(tasks: BackgroundTasks) -> None:
    """`functools.cache` hides the parameters from every checker, in a direct call too.

    Only the types of the standard library could change that: see
    https://github.com/python/typeshed/issues/6347.
    """
    tasks.add_task(load_template, "welcome.html")
    tasks.add_task(load_template, 42)


def parameter_called_func(tasks: BackgroundTasks) -> None:
    """The function may have parameters called `func` and `self`."""

    def call_later(func: str, self: int) -> None: ...

    tasks.add_task(call_later, func="send", self=1)
    tasks.add_task(call_later, func="send", self="1")  # E: `self` is an int
    tasks.add_task(call_later, func=1, self=1)  # E: `func` is a str


def parameter_called_kwargs(tasks: BackgroundTasks) -> None:
    """The function may have parameters called `args` and `kwargs`."""

    def log_call(args: str, kwargs: str) -> None: ...

    tasks.add_task(log_call, "()", "{}")
    # E(only pyright, gaps/pyright_parameter_called_kwargs.py): it takes `kwargs`
    tasks.add_task(log_call, args="()", kwargs="{}")


def function_by_name(tasks: BackgroundTasks) -> None:
    """The function is the first argument, and has no name."""
    tasks.add_task(resize, path="portrait.png", width=800)
    tasks.add_task(func=resize, path="portrait.png", width=800)  # E: it comes first


def already_called(tasks: BackgroundTasks) -> None:
    """Pass the function and its arguments; do not call it here."""
    tasks.add_task(send_email, "ada@example.org", subject="Hi")
    tasks.add_task(send_email("ada@example.org", subject="Hi"))  # E: already called
    tasks.add_task(resize("portrait.png", 800))  # E: it is already called


def not_callable(tasks: BackgroundTasks) -> None:
    """A task must be callable."""
    tasks.add_task()  # E: the function is missing
    tasks.add_task(None)  # E: None cannot be called
    tasks.add_task("send_email", "ada@example.org")  # E: a str cannot be called


def optional_function(
    tasks: BackgroundTasks, callback: Callable[[], None] | None
) -> None:
    """Check a callback that may be None first."""
    tasks.add_task(callback)  # E: it may be None
    if callback is not None:
        tasks.add_task(callback)


def either_of_two(tasks: BackgroundTasks, *, urgent: bool) -> None:
    """If it is one of two functions, both must accept the arguments."""

    def send_sms(to: str) -> None: ...

    def send_letter(to: str) -> int:
        return len(to)

    tasks.add_task(send_sms if urgent else send_letter, "Ada")
    tasks.add_task(send_sms if urgent else send_letter, 42)  # E: `to` is a str


def nested(tasks: BackgroundTasks, task: BackgroundTask) -> None:
    """A task or a collection can itself be a task, without arguments."""
    tasks.add_task(task)
    tasks.add_task(BackgroundTasks([task], as_group=True))
    tasks.add_task(task, "ada@example.org")  # E: it has its arguments already


def add_task_as_task(tasks: BackgroundTasks) -> None:
    """A task may add another task."""
    tasks.add_task(lambda: tasks.add_task(resize, "portrait.png", 800))
    # E(only ty, gaps/ty_function_given_to_itself.py): `add_task` takes any function
    tasks.add_task(tasks.add_task, resize, "portrait.png", 800)
    # E(not pyrefly, https://github.com/facebook/pyrefly/issues/43): `width` is an int
    tasks.add_task(tasks.add_task, resize, "portrait.png", "800")


def annotated_parameter(tasks: BackgroundTasks) -> None:
    """In `Annotated`, only the type is checked."""

    def send_report(pages: Annotated[int, "at least one"]) -> None: ...

    tasks.add_task(send_report, 3)
    tasks.add_task(send_report, "3")  # E: `pages` is an int
