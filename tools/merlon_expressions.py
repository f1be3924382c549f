"""Runs the expressions of `lambdaOp` and `filter` on Spark's workers, each function as JavaScript means it.

A missing value is None and NaN counts as one. A number is a float, an integer of 64 bits an int. A text is a Python string of UTF-16 code units, so that places and lengths are JavaScript's. The
functions are those of `contract/expression-functions.ts`; a test holds the two equal.
"""
import math
import operator
import re

import numpy

NAN, INF = math.nan, math.inf
MOST_TEXT = 1_000_000


def units(text):
    """A text with each character beyond U+FFFF as two."""
    if text.isascii() or max(text) <= "\uffff":
        return text
    pairs = text.encode("utf-16-le", "surrogatepass")
    return "".join(chr(pairs[i] | pairs[i + 1] << 8) for i in range(0, len(pairs), 2))


def characters(text):
    """The same with pairs as one character each; halves stay what they are."""
    return re.sub("[\ud800-\udbff][\udc00-\udfff]", lambda pair: pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le"), text)


def well_formed(text):
    """As it is written to a file: half a character is U+FFFD."""
    return text if text.isascii() else re.sub("[\ud800-\udfff]", "\ufffd", characters(text))


def known(number):
    return None if number is None or number != number else number


def numeric(apply):
    """A function of numbers: a missing argument is NaN, as is a result that there is not."""

    def run(*args):
        made = apply(*[NAN if a is None else a for a in args])
        return None if made != made else float(made)

    return run


def plain(apply, poles={}, overflow=lambda x: INF):
    """A function of `math`, whose errors are NaN and infinities here. `poles` has its values where it has none."""

    def run(x):
        if x in poles:
            return poles[x]
        try:
            return apply(x)
        except ValueError:
            return NAN
        except OverflowError:
            return overflow(x)

    return numeric(run)


def divide(a, b):
    if b == 0:
        return NAN if a == 0 or a != a else math.copysign(INF, a) * math.copysign(1, b)
    return a / b


def remainder(a, b):
    return NAN if b == 0 or math.isinf(a) else math.fmod(a, b)


def power(a, b):
    if b == 0:
        return 1.0
    if b != b or (abs(a) == 1 and math.isinf(b)):
        return NAN
    with numpy.errstate(all="ignore"):
        return float(numpy.power(a, b))


def whole(round_to):
    return numeric(lambda x: x if x == 0 or not math.isfinite(x) else math.copysign(round_to(x), x))


def nearest(x):
    below = math.floor(x)
    return below + (x - below >= 0.5)


def extreme(sign):
    def run(*values):
        if any(v != v for v in values):
            return NAN
        return max(values, key=lambda v: (sign * v, sign * math.copysign(1, v)))

    return numeric(run)


def fround(x):
    with numpy.errstate(over="ignore"):
        return numpy.float32(x)


def wrapped(x):
    """The 64 low bits of an integer."""
    return (x + 2**63) % 2**64 - 2**63


def integral(apply):
    """A function of integers, missing where an argument is."""

    def run(*args):
        if any(a is None for a in args):
            return None
        made = apply(*args)
        return None if made is None else wrapped(made)

    return run


def quotient(a, b):
    """Towards zero."""
    if b == 0:
        return None
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def to_integer(x):
    if x is None or math.isinf(x) or not -(2**63) <= math.trunc(x) < 2**63:
        return None
    return math.trunc(x)


def compare(apply):
    return lambda a, b: a is not None and b is not None and apply(a, b)


def method(types, apply):
    """A method of a text: missing text, missing result; the same for texts among the arguments."""

    def run(text, *rest):
        if text is None or any(t == "text" and a is None for t, a in zip(types, rest)):
            return None
        return apply(text, *rest)

    return run


def integer(x, otherwise=0):
    """`ToIntegerOrInfinity`, of a missing number `otherwise`."""
    return otherwise if x is None else x if math.isinf(x) else int(x)


def bounded(length, make):
    return make() if 0 <= length <= MOST_TEXT else None


def within(place, length):
    return int(min(max(place, 0), length))


def from_either_end(place, length):
    return within(place + length if place < 0 else place, length)


def part(s, a=None, b=None):
    return s[from_either_end(integer(a), len(s)) : from_either_end(integer(b, len(s)), len(s))]


def substring(s, a=None, b=None):
    start, end = sorted((within(integer(a), len(s)), within(integer(b, len(s)), len(s))))
    return s[start:end]


def char_at(s, i=None):
    place = integer(i)
    return s[int(place)] if 0 <= place < len(s) else ""


def padding(s, n, t):
    missing = within(integer(n), MOST_TEXT) - len(s)
    return (t * (missing // len(t) + 1))[:missing] if missing > 0 and t else ""


def pad(at_end):
    def run(s, n=None, t=" "):
        return bounded(max(len(s), n or 0), lambda: s + padding(s, n, t) if at_end else padding(s, n, t) + s)

    return run


def repeat(s, n=None):
    times = 0 if n is None else n
    if times < 0 or math.isinf(times):
        return None
    return bounded(len(s) * int(times), lambda: s and s * int(times))


SPACES = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
OTHER_BASE = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")


def parse_number(s):
    text = s.strip(SPACES)
    if text == "":
        return 0.0
    if text in ("Infinity", "+Infinity", "-Infinity"):
        return float(text)
    if DECIMAL.fullmatch(text):
        return float(text)
    if OTHER_BASE.fullmatch(text):
        try:
            return float(int(text, 0))
        except OverflowError:
            return INF
    return None


def print_number(n):
    """`String(n)`: Python has the same shortest digits and other bounds for the exponent."""
    if n is None:
        return None
    if math.isinf(n):
        return "Infinity" if n > 0 else "-Infinity"
    if n == 0:
        return "0"
    mantissa, exponent = f"{abs(n)!r}e0".split("e")[:2]
    before, _, after = mantissa.partition(".")
    digits = (before + after).lstrip("0")
    point = len(digits) - len(after) + int(exponent)
    digits = digits.rstrip("0")
    k = len(digits)
    sign = "-" if n < 0 else ""
    if k <= point <= 21:
        return sign + digits + "0" * (point - k)
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if k > 1 else ""
    return f"{sign}{digits[0]}{rest}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def item_at(items, place):
    if items is None or place is None or not float(place).is_integer():
        return None
    at = int(place) + (len(items) if place < 0 else 0)
    return items[at] if 0 <= at < len(items) else None


def includes(items, x):
    return None if items is None else x in items


def count(items):
    return None if items is None else float(len(items))


DAY = 86_400_000


def date_part(apply):
    def run(ms):
        return apply(math.trunc(ms)) if abs(ms) <= 8.64e15 else NAN

    return numeric(run)


def civil(ms):
    """Year, month from 0 and day of a moment, in the Gregorian calendar of all times."""
    z = ms // DAY + 719_468
    era, of_era = divmod(z, 146_097)
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 2 if shifted < 10 else shifted - 10
    return year + era * 400 + (month < 2), month, of_year - (153 * shifted + 2) // 5 + 1


FUNCTIONS = {
    "add": numeric(lambda a, b: a + b),
    "subtract": numeric(lambda a, b: a - b),
    "multiply": numeric(lambda a, b: a * b),
    "divide": numeric(divide),
    "remainder": numeric(remainder),
    "power": numeric(power),
    "negate": numeric(lambda a: -a),
    "abs": numeric(abs),
    "acos": plain(math.acos),
    "acosh": plain(math.acosh),
    "asin": plain(math.asin),
    "asinh": plain(math.asinh),
    "atan": plain(math.atan),
    "atan2": numeric(math.atan2),
    "atanh": plain(math.atanh, {1: INF, -1: -INF}),
    "cbrt": numeric(numpy.cbrt),
    "ceil": whole(math.ceil),
    "cos": plain(math.cos),
    "cosh": plain(math.cosh),
    "exp": plain(math.exp),
    "expm1": plain(math.expm1),
    "floor": whole(math.floor),
    "fround": numeric(fround),
    "hypot": numeric(math.hypot),
    "log": plain(math.log, {0: -INF}),
    "log10": plain(math.log10, {0: -INF}),
    "log1p": plain(math.log1p, {-1: -INF}),
    "log2": plain(math.log2, {0: -INF}),
    "max": extreme(1),
    "min": extreme(-1),
    "round": whole(nearest),
    "sign": numeric(lambda x: x if x == 0 or x != x else math.copysign(1, x)),
    "sin": plain(math.sin),
    "sinh": plain(math.sinh, overflow=lambda x: math.copysign(INF, x)),
    "sqrt": plain(math.sqrt),
    "tan": plain(math.tan),
    "tanh": plain(math.tanh),
    "trunc": whole(math.trunc),
    "isFinite": lambda a: a is not None and math.isfinite(a),
    "isInteger": lambda a: a is not None and float(a).is_integer(),
    "addIntegers": integral(lambda a, b: a + b),
    "subtractIntegers": integral(lambda a, b: a - b),
    "multiplyIntegers": integral(lambda a, b: a * b),
    "remainderIntegers": integral(lambda a, b: None if b == 0 else a - quotient(a, b) * b),
    "truncDivideIntegers": integral(quotient),
    "floorDivideIntegers": integral(lambda a, b: None if b == 0 else a // b),
    "negateInteger": integral(lambda a: -a),
    "absInteger": integral(abs),
    "maxIntegers": integral(lambda *all: max(all)),
    "minIntegers": integral(lambda *all: min(all)),
    "lessIntegers": compare(operator.lt),
    "lessOrEqualIntegers": compare(operator.le),
    "greaterIntegers": compare(operator.gt),
    "greaterOrEqualIntegers": compare(operator.ge),
    "widen": lambda a: None if a is None else float(a),
    "toInteger": to_integer,
    "less": compare(operator.lt),
    "lessOrEqual": compare(operator.le),
    "greater": compare(operator.gt),
    "greaterOrEqual": compare(operator.ge),
    "equal": lambda a, b: a == b,
    "notEqual": lambda a, b: a != b,
    "isMissing": lambda a: a is None,
    "truthy": bool,
    "not": lambda a: not a,
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "coalesce": lambda a, b: b if a is None else a,
    "if": lambda test, yes, no: yes if test else no,
    "toNumber": lambda a: None if a is None else float(a),
    "concat": method(["text"], lambda a, b: bounded(len(a) + len(b), lambda: a + b)),
    "charAt": method(["number"], char_at),
    "endsWith": method(["text"], str.endswith),
    "includes": method(["text"], lambda s, t: t in s),
    "indexOf": method(["text"], lambda s, t: float(s.find(t))),
    "lastIndexOf": method(["text"], lambda s, t: float(s.rfind(t))),
    "lower": method([], lambda s: units(characters(s).lower())),
    "padEnd": method(["number", "text"], pad(True)),
    "padStart": method(["number", "text"], pad(False)),
    "repeat": method(["number"], repeat),
    "replace": method(["text", "text"], lambda s, a, b: s.replace(a, b, 1)),
    "replaceAll": method(["text", "text"], lambda s, a, b: bounded(len(s) + (len(s) + 1) * len(b), lambda: s.replace(a, b))),
    "slice": method(["number", "number"], part),
    "split": method(["text"], lambda s, by: s.split(by) if by else list(s)),
    "startsWith": method(["text"], str.startswith),
    "substring": method(["number", "number"], substring),
    "textAt": method(["number"], item_at),
    "textLength": method([], lambda s: float(len(s))),
    "trim": method([], lambda s: s.strip(SPACES)),
    "trimEnd": method([], lambda s: s.rstrip(SPACES)),
    "trimStart": method([], lambda s: s.lstrip(SPACES)),
    "upper": method([], lambda s: units(characters(s).upper())),
    "parseNumber": method([], parse_number),
    "print": print_number,
    "printInteger": lambda n: None if n is None else str(n),
    "numberAt": item_at,
    "numbersInclude": includes,
    "numbersLength": count,
    "integerAt": item_at,
    "integersInclude": includes,
    "textsAt": item_at,
    "textsInclude": includes,
    "textsLength": count,
    "dateTime": date_part(float),
    "year": date_part(lambda ms: civil(ms)[0]),
    "month": date_part(lambda ms: civil(ms)[1]),
    "dayOfMonth": date_part(lambda ms: civil(ms)[2]),
    "dayOfWeek": date_part(lambda ms: (ms // DAY + 4) % 7),
    "hours": date_part(lambda ms: ms // 3_600_000 % 24),
    "minutes": date_part(lambda ms: ms // 60_000 % 60),
    "seconds": date_part(lambda ms: ms // 1_000 % 60),
    "milliseconds": date_part(lambda ms: ms % 1_000),
}


def constant(value):
    return units(value) if isinstance(value, str) else value if isinstance(value, bool) else float(value)


def exact(value):
    """A column's integers. Those of 32 bits may be floats."""
    if isinstance(value, list):
        return [exact(item) for item in value]
    return None if value is None else int(value)


def inexact(value):
    """A column's integers as floats, anything else as it is."""
    if isinstance(value, list):
        return [inexact(item) for item in value]
    return float(value) if type(value) is int else value


def compile_expression(at):
    """An expression document → a function of a row's values by column and of the names that a `let` gives."""
    if "call" in at:
        apply, args = FUNCTIONS[at["call"]], [compile_expression(arg) for arg in at["args"]]
        return lambda row, names: apply(*[arg(row, names) for arg in args])
    if "column" in at:
        name, read = at["column"], exact if at.get("exact") else inexact
        return lambda row, names: read(row[name])
    if "local" in at:
        name = at["local"]
        return lambda row, names: names[name]
    if "let" in at:
        name, be, inner = at["let"], compile_expression(at["be"]), compile_expression(at["in"])
        return lambda row, names: inner(row, {**names, name: be(row, names)})
    if "missing" in at:
        return lambda row, names: None
    if "number" in at:
        value = float(at["number"])  # which reads "-Infinity", too
    elif "integer" in at:
        value = int(at["integer"])
    elif "integers" in at:
        value = [int(item) for item in at["integers"]]
    else:
        value = [constant(item) for item in at["list"]] if "list" in at else constant(next(iter(at.values())))
    return lambda row, names: value


def read_value(value, is_list=False, is_digits=False):
    """A cell as pandas hands it over, or an integer as digits."""
    if is_list:
        return [] if value is None else [read_value(item, False, is_digits) for item in value]
    if value is None or value != value:
        return None
    if is_digits:
        return int(value)
    if isinstance(value, str):
        return units(value)
    if isinstance(value, (bool, numpy.bool_)):
        return bool(value)
    return int(value) if isinstance(value, (int, numpy.integer)) else float(value)


WHOLE = re.compile(r"(u?)int(\d+)")


def writer(dtype):
    """A result → a cell of the dtype: numbers become integers by dropping the fraction; one that does not fit is null."""
    whole_number = WHOLE.fullmatch(dtype)
    if whole_number:
        bits = int(whole_number[2])
        low, end = (0, 2**bits) if whole_number[1] else (-(2 ** (bits - 1)), 2 ** (bits - 1))
        return lambda x: None if x is None or x in (INF, -INF) or not low <= math.trunc(x) < end else math.trunc(x)
    if dtype == "float32":
        return lambda x: None if x is None else float(fround(float(x)))
    if dtype == "float64":
        return lambda x: None if x is None else float(x)
    return lambda x: well_formed(x) if isinstance(x, str) else x


def expression_rows(expression, columns, dtype):
    """A function from a list of cells a column to a list of cells. `columns` has names, and whether each holds lists, and integers as digits."""
    run, write = compile_expression(expression), writer(dtype)

    def rows(*cells):
        read = [[read_value(cell, *form) for cell in column] for (_, *form), column in zip(columns, cells)]
        names = [name for name, *_ in columns]
        return [write(known_or_text(run(dict(zip(names, row)), {}))) for row in zip(*read)]

    return rows


def known_or_text(value):
    return known(value) if isinstance(value, float) else value
