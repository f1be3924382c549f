/**
 * Random functions of columns as text, typed, of the subset that users may write. Random functions avoid the intended differences between
 * Merlon and JavaScript. A text with a missing part is missing, and NaN is missing, so `??` and `== null` see it. These have tests of their
 * own.
 */
import fc from "fast-check";

export type Kind = "number" | "integer" | "text" | "flag";

/** Parameters, by their values. */
export const COLUMNS = {
  a: "float64",
  b: "float32",
  i: "int32",
  big: "int64",
  s: "string",
  t: "string",
  f: "bool",
  ids: "list<int64>",
  words: "list<string>",
} as const;

/** Functions that every machine rounds correctly, and those that differ by a last bit from one mathematical library to another. */
const EXACT = ["abs", "ceil", "floor", "round", "trunc", "sign", "sqrt", "fround"];
const ROUNDED = ["log1p", "exp", "log", "tanh", "cbrt"];

/**
 * @param exact without functions whose last bit another library computes otherwise, since `%`, `<` or `floor` make any difference of it
 * @param integers with arithmetic of 64 bits, which JavaScript's numbers do not have
 */
const grammar = (exact: boolean, integers = true) =>
  fc.letrec<Record<Kind, string>>(tie => {
    const [n, s, c] = [tie("number"), tie("text"), tie("flag")];
    const call = (f: (...parts: string[]) => string, ...parts: fc.Arbitrary<string>[]) =>
      fc.tuple(...parts).map(given => f(...given));
    const pick = <T>(...values: T[]) => fc.constantFrom(...values);
    const literal = pick("0", "1", "2.5", "100", "(-3)", "1e300", "Infinity", "Math.PI");
    const numberColumn = pick("a", "b", "i", "big");
    const whole = tie("integer");
    const word = pick('""', '"a"', '"B c"', '"é😀"', "'x.y.z'", "`tpl`");
    const known = fc.oneof(
      word,
      call((x, y) => `(${x} ?? ${y})`, pick("s", "t"), word),
    );
    return {
      number: fc.oneof(
        { maxDepth: 5, depthSize: "small" },
        numberColumn,
        literal,
        call((x, o, y) => `(${x} ${o} ${y})`, n, pick("+", "-", "*", "/", "%", ...(exact ? [] : ["**"])), n),
        call((x, y) => `(${x} ?? ${y})`, numberColumn, n),
        call((x, y) => `(${x} || ${y})`, n, n),
        call((x, y) => `(${x} && ${y})`, n, n),
        call(
          (o, x) => `(${o}${x})`,
          pick("-", "+"),
          call(x => `(${x})`, n),
        ),
        call((f, x) => `Math.${f}(${x})`, pick(...EXACT, ...(exact ? [] : ROUNDED)), n),
        call(
          (f, x, y) => `Math.${f}(${x}, ${y})`,
          pick("min", "max", ...(exact ? [] : ["pow", "atan2", "hypot"])),
          n,
          n,
        ),
        call((x, y, z) => `Math.max(${x}, ${y}, ${z})`, n, n, n),
        call((x, y, z) => `(${x} ? ${y} : ${z})`, c, n, n),
        call(x => `(${x})?.length`, s),
        call((x, y) => `(${x})?.indexOf(${y})`, s, word),
        call(x => `Number(${x})`, fc.oneof(s, c, n)),
        pick("ids.length", "words.length", "ids[0]", "ids[1]", "ids.at(-1)"),
        ...(integers ? [whole] : []),
        call(x => `ids[${x}]`, n),
        call(x => `ids.at(${x})`, n),
        call(
          (p, x) => `new Date(${x}).get${p}()`,
          pick("UTCFullYear", "UTCMonth", "UTCDate", "UTCDay", "UTCHours", "UTCMinutes", "UTCSeconds", "Time"),
          n,
        ),
      ),
      integer: fc.oneof(
        { maxDepth: 5, depthSize: "small" },
        pick("i", "big", "ids[0]", "ids.at(-1)"),
        pick("3", "(-7)", "1000", "9007199254740993n", "-1234567890123456789n", "ids[0n]"),
        call((x, o, y) => `(${x} ${o} ${y})`, whole, pick("+", "-", "*", "%"), whole),
        call((f, x, y) => `Math.${f}(${x} / ${y})`, pick("floor", "trunc"), whole, whole),
        call((x, y) => `(${x} ?? ${y})`, whole, whole),
        call((x, o, y) => `(${x} ${o} ${y})`, whole, pick("&&", "||"), whole),
        call(x => `(-(${x}))`, whole),
        call(x => `Math.abs(${x})`, whole),
        call((f, x, y) => `Math.${f}(${x}, ${y})`, pick("min", "max"), whole, whole),
        call((x, y, z) => `(${x} ? ${y} : ${z})`, c, whole, whole),
      ),
      flag: fc.oneof(
        { maxDepth: 5, depthSize: "small" },
        pick("f", "true", "false"),
        ...(integers
          ? [
              call((x, o, y) => `(${x} ${o} ${y})`, whole, pick("<", "<=", ">", ">=", "===", "!=="), whole),
              call(x => `ids.includes(${x})`, whole),
              call(x => `[3, 9007199254740992, 1234567890123456789n].includes(${x})`, whole),
            ]
          : []),
        call((x, o, y) => `(${x} ${o} ${y})`, n, pick("<", "<=", ">", ">="), n),
        call((x, o, y) => `(${x} ${o} ${y})`, n, pick("===", "!==", "==", "!="), pick("0", "1", "2.5")),
        call((x, o, y) => `(${x} ${o} ${y})`, s, pick("===", "!=="), s),
        call((x, o) => `(${x} ${o} null)`, fc.oneof(numberColumn, s, pick("f", "ids")), pick("==", "!=")),
        call(x => `!${x}`, c),
        call((x, o, y) => `(${x} ${o} ${y})`, c, pick("&&", "||"), c),
        call((x, y) => `!(${x} && ${y})`, n, s),
        call((m, x, y) => `(${x})?.${m}(${y})`, pick("includes", "startsWith", "endsWith"), s, word),
        call(x => `ids.includes(${x})`, fc.oneof(literal, numberColumn)),
        call(x => `words.includes(${x})`, s),
        call(x => `["a", "x"].includes(${x})`, known),
        call((f, x) => `Number.${f}(${x})`, pick("isFinite", "isInteger"), n),
        call(x => `Boolean(${x})`, fc.oneof(n, s)),
        call((x, y, z) => `(${x} ? ${y} : ${z})`, c, c, c),
      ),
      text: fc.oneof(
        { maxDepth: 5, depthSize: "small" },
        pick("s", "t"),
        word,
        call((x, y) => `(${x} + ${y})`, known, known),
        call((x, y) => `\`<\${${x}}-\${${y}}>\``, known, pick("ids.length", "1.5", "1e21")),
        call((x, y) => `(${x} ?? ${y})`, s, s),
        call((x, y) => `(${x} || ${y})`, s, s),
        call((x, y, z) => `(${x} ? ${y} : ${z})`, c, s, s),
        call((m, x) => `(${x})?.${m}()`, pick("toUpperCase", "toLowerCase", "trim", "trimStart", "trimEnd"), s),
        call((x, from, to) => `(${x})?.slice(${from}, ${to})`, s, pick("0", "1", "-2"), pick("1", "3", "-1")),
        call((m, x, y, z) => `(${x})?.${m}(${y}, ${z})`, pick("replace", "replaceAll"), s, word, word),
        call((x, y, i) => `(${x})?.split(${y})[${i}]`, s, pick('"."', '" "', '""'), pick("0", "1", "7")),
        call((x, i) => `(${x})?.[${i}]`, s, pick("0", "2")),
        call((x, i) => `(${x})?.at(${i})`, s, pick("0", "-1", "9")),
        call((x, k) => `(${x})?.padStart(${k}, "*")`, s, pick("0", "4")),
        call((x, k) => `(${x})?.repeat(${k})`, s, pick("0", "2")),
        pick("words[0]", "words.at(-1)"),
        call(x => `String(${x})`, pick("ids.length", "0.1", "1e-7", "-0")),
        ...(integers ? [call(x => `String(${x})`, whole)] : []),
      ),
    };
  });

