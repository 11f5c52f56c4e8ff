"""What may be recorded: every call in one form, and of every argument an array that stays as it is.

A call is bound to the signature of its function once (`bind`), so that a positional and a keyword option are the same
thing to every rule, expansion, printer and picture, and an option that a rule does not know is refused, not overlooked.
What is no tensor, array or number becomes an array (`admit`), or is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.engine.graph import Node
from tinygrad_edu.engine.ownership import value_for_graph, with_arrays
from tinygrad_edu.engine.table import EXPANSIONS, FORMS, RULES, Each, Rule
from tinygrad_edu.errors import is_complex, name_of, other_arithmetic

Function = Callable[..., Any]
Call = tuple[tuple[Any, ...], Mapping[str, Any]]


# --- Options ----------------------------------------------------------------------------------------------


class Form(NamedTuple):
    """How the calls of a function are written down."""

    positional: int  # so many arguments, by position; the rest are options, by keyword
    places: tuple[str, ...]  # the options that may be given by position, in the order of the signature
    defaults: dict[str, Any]  # of the options, in the order of the signature
    understood: frozenset[str] | None  # options that the table knows what to do with; None: any
    signature: inspect.Signature | None


def bind(fn: Function, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
    """The call in its one form: arguments by position, options by keyword, and those only if they say something.

    Raises
    ------
    TypeError
        If the arguments do not fit the signature, or if the table does not understand an option.
    """
    form = FORMS.get(fn) or _form(fn)
    if form.signature is None or (not kwargs and len(args) == form.positional):
        return args, kwargs
    more = args[form.positional :]
    if more and len(more) <= len(form.places) and not kwargs:  # the usual case, without the signature, which is slow
        args, kwargs = args[: form.positional], dict(zip(form.places, more, strict=False))
    elif len(args) != form.positional or not kwargs.keys() <= form.defaults.keys():
        args, kwargs = _bound(fn, form, args, kwargs)
    if len(kwargs) > 1:  # in the order of the signature
        kwargs = {name: kwargs[name] for name in form.defaults if name in kwargs} | dict(kwargs)
    said: dict[str, Any] = {}
    for name, value in kwargs.items():
        if not _says_nothing(value, form.defaults.get(name, _NO_VALUE)):
            if name == "out" or not (form.understood is None or name in form.understood):
                raise TypeError(_not_understood(fn, name, value, form))
            said[name] = value
    if isinstance(said.get("axis"), np.integer):
        said["axis"] = int(said["axis"])
    return args, said


def _bound(fn: Function, form: Form, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The arguments by position and the options by keyword, as the signature has them."""
    assert form.signature
    try:
        bound = form.signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{name_of(fn)}: {error}") from None
    positional: list[Any] = []
    options: dict[str, Any] = {}
    for parameter in form.signature.parameters.values():
        name = parameter.name
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += bound.arguments.get(name, ())
        elif parameter.kind is parameter.VAR_KEYWORD:
            options |= bound.arguments.get(name, {})
        elif name not in form.defaults:
            positional.append(bound.arguments.get(name, parameter.default))
        elif name in bound.arguments:
            options[name] = bound.arguments[name]
    return tuple(positional), options


def _form(fn: Function) -> Form:
    form = FORMS[fn] = _new_form(fn, RULES.get(fn), EXPANSIONS.get(fn))
    return form


def _new_form(fn: Function, rules: tuple[Rule | Each | None, ...] | None, expansion: Function | None) -> Form:
    signature = _signature(fn)
    if signature is None:
        return Form(0, (), {}, None, None)
    needed, understood = len(rules or ()), set[str]()
    texts: list[Function] = [rule.rule if isinstance(rule, Each) else rule for rule in rules or () if rule is not None]
    if expansion is not None:
        needed, texts = 0, [expansion]
    takes_any = not texts
    for text in texts:
        parameters = list(inspect.signature(text).parameters.values())[0 if expansion is not None else 2 :]
        takes_any |= any(p.kind is p.VAR_KEYWORD for p in parameters)
        by_place = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        needed = max(needed, sum(p.default is p.empty for p in by_place))
        understood |= {p.name for p in parameters}
    defaults: dict[str, Any] = {}
    positional = 0
    for p in signature.parameters.values():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            positional += p.kind is p.VAR_POSITIONAL and 10**9
        elif p.kind is not p.KEYWORD_ONLY and (p.default is p.empty or positional < needed):
            positional += 1
        else:
            defaults[p.name] = _DEFAULTS.get(p.name, p.default) if p.default is _NO_VALUE else p.default
    named = [p.name for p in signature.parameters.values() if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]
    known = None if takes_any else frozenset(understood)
    return Form(positional, tuple(named[positional:]), defaults, known, signature)


