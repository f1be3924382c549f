/** A template and a user's values → a filter, whose values have the types of the attributes. */
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { evaluateExpression } from "../evaluate-expression.js";
import type { Value } from "../expression-functions.js";
import { ALWAYS, all, any, type Filter, NEVER, type Order, type Scalar } from "./filter.js";
import type { AttributeTest, Template } from "./template.js";

/** @param user values by their names in the condition (`user.age`) */
export function bindFilter(
  template: Template,
  user: ReadonlyMap<string, Value>,
  dtypes: Readonly<Record<string, DType>>,
): Filter {
  if ("all" in template) return all(template.all.map(part => bindFilter(part, user, dtypes)));
  if ("any" in template) return any(template.any.map(part => bindFilter(part, user, dtypes)));
  if ("user" in template) return evaluateExpression(template.user, user) ? ALWAYS : NEVER;
  const { attribute, negated, test } = template;
  return bindTest(attribute, dtypes[attribute]!, negated, test, user);
}

function bindTest(
  attribute: string,
  dtype: DType,
  negated: boolean,
  test: AttributeTest,
  user: ReadonlyMap<string, Value>,
): Filter {
  switch (test.kind) {
    case "missing":
      return { attribute, missing: !negated };
    case "truthy":
      return truthy(attribute, dtype, negated);
    case "compare":
      return compare(attribute, dtype, negated, test.by, evaluateExpression(test.value, user));
    case "among":
      return among(attribute, dtype, negated, evaluateExpression(test.list, user));
    case "text": {
      const value = evaluateExpression(test.value, user);
      if (typeof value !== "string" || !isStorable(value)) return negated ? ALWAYS : NEVER;
      return orMissing({ attribute, text: test.text, value, negated }, attribute, negated);
    }
  }
}

/** The opposite of a test holds for an item without the attribute. */
const orMissing = (test: Filter, attribute: string, negated: boolean): Filter =>
  negated ? any([{ attribute, missing: true }, test]) : test;

function truthy(attribute: string, dtype: DType, negated: boolean): Filter {
  const { kind } = datatype(dtype);
  if (kind === "bool") return orMissing({ attribute, is: "=", value: !negated }, attribute, negated);
  const none = kind === "string" ? "" : kind === "float" ? 0 : 0n;
  return orMissing({ attribute, is: negated ? "=" : "!=", value: none }, attribute, negated);
}

const OPPOSITE = { "<": ">=", "<=": ">", ">": "<=", ">=": "<" } as const;

function compare(attribute: string, dtype: DType, negated: boolean, by: Order | "=", value: Value): Filter {
  if (by === "=") {
    if (value === undefined) return { attribute, missing: !negated };
    const same = scalarOf(value, dtype);
    if (same === undefined) return negated ? ALWAYS : NEVER;
    return orMissing({ attribute, is: negated ? "!=" : "=", value: same }, attribute, negated);
  }
  if (typeof value !== "number" && typeof value !== "bigint") return negated ? ALWAYS : NEVER;
  return orMissing(ordered(attribute, dtype, negated ? OPPOSITE[by] : by, value), attribute, negated);
}

const [LEAST, MOST] = [-(2n ** 63n), 2n ** 63n - 1n];

/** An integer is compared with an integer: `> 2.5` is `> 2`. */
function ordered(attribute: string, dtype: DType, by: Order, value: number | bigint): Filter {
  if (datatype(dtype).kind === "float") {
    const is = Number(value);
    if (Number.isFinite(is)) return { attribute, is: by, value: is };
    return infinite(attribute, by, is > 0);
  }
  if (typeof value === "number" && !Number.isFinite(value)) return infinite(attribute, by, value > 0);
  const rounded =
    typeof value === "bigint" ? value : BigInt(by === "<" || by === ">=" ? Math.ceil(value) : Math.floor(value));
  if (rounded > MOST) return by === "<" || by === "<=" ? { attribute, missing: false } : NEVER;
  if (rounded < LEAST) return by === ">" || by === ">=" ? { attribute, missing: false } : NEVER;
  return { attribute, is: by, value: rounded };
}

/** Attributes are finite. */
const infinite = (attribute: string, by: Order, isPositive: boolean): Filter =>
  by.startsWith("<") === isPositive ? { attribute, missing: false } : NEVER;

function among(attribute: string, dtype: DType, negated: boolean, list: Value): Filter {
  const items: readonly Value[] = Array.isArray(list) ? (list as readonly Value[]) : [];
  const values = [
    ...new Set(
      items.flatMap(item => {
        const same = item === undefined ? undefined : scalarOf(item, dtype);
        return same === undefined ? [] : [same];
      }),
    ),
  ];
  const hasMissing = items.some(item => item === undefined || Number.isNaN(item));
  const isAmong: Filter =
    values.length > 0 ? { attribute, among: values, negated } : negated ? { attribute, missing: false } : NEVER;
  return hasMissing === negated ? isAmong : any([{ attribute, missing: true }, isAmong]);
}

/** A value that an attribute may have; undefined for others. */
function scalarOf(value: Value, dtype: DType): Scalar | undefined {
  const { kind } = datatype(dtype);
  if (kind === "string") return typeof value === "string" && isStorable(value) ? value : undefined;
  if (kind === "bool") return typeof value === "boolean" ? value : undefined;
  if (typeof value === "number" && !Number.isFinite(value)) return undefined;
  if (kind === "float") {
    if (typeof value !== "number" && typeof value !== "bigint") return undefined;
    const number = Number(value);
    return dtype === "float32" && Math.fround(number) !== number ? undefined : number;
  }
  if (typeof value === "number") return Number.isInteger(value) ? inRange(BigInt(value)) : undefined;
  return typeof value === "bigint" ? inRange(value) : undefined;
}

const inRange = (value: bigint): bigint | undefined => (value >= LEAST && value <= MOST ? value : undefined);

/** Databases keep texts as UTF-8, some without the character 0. */
const isStorable = (text: string): boolean => !text.includes("\0") && !/\p{Surrogate}/u.test(text);
