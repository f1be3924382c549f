/** Addresses and keys of strangers: each is a path inside the repository, or is refused by name. */

import { resolve } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseBucketAddress } from "#runtime/server/object-store/address.js";
import { incompleteness } from "#runtime/server/object-store/complete.js";
import { filesOf, type ListedObject } from "#runtime/server/object-store/listed.js";

const object = (key: string, bytes = 1): ListedObject => ({ key, bytes, etag: `"${key}"` });

test("addresses, with the host of a server that is not AWS as in Triton", () => {
  expect(parseBucketAddress("s3://models/shop/repo/")).toEqual({
    bucket: "models",
    prefix: "shop/repo",
    endpoint: undefined,
  });
  expect(parseBucketAddress("s3://models")).toEqual({ bucket: "models", prefix: "", endpoint: undefined });
  expect(parseBucketAddress("s3://127.0.0.1:9000/models/a")).toEqual({
    bucket: "models",
    prefix: "a",
    endpoint: "https://127.0.0.1:9000",
  });
  expect(parseBucketAddress("s3://http://minio:9000/models")).toMatchObject({
    bucket: "models",
    endpoint: "http://minio:9000",
  });
});

test.each([
  "s3://",
  "s3:///x",
  "s3://UPPER/x",
  "s3://b",
  "s3://models/../x",
  "s3://models/a//b",
  "s3://models/./a",
  "s3://models/a\0b",
  "s3://models/a\\b",
  `s3://models/${"a".repeat(600)}`,
  "s3://http://minio:9000/",
])("'%s' is not an address", text =>
  expect(() => parseBucketAddress(text)).toThrow("is not an address in S3: write s3://BUCKET/PREFIX"),
);

test.each([
  "m/../../etc/passwd",
  "..",
  "/etc/passwd",
  "m//1/model.onnx",
  "m/./x",
  "m/a\0b",
  "m/a\nb",
  "m\\..\\x",
  `m/${"x".repeat(256)}`,
  `${"d/".repeat(40)}x`,
  "m/\ud800",
])("the key '%s' is refused, and named", key =>
  expect(() => filesOf([object("repo/m/config.pbtxt"), object(`repo/${key}`)], "repo/", "s3://b")).toThrow(
    /^s3:\/\/b: the key "repo\/.*is not a path of a repository/s,
  ),
);

test("marks of folders are not files; a key that is both a file and a folder is refused", () => {
  expect(
    filesOf([object("r/", 0), object("r/m/", 0), object("r/m/1/a")], "r/", "s3://b").map(({ path }) => path),
  ).toEqual(["m/1/a"]);
  expect(() => filesOf([object("m"), object("m/1")], "", "s3://b")).toThrow(
    '"m" is an object, and a folder of other objects',
  );
  expect(() => filesOf([object("m/1", -1)], "", "s3://b")).toThrow("has no size");
});

test("no key leads outside of the folder", () => {
  const part = fc.oneof(fc.constantFrom("..", ".", "", "m", "1", "\\", "\0", " ", "a/b"), fc.string({ maxLength: 8 }));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), parts => {
      const key = parts.join("/");
      let files: readonly { readonly path: string }[] = [];
      try {
        files = filesOf([object(`r/${key}`)], "r/", "s3://b");
      } catch {
        return;
      }
      for (const { path } of files) expect(resolve("/mirror", path)).toBe(`/mirror/${path}`);
    }),
    { numRuns: 2000 },
  );
});

test("a model is whole if its objects are those of its manifest", () => {
  const sum = (bytes: number) => ({ bytes, sha256: "0".repeat(64) });
  const manifest = {
    files: new Map([
      ["config.pbtxt", sum(5)],
      ["1/a", sum(3)],
    ]),
    inPlace: ["1/online_store.db"],
    states: {},
  };
  const of = (sizes: Readonly<Record<string, number>>) =>
    incompleteness(
      "m",
      new Map(Object.entries(sizes).map(([path, bytes]) => [path, { ...object(path, bytes), path }])),
      manifest,
    );
  const whole = { "manifest.json": 9, "config.pbtxt": 5, "1/a": 3 };
  expect(of(whole)).toBeUndefined();
  expect(of({ ...whole, "config.pbtxt": 7, "1/online_store.db": 4, "1/online_store.db.check": 4 })).toBeUndefined();
  expect(of({ "manifest.json": 9, "config.pbtxt": 5 })).toBe("m/1/a is in its manifest and not uploaded");
  expect(of({ ...whole, "1/a": 2 })).toBe("m/1/a has 2 bytes, and its manifest says 3");
  expect(of({ ...whole, "2/a": 3 })).toBe("m/2/a is uploaded and not in its manifest");
});
