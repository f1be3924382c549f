// Texts of protobuf's text form: escapes, strings that are joined, messages in both brackets, and lists.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bytesOf,
  parseTextMessage,
  quoteBytes,
  TextFormatError,
  type TextMessage,
  type TextValue,
  utf8Of,
} from "#formats/bytes/text-message.js";

const textOf = (written: string) => utf8Of((parseTextMessage(`x: ${written}`).x as string[])[0]!);

test.each([
  ['"\\n\\r\\t\\a\\b\\f\\v"', "\n\r\t\x07\b\f\v"],
  ['"\\\\ \\" \\\' \\?"', "\\ \" ' ?"],
  ['"\\101\\7\\1012"', "A\x07A2"],
  ['"\\x41\\X4a\\x7"', "AJ\x07"],
  ['"\\303\\251 \\xc3\\xa9 é"', "é é é"],
  [`'a' "b"\n  'c'`, "abc"],
  ['""', ""],
])("%s", (written, text) => {
  expect(textOf(written)).toBe(text);
});

test("bytes are read back as they were quoted", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
      const read = (parseTextMessage(`x: "${quoteBytes(bytes).replace(/^"|"$/g, "")}"`).x as string[])[0]!;
      expect(new Uint8Array(bytesOf(read))).toEqual(bytes);
    }),
  );
});

/** A value as it is written and as it is read. */
interface Written {
  readonly text: string;
  readonly value: TextValue;
  readonly isMessage: boolean;
}
const space = fc.constantFrom(" ", "\n", "\t", " # a comment } ]\n", "  ");
const scalar = fc.constantFrom("1", "-1.5e+3", "true", "ENUM_A", "inf", "-inf", "0x1F", "1.f");
const quoted = fc
  .tuple(
    fc.string({ unit: fc.constantFrom("a", "é", "\u{1f600}", '"', "'", "\\", "{", "#", " ") }),
    fc.constantFrom('"', "'"),
  )
  .map(([text, quote]) => ({
    text: `${quote}${text.replaceAll("\\", "\\\\").replaceAll(quote, `\\${quote}`)}${quote}`,
    value: Buffer.from(text, "utf8").toString("latin1"),
  }));
const names = fc.constantFrom("a", "b_1", "[type.googleapis.com/merlin.Schema]", "[ext.field-x]", "constructor");

const { message } = fc.letrec<{
  message: Written;
  value: Written;
  field: { text: string; name: string; values: TextValue[] };
}>(tie => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalar.map(text => ({ text, value: text, isMessage: false })),
    fc.array(fc.tuple(quoted, space), { minLength: 1, maxLength: 3 }).map(parts => ({
      text: parts.map(([{ text }, gap]) => text + gap).join(""),
      value: parts.map(([{ value }]) => value).join(""),
      isMessage: false,
    })),
    tie("message"),
  ),
  field: fc
    .record({
      name: names,
      values: fc.array(tie("value"), { maxLength: 3 }),
      inList: fc.boolean(),
      inside: fc.constantFrom("", " ", "\n"),
      colon: fc.boolean(),
      separator: fc.constantFrom("", ",", ";"),
      comma: fc.constantFrom(",", " "),
      gap: space,
    })
    .map(({ name, values, inList, inside, colon, separator, comma, gap }) => {
      const [only] = values;
      const isList = values.length !== 1 || inList;
      const isMarked = colon || isList || !only!.isMessage;
      const isText = values.some(({ text }) => /["']/.test(text));
      // Texts that follow each other are one.
      const between = isText ? ", " : `${comma} `;
      const items = values.map(({ text }) => text).join(between);
      const text = isList ? `[${inside}${items}${inside}]` : only!.text;
      return {
        name,
        values: values.map(({ value }) => value),
        text: `${name}${gap}${isMarked ? ":" : ""}${gap}${text}${gap}${separator}${gap}`,
      };
    }),
  message: fc
    .tuple(fc.array(tie("field"), { maxLength: 3 }), fc.constantFrom(["{", "}"] as const, ["<", ">"] as const))
    .map(([fields, [open, close]]) => {
      const value: Record<string, TextValue[]> = Object.create(null);
      for (const { name, values } of fields) value[name] = [...(value[name] ?? []), ...values];
      return { text: `${open}${fields.map(({ text }) => text).join("")}${close}`, value, isMessage: true };
    }),
}));

test("a message is read in each of the forms that it may have", () => {
  fc.assert(
    fc.property(message, ({ text, value }) => {
      const read = parseTextMessage(text.slice(1, -1));
      expect(read).toEqual(value);
      expect(Object.keys(read)).toEqual(Object.keys(value as TextMessage));
      expect(parseTextMessage(`outer ${text}`).outer).toEqual([value]);
    }),
    { numRuns: 150 },
  );
});

describe("a text that is not a message", () => {
  const fault = (text: string): string => {
    try {
      parseTextMessage(text);
      return "read";
    } catch (error) {
      expect([(error as Error).name, error instanceof TextFormatError]).toEqual(["TextFormatError", true]);
      return (error as Error).message;
    }
  };
  test.each([
    ["a: 1\n  b: @", "line 2, column 6: `@` does not belong here."],
    ['a: "x', 'line 1, column 4: `"` does not belong here.'],
    ['a: "x\ny"', 'line 1, column 4: `"` does not belong here.'],
    ["a: 1\n}", "line 2, column 1: expected a field name, but found `}`."],
    [": 1", "line 1, column 1: expected a field name, but found `:`."],
    ['"a": 1', 'line 1, column 1: expected a field name, but found `"a"`.'],
    ["-a: 1", "line 1, column 1: expected a field name, but found `-a`."],
    ["[a b]: 1", "line 1, column 1: expected a field name, but found `[`."],
    ["a {", "line 1, column 4: expected a field name, but found the end."],
    ["a <\nb: 1 }", "line 2, column 6: expected a field name, but found `}`."],
    ["a:", "line 1, column 3: expected a value, but found the end."],
    ["a", "line 1, column 2: expected a value, but found the end."],
    ["a: }", "line 1, column 4: expected a value, but found `}`."],
    ["a: >", "line 1, column 4: expected a value, but found `>`."],
    ["a: :", "line 1, column 4: expected a value, but found `:`."],
    ["a: ,", "line 1, column 4: expected a value, but found `,`."],
    ["a: ;", "line 1, column 4: expected a value, but found `;`."],
    ["a: ]", "line 1, column 4: expected a value, but found `]`."],
    ["a: [[1]]", "line 1, column 5: expected a value, but found `[1]`."],
    ["a: [1", "line 1, column 6: expected a value, but found the end."],
    ["a: [1,,2]", "line 1, column 7: expected a value, but found `,`."],
    ["a: 1,, b: 1", "line 1, column 6: expected a field name, but found `,`."],
  ])("%j", (text, message) => {
    expect(fault(text)).toBe(message);
  });
  test("has messages more than a hundred deep, the whole among them", () => {
    const nested = (depth: number): string => "a {".repeat(depth) + "}".repeat(depth);
    expect(fault(nested(99))).toBe("read");
    expect(fault(nested(100))).toBe(
      "line 1, column 301: expected at most 100 messages inside each other, but found `}`.",
    );
    // Those that follow each other are not inside.
    expect(fault("a {} ".repeat(300))).toBe("read");
  });
});