@cache
def _signature(fn: Function) -> inspect.Signature | None:
    if isinstance(fn, np.ufunc):  # which say nothing about themselves before NumPy 2.4
        names = [f"x{i + 1}" for i in range(fn.nin)]
        inputs = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in names]
        out = inspect.Parameter("out", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
        options = UFUNC_OPTIONS | ({"axes": None, "axis": None, "keepdims": False} if fn.signature else {})
        kind = inspect.Parameter.KEYWORD_ONLY
        return inspect.Signature([*inputs, out, *(inspect.Parameter(k, kind, default=v) for k, v in options.items())])
    try:
        return inspect.signature(fn)
    except (TypeError, ValueError):
        return None


UFUNC_OPTIONS = {"where": True, "casting": "same_kind", "order": "K", "dtype": None, "subok": True, "signature": None}


def _says_nothing(value: Any, default: Any) -> bool:
    """Whether an option has the value that NumPy takes if it is not given."""
    if value is default or value is _NO_VALUE:
        return True
    return type(value) is type(default) and isinstance(value, _PLAIN) and bool(value == default)


_PLAIN = (int, float, str, tuple)
_NO_VALUE = inspect.signature(np.sum).parameters["keepdims"].default
_DEFAULTS = {"keepdims": False, "where": True}  # what NumPy takes where its signature says <no value>

INSTEAD = {
    "where": "choose with np.where(mask, t, ...) before or after the call",
    "dtype": "convert with t.astype(dtype) before or after the call",
    "initial": "join the initial value to the array with np.concatenate, or combine it with the result",
}


def _not_understood(fn: Function, name: str, value: Any, form: Form) -> str:
    if name == "out":
        return f"{name_of(fn)}: out= would overwrite a value that a gradient may need; use what {name_of(fn)} returns"
    known = [option for option in form.defaults if option in (form.understood or ())]
    if isinstance(value, type):
        shown = value.__name__
    else:
        shown = repr(value) if np.ndim(value) == 0 else f"an array of shape {np.shape(value)}"
    way_out = INSTEAD.get(name, "call it on t.numpy() if no gradient is wanted, or give it a rule with tg.defvjp")
    return (
        f"{name_of(fn)}: tensors do not know the option {name}={shown} (known: {', '.join(known) or 'none'}); {way_out}"
    )


# --- Arguments --------------------------------------------------------------------------------------------


def check_options(fn: Function, options: Mapping[str, Any]) -> None:
    """Refuse tensors among the options of a call: no gradient would flow to them."""
    for name, option in options.items():
        if isinstance(option, Node):
            raise TypeError(f"{name_of(fn)}: the keyword {name!r} cannot be a tensor; pass {name}.numpy()")


AS_THEY_ARE = (np.generic, int, float, str, bytes, slice, np.dtype, type, type(None), type(...))


def admit(fn: Function, i: int, arg: Any, rule: Rule | Each | None) -> tuple[Any, Any, list[Node]]:
    """An argument that is no tensor, in a form that can be recorded: (argument, value, nodes in it).

    Raises
    ------
    TypeError
        If it is complex, masked, a matrix, no array of numbers, or a list of tensors where there must be one.
    """
    if type(arg) is np.ndarray and arg.dtype.kind in "fiub":  # as it is nearly always
        return arg, arg, []
    if isinstance(arg, complex | np.complexfloating):
        raise TypeError(is_complex(fn, i))
    if isinstance(arg, AS_THEY_ARE):
        return arg, arg, []
    if type(arg) in (list, tuple):
        nodes = [part for part in arg if isinstance(part, Node)]
        if isinstance(rule, Each):
            arg = type(arg)([part if isinstance(part, Node) else as_array(fn, i, part) for part in arg])
        elif nodes and any(node.requires_grad for node in nodes):
            raise TypeError(
                f"{name_of(fn)}: argument {i} is a {type(arg).__name__} of tensors; make it one tensor "
                "with np.stack (or np.concatenate) first"
            )
        elif rule is not None:
            arg = as_array(fn, i, with_arrays(arg))
        if nodes:
            return arg, type(arg)([value_for_graph(part) if isinstance(part, Node) else part for part in arg]), nodes
        return arg, arg, []
    if callable(arg):
        return arg, arg, []
    array = as_array(fn, i, arg)
    return array, array, []


def computable(fn: Function, args: tuple[Any, ...], options: Mapping[str, Any]) -> Call:
    """The arguments of an expansion, which is no call to be recorded but computes with them: arrays, numbers, tensors.

    Raises
    ------
    TypeError
        As `admit`.
    """
    return tuple([_computable(fn, i, arg) for i, arg in enumerate(args)]), {
        name: option if name in _PLACES else _computable(fn, name, option) for name, option in options.items()
    }


_PLACES = ("axis", "axes")  # a tuple there is no array


def _computable(fn: Function, i: int | str, arg: Any) -> Any:
    if isinstance(arg, (Node, *AS_THEY_ARE)) or type(arg) is np.ndarray or callable(arg):
        return arg
    if type(arg) in (list, tuple):
        return np.array(arg) if arg and _are_numbers(arg) else arg
    return as_array(fn, i, arg)


def _are_numbers(parts: Any) -> bool:
    return all(
        _are_numbers(part) if type(part) in (list, tuple) else isinstance(part, int | float | np.number)
        for part in parts
    )


def refuse_other_arithmetic(fn: Function, i: int | str, arg: Any) -> None:
    """Raise if an argument is a masked array or a matrix."""
    if isinstance(arg, np.ma.MaskedArray | np.matrix):
        raise TypeError(other_arithmetic(f"{name_of(fn)}: argument {i}", arg))


def as_array(fn: Function, i: int | str, arg: Any) -> Any:
    """A plain array of real numbers, or of truth values."""
    refuse_other_arithmetic(fn, i, arg)
    array = np.asarray(arg)
    if array.dtype.kind == "c":
        raise TypeError(is_complex(fn, i))
    if array.dtype.kind == "O":
        raise TypeError(
            f"{name_of(fn)}: argument {i} is a {type(arg).__name__}, which is no array of numbers; pass a tensor, an "
            "array or a number (a sparse matrix as matrix.toarray())"
        )
    return array
