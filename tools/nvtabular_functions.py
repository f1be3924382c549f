"""Python functions of an NVTabular workflow as expressions: `export_nvtabular.py` calls this for LambdaOp, Filter and operators of one's own.

A function is run once on stand-ins for its columns, which note what is done to them: helpers, constants and loops need no source code. An
expression is `{"column": name}`, `{"value": constant}` or `[function, argument…]`. Functions that cannot be translated raise Untranslatable, with the reason.
"""
import contextlib
import datetime
import re
import sys
from unittest import mock

import numpy as np
import pandas as pd

# Nodes of one expression: a value that is used twice is written twice.
MOST_NODES = 5000
MILLISECOND, SECOND, DAY = 10**6, 10**9, 86_400 * 10**9


class Untranslatable(Exception):
    """The reason is its text."""


def size_of(tree):
    return 1 + sum(map(size_of, tree[1:])) if isinstance(tree, list) else 1


class Tracing:
    """The rows that stand-ins compute beside what they note: of the data, or made up of the dtypes."""

    def __init__(self, rows, is_data):
        self.rows = rows
        self.is_data = is_data
        self.notes = []


class Column:
    """A column of one row's value: its expression, and the same computed by pandas, which determines dtypes."""

    __hash__ = None
    __array_priority__ = 1000

    def __init__(self, tracing, tree, shown):
        if isinstance(tree, list) and size_of(tree) > MOST_NODES:
            raise Untranslatable("is too long")
        self.tracing, self.tree, self.shown = tracing, tree, shown

    @property
    def dtype(self):
        return self.shown.dtype

    @property
    def kind(self):
        """`int`, `float`, `bool`, `text`, `time` or `span`."""
        return {"i": "int", "u": "int", "f": "float", "b": "bool", "M": "time", "m": "span"}.get(self.dtype.kind, "text")

    def made(self, tree, shown):
        shown = shown if isinstance(shown, pd.Series) else pd.Series(shown, index=self.tracing.rows.index)
        return Column(self.tracing, tree, shown)

    def __bool__(self):
        raise Untranslatable("decides by a whole column (`if`, `and`, `or`, `not`); write numpy.where, & or |")

    def __len__(self):
        raise Untranslatable("reads the number of rows")

    def __iter__(self):
        raise Untranslatable("goes through the rows one by one")

    def __array__(self, *args, **kwargs):
        raise Untranslatable("hands a column to a function that cannot be read")

    def __getattr__(self, name):
        raise Untranslatable(f"calls `.{name}` of a column")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        write = UFUNCS.get(ufunc.__name__)
        if write is None or method != "__call__" or kwargs:
            raise Untranslatable(f"calls numpy.{ufunc.__name__}")
        return write(self, *inputs)

    def __array_function__(self, function, types, args, kwargs):
        if function is np.where and len(args) == 3 and not kwargs:
            return choose(self, *args)
        raise Untranslatable(f"calls numpy.{function.__name__}")

    @property
    def values(self):
        return self

    def to_numpy(self):
        return self

    def copy(self, deep=True):
        return self

    @property
    def str(self):
        return Texts(self)

    @property
    def dt(self):
        return Times(self)

    def astype(self, dtype, copy=True):
        made = self.shown.astype(dtype)
        to = self.made(None, made).kind
        if to == self.kind or (self.kind == "bool" and to in ("int", "float")) or (self.kind, to) == ("int", "float"):
            return self.made(number(self), made)
        if to == "int" and self.kind == "float":
            return self.made(["trunc", self.tree], made)
        if to == "int" and self.kind in ("time", "span") and made.dtype == "int64":
            return self.made(self.tree, made)
        if to == "bool" and self.kind in ("int", "float"):
            return self.made(["ne", self.tree, {"value": 0}], made)
        if to == "text" and self.kind == "int":
            return self.made(["text", self.tree], made)
        if to == "time" and self.kind == "int" and made.dtype == "datetime64[ns]":
            return self.made(self.tree, made)
        raise Untranslatable(f"makes {made.dtype} of {self.dtype}")

    def fillna(self, value):
        return self.made(["coalesce", number(self), constant(self, value)], self.shown.fillna(value))

    def isna(self):
        return self.made(["missing", self.tree], self.shown.isna())

    def notna(self):
        return self.made(["not", ["missing", self.tree]], self.shown.notna())

    isnull, notnull = isna, notna

    def isin(self, values):
        tests = [["eq", self.tree, constant(self, value)] for value in values]
        if not 0 < len(tests) <= 100:
            raise Untranslatable("calls `.isin` with none or with over 100 values")
        tree = tests[0]
        for test in tests[1:]:
            tree = ["or", tree, test]
        return self.made(tree, self.shown.isin(list(values)))

    def abs(self):
        return apply(self, "abs", np.abs, self)

    def clip(self, lower=None, upper=None):
        made = self
        if lower is not None:
            made = apply(made, "max", np.maximum, made, lower)
        if upper is not None:
            made = apply(made, "min", np.minimum, made, upper)
        return made

    def where(self, condition, other=np.nan):
        return choose(self, condition, self, other)

    def mask(self, condition, other=np.nan):
        return choose(self, condition, other, self)

    def between(self, left, right):
        return (self >= left) & (self <= right)

    def aggregate(self, name):
        if not self.tracing.is_data:
            raise Untranslatable(f"reads a whole column (`.{name}()`); give `--data`, whose {name} is then a constant")
        value = getattr(self.shown, name)()
        self.tracing.notes.append(f"`.{name}()` is {value}, as of the data given; NVTabular takes it of each partition and request")
        return value

    def min(self):
        return self.aggregate("min")

    def max(self):
        return self.aggregate("max")

    def mean(self):
        return self.aggregate("mean")

    def median(self):
        return self.aggregate("median")

    def sum(self):
        return self.aggregate("sum")

    def std(self):
        return self.aggregate("std")


