// Descriptions of repositories that do not hold together are refused by name.
import { describe, expect, test } from "vitest";
import { checkDescription, type FeastRepositoryDescription } from "#runtime/stores/feast/describe.js";

describe("a description that does not hold together", () => {
  const source = { name: "s", path: "p", timestampField: "t" };
  const user = { name: "user", joinKey: "user_id", type: "INT64", description: "who" } as const;
  const of = (
    rows: FeastRepositoryDescription["views"][number]["rows"],
    more: Partial<FeastRepositoryDescription> = {},
  ) => ({
    project: "p",
    timestamp: 1,
    entities: [user],
    views: [{ name: "v", entities: ["user"], features: [{ name: "f", type: "INT64" as const }], source, rows }],
    ...more,
  });
  const good = { user_id: [1n, 2n], f: [1n, null] };
  test.each<[string, FeastRepositoryDescription, string | undefined]>([
    ["one that does", of(good), undefined],
    [
      "lists as Arrow has them",
      of({ ...good, f: { values: [1n], offsets: [0, 1, 1] } }),
      "holds lists and its type INT64 is a scalar",
    ],
    ["a column too short", of({ ...good, f: [1n] }), "view `v`: column `f` has 1 rows, `user_id` has 2."],
    [
      "lists too many",
      of({ ...good, f: { values: [], offsets: [0, 0] } }),
      "view `v`: column `f` has 1 rows, `user_id` has 2.",
    ],
    ["no column", of({ user_id: [1n] }), "view `v` has no rows for its column `f`."],
    [
      "no entity",
      { ...of(good), views: of(good).views.map(view => ({ ...view, entities: [] })) },
      "view `v` names no entity. Give it one or more.",
    ],
    ["no keys", of({ f: [1n] }), "view `v` has no rows for its column `user_id`."],
    [
      "an entity of floats",
      of(good, { entities: [{ ...user, type: "FLOAT" }] }),
      "entity `user` is FLOAT, which Feast has no key for.",
    ],
    [
      "an entity that is not there",
      of(good, { entities: [] }),
      "view `v` names the entity `user`, which the repository does not have.",
    ],
    [
      "a service of an unknown view",
      of(good, { services: [{ name: "s", views: [{ view: "w" }] }] }),
      "service `s` takes the view `w`, which",
    ],
    [
      "a service of a feature of an unknown view",
      of(good, { services: [{ name: "s", views: [{ view: "w", features: ["f"] }] }] }),
      "service `s` takes the view `w`, which",
    ],
    [
      "a service of an unknown feature",
      of(good, { services: [{ name: "s", views: [{ view: "v", features: ["f", "g"] }] }] }),
      "service `s` takes the feature `g` of the view `v`, which",
    ],
    [
      "a service of all",
      of(good, { services: [{ name: "s", views: [{ view: "v" }, { view: "v", features: ["f"] }] }] }),
      undefined,
    ],
  ])("%s", (_, description, message) => {
    if (message === undefined) checkDescription(description);
    else expect(() => checkDescription(description)).toThrow(message);
  });
});
