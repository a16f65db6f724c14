"""Shows griffe the parameters that a function gets from a dataclass.

griffe itself knows the constructors of dataclasses. A function that is decorated with
``with_parameters_of(Options, ...)``, in ``bgtasks/fastapi.py``, has that of Options.
"""

import griffe


def complete_signatures(package: griffe.Module) -> None:
    """Give functions the parameters that they have in checkers and at run time."""
    griffe.DataclassesExtension().on_package(pkg=package)
    for module in package.modules.values():
        for function in module.functions.values():
            for decorator in function.decorators:
                match decorator.value:
                    case griffe.ExprCall(
                        griffe.ExprName("with_parameters_of"),
                        [griffe.ExprName() as model, *_],
                    ):
                        constructor = package.modules_collection[
                            f"{model.canonical_path}.__init__"
                        ]
                        _, *parameters = constructor.parameters
                        function.parameters = griffe.Parameters(*parameters)
                    case _:
                        pass
