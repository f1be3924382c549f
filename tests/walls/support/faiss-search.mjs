// Opens an index and searches it: `node faiss-search.mjs FILE {"by", "count", "k", "exclude"}` prints hits of the first query, or the error, and the most memory that the
// process had. A process that faults prints nothing.
import { openIndex } from "../../../dist/runtime/stores/vectors/open-index.js";

const [path, options] = [process.argv[2], JSON.parse(process.argv[3])];
const { by = "fastest", count = 1, k = 1, exclude = 0 } = options;
const printed = {};
const before = process.resourceUsage().maxRSS;
try {
  const index = await openIndex(path, {}, by);
  const queries = new Float32Array(count * index.header.dimension);
  // The first query excludes ids, the others none.
  const excluded = exclude > 0 && {
    ids: BigInt64Array.from({ length: exclude }, (_, i) => BigInt(i)),
    offsets: Int32Array.from({ length: count + 1 }, (_, i) => (i === 0 ? 0 : exclude)),
  };
  const { ids, offsets } = await index.search(queries, count, k, ...(excluded ? [excluded] : []));
  printed.ids = Array.from(ids.subarray(0, Math.min(5, offsets[1])), String);
  printed.hits = ids.length;
} catch (error) {
  printed.error = error.message;
}
printed.megabytes = Math.round((process.resourceUsage().maxRSS - before) / 1024);
process.stdout.write(JSON.stringify(printed), () => process.exit());
