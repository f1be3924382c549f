// Selection by tag and wildcard, functions of columns, and named parts, as types.
import { $minus, $pick, clip, lambdaOp, type Node, rename, source, subgraph, tag, tagAsUserId } from "merlon";
import { describe, expect, test } from "tstyche";

const events = source({ user_id: "int64", price: "float32", label: "int32" });
type Events = "int64 user_id" | "float32 price" | "int32 label";

describe("selection", () => {
  test("`*` is every column", () => expect(events.pick("*")).type.toBe<Node<Events>>());
  test("a tag may be any of them", () => expect($pick(events, tag("user"))).type.toBe<Node<string>>());
  test("taking a tag away leaves what the checker cannot know", () =>
    expect($minus(events, tag("target"))).type.toBe<Node<string>>());
  test("a wrong name is named", () => expect(events.pick).type.not.toBeCallableWith("prize"));
});

describe("operators", () => {
  test("tags change no columns", () =>
    expect(events.pick("user_id").pipe(tagAsUserId())).type.toBe<Node<"int64 user_id">>());
  test("a named function of a known dtype makes one column", () =>
    expect(events.pipe(lambdaOp((price, label) => price * label, { name: "paid", dtype: "float32" }))).type.toBe<
      Node<"float32 paid">
    >());
  test("a function without them is open", () => expect(events.pipe(lambdaOp(x => x + 1))).type.toBe<Node<string>>());
  test("a function of the name is open", () =>
    expect(events.pipe(rename(name => `${name}_raw`))).type.toBe<Node<string>>());
  test("a named part has the columns of its node", () =>
    expect(subgraph("price", events.pick("price").pipe(clip({ min: 0 })))).type.toBe<Node<"float32 price">>());
});