/** Dtypes that hold the values of each kind. */
export const DTYPES = { number: "float64", integer: "int64", text: "string", flag: "bool" } as const;

function functionsOf({ number, integer, text, flag }: Record<Kind, fc.Arbitrary<string>>, integers = true) {
  const body: fc.Arbitrary<{ kind: Kind; text: string }> = fc.oneof(
    number.map(t => ({ kind: "number" as const, text: t })),
    ...(integers ? [integer.map(t => ({ kind: "integer" as const, text: t }))] : []),
    flag.map(t => ({ kind: "flag" as const, text: t })),
    text.map(t => ({ kind: "text" as const, text: t })),
  );

  return fc.oneof(
    body.map(({ kind, text: t }) => ({ kind, text: `(${Object.keys(COLUMNS).join(", ")}) => ${t}` })),
    fc.tuple(body, flag, number, number).map(([{ kind, text: t }, test, x, y]) => ({
      kind,
      text: `({ ${Object.keys(COLUMNS).join(", ")} }) => {
      const first = ${x};
      const second = (first) * (${y});
      if (second > first) { if (${test}) return ${t}; }
      else if (${test}) { return undefined; }
      const third = ${t};
      return third;
    }`,
    })),
  );
}

/** The function's text, and its body: an expression, or statements around one. */
export const randomFunction = functionsOf(grammar(false));
/** The same, without integers. */
export const javascriptFunction = functionsOf(grammar(false, false), false);
/** The same, of functions that every machine computes to the last bit. */
export const exactFunction = functionsOf(grammar(true));
