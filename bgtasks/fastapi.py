"""Background tasks for FastAPI: import BackgroundTasks from here, not from fastapi.

A parameter of that type gets the background tasks of the request.
"""

# SPDX-License-Identifier: MIT-0

from abc import ABCMeta
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from copy import copy
from functools import partial, wraps
from inspect import isabstract, signature
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    NoReturn,
    ParamSpec,
    TypeVar,
    get_origin,
)

from fastapi import Depends, WebSocketDisconnect, background
from fastapi import __version__ as fastapi_version
from fastapi.params import Depends as DependsClass
from fastapi.requests import HTTPConnection
from typing_extensions import override

from ._tasks import Options, make_tasks, note_not_run
from .starlette import BackgroundTasks as StarletteTasks

__all__ = ["BackgroundTasks", "background_tasks"]

P = ParamSpec("P")
R = TypeVar("R")

if tuple(map(int, fastapi_version.split(".")[:2])) < (0, 129):
    msg = (
        f"bgtasks.fastapi needs FastAPI 0.129 or newer, got {fastapi_version}: older "
        "ones do not take Depends for a subclass of their BackgroundTasks"
    )
    raise ImportError(msg)


class NotInjectable:
    """Marks a parameter that FastAPI must not fill from the request.

    FastAPI asks pydantic for the schema of each parameter when a route is added, and
    pydantic asks this: so a wrong ``Depends`` is refused before any request.
    """

    def __init__(self, message: str) -> None:
        self.message = message

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> NoReturn:
        raise TypeError(self.message)


