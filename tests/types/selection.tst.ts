// Selection by tag and wildcard, functions of columns, and named parts, as types.
import { $minus, $pick, clip, lambdaOp, type Node, rename, source, subgraph, tag, tagAsUserId } from "merlon";
import { describe, expect, test } from "tstyche";

declare const columnsOf: <C extends string, A extends string>(node: Node<C, A>) => C;

const events = source({ user_id: "int64", price: "float32", label: "int32" });
type Events = "int64 user_id" | "float32 price" | "int32 label";

describe("selection", () => {
  test("`*` is every column", () => expect(columnsOf(events.pick("*"))).type.toBe<Events>());
  test("a tag may be any of them", () => expect(columnsOf($pick(events, tag("user")))).type.toBe<string>());
  test("taking a tag away leaves what the checker cannot know", () =>
    expect(columnsOf($minus(events, tag("target")))).type.toBe<string>());
  test("a wrong name is named", () => expect(events.pick).type.not.toBeCallableWith("prize"));
});

describe("operators", () => {
  test("tags change no columns", () =>
    expect(columnsOf(events.pick("user_id").pipe(tagAsUserId()))).type.toBe<"int64 user_id">());
  test("a named function of a known dtype makes one column", () =>
    expect(
      columnsOf(events.pipe(lambdaOp((price, label) => price * label, { name: "paid", dtype: "float32" }))),
    ).type.toBe<"float32 paid">());
  test("a function without them is open", () =>
    expect(columnsOf(events.pipe(lambdaOp(x => x + 1)))).type.toBe<string>());
  test("a function of the name is open", () =>
    expect(columnsOf(events.pipe(rename(name => `${name}_raw`)))).type.toBe<string>());
  test("a named part has the columns of its node", () =>
    expect(columnsOf(subgraph("price", events.pick("price").pipe(clip({ min: 0 }))))).type.toBe<"float32 price">());
});