def number(column):
    """Truth values count as 0 and 1 where numbers are expected."""
    return ["cond", column.tree, {"value": 1}, {"value": 0}] if column.kind == "bool" else column.tree


def constant(like, value):
    """A constant beside a column: times are counted in nanoseconds, as columns of them are."""
    value = value.item() if isinstance(value, np.generic) and value.dtype.kind not in "mM" else value
    if like.kind in ("time", "span") and not isinstance(value, (int, float)):
        if isinstance(value, (datetime.timedelta, np.timedelta64)):
            return {"value": int(pd.Timedelta(value).value)}
        return {"value": int(pd.Timestamp(value).value)}
    if isinstance(value, (bool, str)) or (isinstance(value, (int, float)) and value == value and abs(value) != float("inf")):
        return {"value": value}
    raise Untranslatable(f"uses the constant {value!r}")


def operands(like, values):
    """Expressions of columns and constants, and the operands for pandas."""
    of = lambda value: number(value) if isinstance(value, Column) else constant(like, value)
    return [of(value) for value in values], [value.shown if isinstance(value, Column) else value for value in values]


def apply(like, name, compute, *values):
    """One function of expressions. A float32 is rounded after each step, as there."""
    trees, shown = operands(like, values)
    made = like.made([name, *trees], compute(*shown))
    if made.dtype == "float32" and name not in ("abs", "min", "max", "neg", "floor", "ceil", "trunc"):
        made.tree = ["fround", made.tree]
    if made.dtype == "float16":
        raise Untranslatable("computes with float16")
    return made


def choose(like, condition, yes, no):
    if not isinstance(condition, Column) or condition.kind != "bool":
        raise Untranslatable("chooses by something else than a condition")
    [yes_tree, no_tree], [yes_shown, no_shown] = operands(like, [yes, no])
    return like.made(["cond", condition.tree, yes_tree, no_tree], np.where(condition.shown, yes_shown, no_shown))


def logic(name, compute):
    def write(like, *values):
        if any(not isinstance(value, (Column, bool)) or (isinstance(value, Column) and value.kind != "bool") for value in values):
            raise Untranslatable(f"calls {name} on something else than conditions")
        trees = [value.tree if isinstance(value, Column) else {"value": value} for value in values]
        return like.made([name, *trees], compute(*[value.shown if isinstance(value, Column) else value for value in values]))

    return write


def arithmetic(name, compute):
    def write(like, *values):
        kinds = [value.kind for value in values if isinstance(value, Column)]
        if name == "add" and "text" in kinds:
            return apply(like, "concat", compute, *values)
        if name in ("pow", "mod", "floordiv") and "text" in kinds:
            raise Untranslatable(f"calls {name} on texts")
        if name in ("floordiv", "mod") and any(not isinstance(v, Column) and v == 0 for v in values[1:]):
            raise Untranslatable("divides by 0")
        made = apply(like, name, compute, *values)
        if made.kind == "bool" and name not in ("eq", "ne", "lt", "le", "gt", "ge"):
            raise Untranslatable(f"calls {name} on conditions")
        return made

    return write


