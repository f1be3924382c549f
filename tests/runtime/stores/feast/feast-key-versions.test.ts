// A SQLite store that was written with another version of keys than its feature_store.yaml says: every look-up would miss without a word.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { KeyVersion } from "#formats/feast/feast-key.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { feastType } from "#formats/feast/feast-type.js";
import { openSnapshotStore } from "#runtime/stores/feast/snapshot-store.js";
import { openSqliteStore } from "#runtime/stores/feast/sqlite-store.js";
import { FEATURE_STATUS, type FeatureStore } from "#runtime/stores/feast/store.js";
import { scalars } from "../../../operators/step.js";
import { fixture } from "./every-type.js";

const VERSIONS: readonly KeyVersion[] = [1, 2, 3];
const WAYS: Readonly<Record<string, (file: string, version: KeyVersion) => FeatureStore>> = {
  "by statement": openSqliteStore,
  "from memory": (file, version) => openSnapshotStore(file, version, 2 ** 28),
};
const PAIRS = VERSIONS.flatMap(stored => VERSIONS.map(said => [stored, said] as const));

describe.each(Object.entries(WAYS))("%s", (_, open) => {
  test.each(PAIRS)("keys of version %i, and a configuration that says %i", async (stored, said) => {
    const { onlineStore, registry } = readFeastRepository(fixture(`v${stored}`));
    if (onlineStore.type !== "sqlite") throw new Error("the fixtures are SQLite stores");
    const answers = JSON.parse(readFileSync(join(fixture(`v${stored}`), "answers.json"), "utf8")) as Readonly<
      Record<string, { readonly keys: readonly string[] }>
    >;
    const types = new Set<string>();
    for (const view of registry.views) {
      const [{ name, type }] = view.joinKeys as [(typeof view.joinKeys)[number]];
      types.add(type);
      const store = open(onlineStore.file, said);
      const opened = async () =>
        store.prepare([{ view, features: view.features }], { bytes: "utf8", eventTimes: false });
      // Versions 1 and 2 differ in INT64 alone.
      const isSame = stored === said || (stored !== 3 && said !== 3 && type !== "INT64");
      if (isSame) {
        const { keys } = answers[view.name]!;
        const { dtype } = feastType(type);
        const asked = scalars(
          dtype,
          keys.map(key => (dtype === "int64" ? BigInt(key) : dtype === "string" ? key : Number(key))),
        );
        const [first] = await (await opened()).getOnline(new Map([[name, asked]]), keys.length);
        // Feast was queried for the last key without having it.
        expect([...first!.status.slice(0, -1)], view.name).not.toContain(FEATURE_STATUS.notFound);
      } else {
        const seen = type === "INT64" || stored === 3 ? stored : 2;
        await expect(opened(), view.name).rejects.toThrow(
          `table \`${view.table}\` of the online store ${onlineStore.file} holds keys of version ${seen}, and feature_store.yaml says ${said}. Correct \`entity_key_serialization_version\`.`,
        );
      }
      await store.close();
    }
    expect(types).toEqual(new Set(["INT64", "STRING", "INT32"]));
  });
});
