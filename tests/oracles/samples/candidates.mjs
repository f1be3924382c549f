/** The samples' table of candidates: `npm run build && node tests/oracles/samples/candidates.mjs` writes tests/samples/artefacts/tables/. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildCandidates } from "../../../dist/runtime/etl/candidates.js";

const out = join(import.meta.dirname, "../../samples/artefacts/tables");
mkdirSync(out, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), "merlon-samples-"));
const events = join(folder, "events.jsonl");
/** Items 10 to 49 of the samples' index; an item meets those whose number is near. */
const rows = Array.from({ length: 300 }, (_, i) => ({
  user: i % 40,
  item: 10 + ((7 * (i % 40) + 3 * Math.floor(i / 40)) % 40),
  town: ["Ghent", "Zürich"][i % 2],
}));
writeFileSync(events, rows.map(row => `${JSON.stringify(row)}\n`).join(""));
const shared = { item: "item", minSupport: 1, topk: 8 };
await buildCandidates([events], join(out, "together.candidates"), { ...shared, kind: "cooccurrence", group: "user" });
await buildCandidates([events], join(out, "popular.candidates"), { ...shared, kind: "popular", by: "town" });
rmSync(folder, { recursive: true });