def comparison(name, compute):
    def write(like, *values):
        kinds = {value.kind if isinstance(value, Column) else {str: "text"}.get(type(value), "int") for value in values}
        if "text" in kinds and (kinds != {"text"} or name not in ("eq", "ne")):
            raise Untranslatable("compares texts by their order, or with numbers")
        return apply(like, name, compute, *values)

    return write


def functions():
    """numpy's ufuncs, and the operators that mean the same."""
    made = {name: arithmetic(op, getattr(np, name)) for name, op in {
        "add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div", "floor_divide": "floordiv",
        "remainder": "mod", "mod": "mod", "power": "pow", "negative": "neg", "absolute": "abs", "fabs": "abs", "maximum": "max", "minimum": "min",
    }.items()}
    for name in ["sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "cbrt", "floor", "ceil", "trunc", "sign", "arctan2", "hypot"]:
        made[name] = arithmetic(name.replace("arc", "a"), getattr(np, name))
    for name, op in {"less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge", "equal": "eq", "not_equal": "ne"}.items():
        made[name] = comparison(op, getattr(np, name))
    for name, op in {"bitwise_and": "and", "logical_and": "and", "bitwise_or": "or", "logical_or": "or", "invert": "not", "logical_not": "not"}.items():
        made[name] = logic(op, getattr(np, name))
    made["isnan"] = lambda like, column: column.isna()
    made["square"] = lambda like, column: column * column
    return made


UFUNCS = functions()


def operator(name, swapped=False):
    write = UFUNCS[name]
    return (lambda self, other: write(self, other, self)) if swapped else (lambda self, *others: write(self, self, *others))


for method, name in {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide", "mod": "remainder", "pow": "power", "and": "bitwise_and", "or": "bitwise_or"}.items():
    setattr(Column, f"__{method}__", operator(name))
    setattr(Column, f"__r{method}__", operator(name, swapped=True))
    if method not in ("and", "or"):
        setattr(Column, method, operator(name))
for method, name in {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal"}.items():
    setattr(Column, f"__{method}__", operator(name))
    setattr(Column, method, operator(name))
setattr(Column, "__neg__", operator("negative"))
setattr(Column, "__abs__", operator("absolute"))
setattr(Column, "__invert__", operator("invert"))


class Accessor:
    def __init__(self, column):
        self.column = column

    def __getattr__(self, name):
        raise Untranslatable(f"calls `.{type(self).name}.{name}` of a column")


class Texts(Accessor):
    name = "str"

    def of(self, function, *args, **kwargs):
        column = self.column
        if column.kind != "text":
            raise Untranslatable(f"calls `.str` of {column.dtype}")
        shown = getattr(column.shown.str, function)
        return lambda *trees: column.made([trees[0], column.tree, *trees[1:]], shown(*args, **kwargs))

    def lower(self):
        return self.of("lower")("lower")

    def upper(self):
        return self.of("upper")("upper")

    def strip(self):
        return self.of("strip")("trim")

    def lstrip(self):
        return self.of("lstrip")("trimStart")

    def rstrip(self):
        return self.of("rstrip")("trimEnd")

    def len(self):
        return self.of("len")("length")

    def slice(self, start=None, stop=None, step=None):
        if step not in (None, 1):
            raise Untranslatable("takes every nth letter")
        bounds = [{"value": start or 0}] + ([] if stop is None else [{"value": stop}])
        return self.of("slice", start, stop)("slice", *bounds)

    def __getitem__(self, place):
        if isinstance(place, slice):
            return self.slice(place.start, place.stop, place.step)
        return self.get(place)

    def get(self, place):
        if not isinstance(place, int) or place < 0:
            raise Untranslatable("counts letters from the end")
        return self.of("get", place)("letter", {"value": place})

    def startswith(self, part):
        return self.of("startswith", part)("startsWith", {"value": part})

    def endswith(self, part):
        return self.of("endswith", part)("endsWith", {"value": part})

    def contains(self, part, case=True, regex=True):
        if not case or (regex and re.escape(part) != part):
            raise Untranslatable("calls `.str.contains` with a regular expression, or without case")
        return self.of("contains", part, regex=False)("includes", {"value": part})

    def replace(self, part, by, n=-1, regex=None):
        if n != -1 or not isinstance(by, str) or (regex is not False and re.escape(part) != part):
            raise Untranslatable("calls `.str.replace` with a regular expression, a function or a count")
        return self.of("replace", part, by, regex=False)("replaceAll", {"value": part}, {"value": by})


class Times(Accessor):
    name = "dt"

    @property
    def milliseconds(self):
        return ["floor", ["div", self.column.tree, {"value": MILLISECOND}]]

    def part(self, name, tree):
        if self.column.kind != "time":
            raise Untranslatable(f"calls `.dt.{name}` of {self.column.dtype}")
        return self.column.made(tree, getattr(self.column.shown.dt, name))

    @property
    def weekday(self):
        return self.part("weekday", ["mod", ["add", ["dayOfWeek", self.milliseconds], {"value": 6}], {"value": 7}])

    dayofweek = day_of_week = weekday

    @property
    def month(self):
        return self.part("month", ["add", ["month", self.milliseconds], {"value": 1}])

    @property
    def days(self):
        return self.of_span("days", ["floor", ["div", self.column.tree, {"value": DAY}]])

    @property
    def seconds(self):
        return self.of_span("seconds", ["floor", ["div", ["mod", self.column.tree, {"value": DAY}], {"value": SECOND}]])

    def of_span(self, name, tree):
        if self.column.kind != "span":
            raise Untranslatable(f"calls `.dt.{name}` of {self.column.dtype}")
        return self.column.made(tree, getattr(self.column.shown.dt, name))

    def total_seconds(self):
        if self.column.kind != "span":
            raise Untranslatable(f"calls `.dt.total_seconds` of {self.column.dtype}")
        return self.column.made(["div", self.column.tree, {"value": SECOND}], self.column.shown.dt.total_seconds())


for name, function in {"year": "year", "day": "dayOfMonth", "hour": "hours", "minute": "minutes", "second": "seconds"}.items():
    setattr(Times, name, property(lambda self, name=name, function=function: self.part(name, [function, self.milliseconds])))


class Frame:
    """The columns of a node. A condition as the index keeps the rows that it holds for."""

    def __init__(self, columns=None, condition=None):
        self.__dict__.update(of=dict(columns or {}), condition=condition)

    def __getitem__(self, key):
        if isinstance(key, str):
            if key not in self.of:
                raise Untranslatable(f"reads the column {key!r}, which its node does not have")
            return self.of[key]
        if isinstance(key, Column):
            return Frame(self.of, key if self.condition is None else self.condition & key)
        return Frame({name: self[name] for name in key}, self.condition)

    def __setitem__(self, name, value):
        if not isinstance(value, Column):
            raise Untranslatable(f"sets the column {name!r} to something else than a column")
        self.of[name] = value

    def __getattr__(self, name):
        if name in self.of:
            return self.of[name]
        raise Untranslatable(f"calls `.{name}` of the rows")

    @property
    def columns(self):
        return list(self.of)

    @property
    def loc(self):
        return self

    def copy(self, deep=True):
        return Frame(self.of, self.condition)

    def assign(self, **columns):
        made = self.copy()
        for name, value in columns.items():
            made[name] = value(made) if callable(value) else value
        return made


def to_datetime(original):
    """In place of pandas' and cudf's: whole numbers of a unit are nanoseconds."""

    def read(value, *args, unit="ns", **kwargs):
        if not isinstance(value, Column):
            return original(value, *args, unit=unit, **kwargs)
        if args or kwargs or value.kind not in ("int", "time"):
            raise Untranslatable(f"makes times of {value.dtype}, or with a format")
        shown = pd.to_datetime(value.shown, unit=unit)
        ticks = {"D": DAY, "h": 3600 * SECOND, "m": 60 * SECOND, "s": SECOND, "ms": MILLISECOND, "us": 1000, "ns": 1}[unit]
        return value.made(value.tree if value.kind == "time" or ticks == 1 else ["mul", value.tree, {"value": ticks}], shown)

    return read


@contextlib.contextmanager
def modules_read_columns(function):
    """While it is active, `to_datetime` and `isnull` of pandas and cudf accept the recorded columns, under any name in the function."""
    names = {"to_datetime": to_datetime, "isna": None, "isnull": None, "notna": None, "notnull": None}
    method = lambda name, original: lambda value: getattr(value, name)() if isinstance(value, Column) else original(value)
    with contextlib.ExitStack() as stack:
        for module in [sys.modules.get("pandas"), sys.modules.get("cudf")]:
            for name in names:
                original = getattr(module, name, None)
                if original is None:
                    continue
                stand_in = to_datetime(original) if name == "to_datetime" else method(name, original)
                scope = getattr(function, "__globals__", {})
                known = [key for key, value in scope.items() if value is original]
                stack.enter_context(mock.patch.object(module, name, stand_in))
                stack.enter_context(mock.patch.dict(scope, {key: stand_in for key in known}))
        yield


def made_up(dtypes):
    """Two rows of each dtype: what matters is the dtypes that become of them."""

    def values(dtype):
        kind = np.dtype(dtype).kind if dtype != "list" else "O"
        if kind == "M":
            return pd.Series(pd.to_datetime(["2020-01-02 03:04:05", "2021-06-07 08:09:10"]))
        return pd.Series(["a b", "c"], dtype="object") if kind == "O" else pd.Series([1, 2]).astype(dtype)

    return pd.DataFrame({name: values(dtype) for name, dtype in dtypes.items()})


def trace(call, function, rows, is_data):
    """@returns what `call` makes of a frame of stand-ins, and notes on constants that were read of the data"""

    def once():
        tracing = Tracing(rows, is_data)
        frame = Frame({name: Column(tracing, {"column": name}, rows[name]) for name in rows.columns})
        with modules_read_columns(function), np.errstate(all="ignore"):
            return call(frame), tracing.notes

    try:
        made, notes = once()
        again, _ = once()
    except Untranslatable:
        raise
    except Exception as error:
        raise Untranslatable(f"cannot be read: {type(error).__name__}: {error}") from error
    seen = lambda frame: ({name: column.tree for name, column in frame.of.items()}, frame.condition and frame.condition.tree) if isinstance(frame, Frame) else frame
    tree = lambda result: result.tree if isinstance(result, Column) else {k: tree(v) for k, v in result.items()} if isinstance(result, dict) else (tree(result.of), None if result.condition is None else result.condition.tree)
    if not isinstance(made, (Column, Frame, dict)):
        raise Untranslatable("makes something else than a column")
    if tree(made) != tree(again):
        raise Untranslatable("does something else each time it is called")
    return made, notes


def function_of(name, column):
    """A column's record: its name, dtype and expression."""
    tree = column.tree[1] if isinstance(column.tree, list) and column.tree[0] == "fround" else column.tree
    if column.kind in ("time", "span"):
        return {"name": name, "dtype": "int64", "expression": tree}
    return {"name": name, "dtype": {"text": "string"}.get(column.kind, str(column.dtype)), "expression": tree}


def columns_of(op, names, rows, is_data):
    """@returns records of the outputs of a LambdaOp, one for each name, their dtypes in pandas, and notes"""

    def call(frame):
        made = {name: op.f(frame[name], frame) if op._param_count == 2 else op.f(frame[name]) for name in names}
        for value in made.values():
            if not isinstance(value, Column):
                raise Untranslatable("makes a constant, or something else than a column")
        return made

    made, notes = trace(call, op.f, rows, is_data)
    return [function_of(name, made[name]) for name in names], {name: str(made[name].dtype) for name in names}, notes


def columns_of_operator(op, selector, names, rows, is_data):
    """The same of an operator of one's own, whose `transform` is read."""
    made, notes = trace(lambda frame: op.transform(selector, frame), type(op).transform, rows, is_data)
    if not isinstance(made, Frame) or made.condition is not None:
        raise Untranslatable("makes something else than columns of the same rows")
    return [function_of(name, made[name]) for name in names], {name: str(made[name].dtype) for name in names}, notes


def condition_of(f, rows, is_data):
    """@returns the expression of the rows that a Filter keeps, and notes"""
    made, notes = trace(f, f, rows, is_data)
    if isinstance(made, Frame):
        made = made.condition
    if not isinstance(made, Column) or made.kind != "bool":
        raise Untranslatable("makes something else than a condition")
    return made.tree, notes