def with_parameters_of(
    model: Callable[P, object], message: str
) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Give a function the parameters of ``model``, which FastAPI must not fill."""

    def decorator(function: Callable[..., R]) -> Callable[P, R]:
        @wraps(function)
        def marked(*args: P.args, **kwargs: P.kwargs) -> R:
            return function(*args, **kwargs)

        parameters = [
            each.replace(annotation=Annotated[each.annotation, NotInjectable(message)])
            for each in signature(model).parameters.values()
        ]
        # For FastAPI and inspect; below, for typing.get_type_hints().
        shown = signature(function).replace(parameters=parameters)
        vars(marked)["__signature__"] = shown
        marked.__annotations__ = {each.name: each.annotation for each in parameters}
        marked.__annotations__["return"] = shown.return_annotation
        return marked

    return decorator


class InjectedTasks(StarletteTasks, background.BackgroundTasks):  # type: ignore[misc]  # ty: ignore[lost-keyword-for-regular-parameter]  # of two definitions, ours is the first
    """The base class of ``BackgroundTasks``: all of it, except for the injection."""

    _runs_once = False

    @override
    async def __call__(self) -> None:
        """Run the tasks. Those that FastAPI injected run once, and are removed then."""
        await self._run_by(super().__call__)

    async def _run_by(self, call: Callable[[], Awaitable[None]]) -> None:
        begun = self._begun
        self._begun = True  # `call` may run each of the tasks itself
        try:
            await call()
        finally:
            if self._runs_once:
                self.tasks.clear()
                self._begun = begun  # a task added after the request is warned of

    def _join(self, fastapi_tasks: background.BackgroundTasks) -> None:
        """Let FastAPI run these tasks once, with its own ones of the request."""
        self._runs_once = True
        makes_spans = self._runner is not None  # one for each task, perhaps
        # Not if somebody has replaced FastAPI's class.
        if makes_spans and type(fastapi_tasks) is background.BackgroundTasks:
            fastapi_tasks.__class__ = UntracedTasks
        if makes_spans and isinstance(fastapi_tasks, UntracedTasks):
            fastapi_tasks.tasks.append(self)
        else:
            fastapi_tasks.add_task(self)


if not TYPE_CHECKING:
    InjectedTasks.__init__ = with_parameters_of(
        InjectedTasks.__init__,
        "FastAPI would fill the collection's own parameters from the request: write "
        "`tasks: BackgroundTasks`, without Depends(), or for options "
        "`Depends(background_tasks(on_error=...))`",
    )(InjectedTasks.__init__)


class UntracedTasks(background.BackgroundTasks):
    """FastAPI's own tasks of a request. Ours are among them, as one task.

    FastAPI, and OpenTelemetry's instrumentation of it, make a span for each of these
    tasks. Here ours get none, so that the spans that a runner makes of them are
    children of the request's.
    """

    @override
    async def __call__(self) -> None:
        for task in self.tasks:
            is_ours = isinstance(task, InjectedTasks)
            await (task if is_ours else background.BackgroundTasks([task]))()


# What FastAPI injects


def dependency_of(
    new_tasks: "Callable[[], BackgroundTasks]",
) -> "Callable[..., Awaitable[BackgroundTasks]]":
    async def run_after_response(
        connection: HTTPConnection, fastapi_tasks: background.BackgroundTasks
    ) -> "AsyncGenerator[BackgroundTasks]":
        tasks = new_tasks()
        async with joined(tasks, connection, fastapi_tasks):
            yield tasks

    # Apart, since `Depends(..., scope="function")` would end a generator before the
    # response is sent. Both are async: a plain one would cost a hop to a worker thread.
    async def dependency(
        tasks: Annotated[
            "BackgroundTasks", Depends(run_after_response, scope="request")
        ],
    ) -> "BackgroundTasks":
        return tasks

    return dependency


def dependency_filling(
    cls: type, *, use_cache: bool = True
) -> Callable[..., Awaitable[object]]:
    """Return a dependency that lets FastAPI fill the parameters of the constructor."""

    async def run_after_response(
        connection: HTTPConnection,
        fastapi_tasks: background.BackgroundTasks,
        made: Annotated[object, Depends(cls, use_cache=use_cache)],
    ) -> AsyncGenerator[object]:
        app = connection.scope.get("app")
        is_overridden = cls in getattr(app, "dependency_overrides", ())
        if is_overridden or not isinstance(made, InjectedTasks):
            yield made  # a test collects the tasks, and does not run them
            return
        async with joined(made, connection, fastapi_tasks):
            yield made

    async def dependency(
        tasks: Annotated[
            object, Depends(run_after_response, use_cache=use_cache, scope="request")
        ],
    ) -> object:
        return tasks

    return dependency


@asynccontextmanager
async def joined(
    tasks: InjectedTasks,
    connection: HTTPConnection,
    fastapi_tasks: background.BackgroundTasks,
) -> AsyncGenerator[None]:
    """Let FastAPI run the tasks. At the end, run what it has not run.

    FastAPI runs its own ones while all dependencies are open, but drops them when the
    endpoint returns a response with a background of its own, and does not run them
    after a WebSocket. If the request has failed, nobody runs them.
    """
    tasks._join(fastapi_tasks)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # of this module
    try:
        yield
    except BaseException as exc:
        if is_end_of_websocket(connection, exc):
            await run_rest(tasks)
        else:
            # This note replaces that of the request's collections that joined later.
            not_run: list[InjectedTasks]
            not_run = vars(fastapi_tasks).setdefault("bgtasks_not_run", [])
            not_run.insert(0, tasks)
            note_not_run(exc, not_run, "because the request failed")
        raise
    await run_rest(tasks)


async def run_rest(tasks: InjectedTasks) -> None:
    if tasks.tasks:  # else FastAPI has run them: a subclass's __call__ may do more
        await tasks()


def is_end_of_websocket(connection: HTTPConnection, exc: BaseException) -> bool:
    """Whether the client has gone, which is no failure: most WebSockets end so."""
    # In a group, as the endpoint may have a task group.
    _, others = BaseExceptionGroup("", [exc]).split(WebSocketDisconnect)
    return others is None and connection.scope["type"] == "websocket"


def run_once(call: Any) -> object:  # noqa: ANN401
    @wraps(call)
    async def run(tasks: InjectedTasks, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        # As Python calls it: a static method or a mock does not get the object.
        binds = hasattr(call, "__get__")
        bound = call.__get__(tasks, type(tasks)) if binds else call
        await tasks._run_by(partial(bound, *args, **kwargs))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # of this module

    return run


def cannot_be_made(cls: type, why: str) -> Callable[..., Awaitable[None]]:
    msg = f"FastAPI cannot make the {cls.__qualname__} of a request: {why}"

    async def dependency(_: Annotated[object, NotInjectable(msg)]) -> None: ...

    return dependency


def class_of_annotated(_: type) -> object:
    return type(Annotated[InjectedTasks, Depends()])


class Metadata(tuple[object, ...]):  # noqa: SLOT001 (a tuple cannot have any)
    """What stands beside a class in its ``Annotated``.

    For ``Annotated[M, Depends(M)]``, `typing` adds that ``Depends`` to these, and
    FastAPI takes the last: it would call ``M``, and nobody would run the tasks.
    """

    made_by: "Injection"

    @override
    def __add__(self, added: tuple[Any, ...], /) -> tuple[Any, ...]:
        return (*self, *map(self._run_at_end, added))

    def _run_at_end(self, added: object) -> object:
        if isinstance(added, DependsClass):
            cls = self.made_by if added.dependency is None else added.dependency
            if isinstance(cls, Injection):
                filled = cls.bgtasks_filled
                if not added.use_cache:
                    filled = dependency_filling(cls, use_cache=False)
                # Not replace(): a subclass of Depends may have its own constructor.
                added = copy(added)
                object.__setattr__(added, "dependency", filled)  # it is frozen
        return added


class Injection(ABCMeta):  # so that a subclass may have an abstract class beside it
    """Makes a class what FastAPI injects: ``Annotated[InjectedTasks, Depends(...)]``.

    For a parameter of any class that is a subclass of Starlette's, FastAPI makes an
    object of its own class. But first it asks ``typing.get_origin()`` whether it is an
    ``Annotated``: that asks ``isinstance``, which believes ``__class__``. Otherwise it
    is an ordinary class: it can be called, subclassed, patched and be a mock's spec.
    """

    __origin__: type = InjectedTasks
    __args__: tuple[type, ...] = (InjectedTasks,)

    def __init__(
        cls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        /,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(name, bases, namespace, **kwargs)
        # The prefix: a subclass may have attributes called dependency and filled.
        cls.bgtasks_dependency: Callable[..., Awaitable[BackgroundTasks]] = (
            dependency_of(cls)
        )
        cls.bgtasks_filled: Callable[..., Awaitable[object]] = dependency_filling(cls)
        # A __call__ that overrides ours might not call it, and might be a mixin's.
        owner = next(each for each in cls.__mro__ if "__call__" in vars(each))
        if "__call__" in namespace or not issubclass(owner, InjectedTasks):
            type.__setattr__(cls, "__call__", run_once(vars(owner)["__call__"]))

    @override
    def __setattr__(cls, name: str, value: object) -> None:
        super().__setattr__(name, run_once(value) if name == "__call__" else value)

    @property
    def __metadata__(cls) -> Metadata:
        metadata = Metadata([Depends(cls._dependency_of_parameter())])
        metadata.made_by = cls
        return metadata

    def _dependency_of_parameter(cls) -> Callable[..., Awaitable[object]]:
        # Not in __init__: @dataclass makes the constructor after the class.
        if isabstract(cls):
            why = "it is abstract: write a class that has all its methods"
            return cannot_be_made(cls, why)
        try:
            signature(cls).bind()
        except TypeError as exc:
            why = f"{exc}: write a constructor that needs no arguments"
            return cannot_be_made(cls, why)
        return cls.bgtasks_dependency

    __class__ = property(class_of_annotated)  # pyright: ignore[reportIncompatibleMethodOverride]  # it has no setter


class BackgroundTasks(InjectedTasks, metaclass=Injection):
    """The background tasks of a request: function calls to run after its response.

    ```python
    @app.post("/sign-up")
    async def sign_up(email: str, tasks: BackgroundTasks) -> None:
        tasks.add_task(send_email, email, subject="Welcome")
    ```

    FastAPI passes the same collection to all parameters of this type, in an endpoint
    and its dependencies, and runs it. A response may carry it too,
    ``JSONResponse(..., background=tasks)``: each task runs only once.

    As `bgtasks.BackgroundTasks`. A collection that you make yourself must be given to a
    response, or awaited. A parameter of a subclass gets an object of the subclass.

    Raises:
        TypeError: ``tasks`` is not an iterable of callables, or ``on_error`` or
            ``runner`` is not callable.
    """


if not TYPE_CHECKING and get_origin(BackgroundTasks) is not Annotated:
    # This Python's typing does not believe `__class__`.
    BackgroundTasks = Annotated[BackgroundTasks, *BackgroundTasks.__metadata__]


@with_parameters_of(
    Options,
    "FastAPI would fill the options of background_tasks() from the request: "
    "write Depends(background_tasks(...)), not Depends(background_tasks)",
)
def background_tasks(**given: Any) -> Callable[..., Awaitable[BackgroundTasks]]:  # noqa: ANN401
    """Return a dependency that creates background tasks with options for each request.

    ```python
    LoggedTasks = Annotated[BackgroundTasks, Depends(background_tasks(on_error=log))]
    ```

    Parameters of the type ``LoggedTasks`` get them. The options are those of
    `bgtasks.BackgroundTasks`. Without options, it returns the dependency of a plain
    ``BackgroundTasks`` parameter: the key for ``app.dependency_overrides``.

    Raises:
        TypeError: ``on_error`` or ``runner`` is not callable.
    """
    try:
        options = Options(**given)
    except TypeError as exc:
        msg = str(exc).replace("Options.__init__", "background_tasks")
        raise TypeError(msg) from None
    if vars(options) == vars(Options()):
        return BackgroundTasks.bgtasks_dependency
    new = partial(make_tasks, BackgroundTasks, options)
    new()  # refuses wrong options now, not in a request
    return dependency_of(new)
