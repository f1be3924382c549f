/**
 * Damages FAISS files in every field. The server's structure check selects those that native code would read, which are opened and searched
 * in a build with address and undefined-behavior sanitizers (native/build.mjs). `npm run fuzz:faiss:sanitized -- [--changes N] [--seed S]
 * [--faiss installed|sources] [--only NAME] [--keep FOLDER]`; exit code 1 after a fault.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bytesSource } from "../../dist/formats/bytes/byte-source.js";
import { readFaissLayout } from "../../dist/formats/faiss/faiss-layout.js";
import { FaissFileError } from "../../dist/formats/faiss/faiss-reader.js";
import { buildDriver } from "./native/build.mjs";
import { damage, draw, fieldsOf } from "./native/damage.mjs";

const FIXTURES = ["../fixtures/faiss-kinds/1.15.1", "../fixtures/faiss-kinds/1.7.3", "../fixtures/faiss"].map(path =>
  fileURLToPath(new URL(path, import.meta.url)),
);
const { values } = parseArgs({
  options: {
    changes: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    faiss: { type: "string", default: "sources" },
    only: { type: "string", default: "" },
    keep: { type: "string", default: "" },
  },
});

const driver = buildDriver({ faiss: values.faiss, log: line => process.stderr.write(`${line}\n`) });
const started = performance.now();
let files = 0;
for (const folder of FIXTURES)
  for (const name of readdirSync(folder).filter(name => name.endsWith(".faiss") && name.includes(values.only))) {
    const seen = await fuzz(join(folder, name), Number(values.changes), Number(values.seed));
    files += Number(values.changes);
    process.stdout.write(`${folder.split("/").at(-1)} ${name}: ${JSON.stringify(seen)}\n`);
    if (seen.faults > 0) process.exitCode = 1;
  }
const seconds = (performance.now() - started) / 1000;
process.stdout.write(`${files} files in ${seconds.toFixed(1)} s, ${Math.round(files / seconds)} a second\n`);

async function fuzz(path, count, seed) {
  const original = readFileSync(path);
  const fields = fieldsOf(original);
  const random = draw(seed);
  const seen = { unreadable: 0, refused: 0, searched: 0, faults: 0 };
  let native = openNative();
  for (let i = 0; i < count; i++) {
    const bytes = damage(original, fields, random);
    const layout = layoutOf(bytes);
    if (!layout) {
      seen.unreadable++;
      continue;
    }
    const { answer, report } = await native.open(bytes, layout);
    if (answer?.startsWith("searched")) seen.searched++;
    else if (answer?.startsWith("refused")) seen.refused++;
    else {
      seen.faults++;
      keep(path, i, bytes, report);
      native = openNative();
    }
  }
  native.end();
  return seen;
}

/** The server's check before native code reads a file. @throws errors that are not a refusal by name */
function layoutOf(bytes) {
  try {
    const layout = readFaissLayout(bytesSource(bytes), "x.faiss");
    return layout.end === bytes.length ? layout : undefined;
  } catch (error) {
    if (error instanceof FaissFileError && error.message.startsWith("x.faiss ")) return undefined;
    throw error;
  }
}

/** A driver that opens files one after the other, until it faults. */
function openNative() {
  const child = spawn(driver, {
    stdio: ["pipe", "pipe", "pipe"],
    env: {
      ...process.env,
      // FAISS does not free an index that it refuses half-way.
      ASAN_OPTIONS: "detect_leaks=0:hard_rss_limit_mb=4096",
      UBSAN_OPTIONS: "halt_on_error=1:print_stacktrace=1",
      OMP_NUM_THREADS: "1",
    },
  });
  let report = "";
  let line = "";
  let waiting;
  child.stderr.on("data", data => {
    report = (report + data).slice(-20_000);
  });
  child.stdin.on("error", () => {});
  child.stdout.on("data", data => {
    line += data;
    if (!line.endsWith("\n")) return;
    waiting?.({ answer: line });
    line = "";
  });
  child.on("close", (code, signal) => waiting?.({ report: `${report}\nended with ${signal ?? code}\n` }));
  return {
    open: (bytes, { header, tables, room }) =>
      new Promise(resolve => {
        waiting = resolve;
        const head = Buffer.alloc(12);
        head.writeUInt32LE(bytes.length, 0);
        head.writeUInt32LE(tables <= room ? 1 : 0, 4);
        head.writeFloatLE(Math.min(1, header.longestQuery / Math.sqrt(header.dimension)), 8);
        child.stdin.write(Buffer.concat([head, bytes]));
      }),
    end: () => child.stdin.end(),
  };
}

function keep(path, i, bytes, report) {
  const text = report.split("\n").filter(line => /ERROR|runtime error|ended with|#[0-6] /.test(line));
  process.stdout.write(`fault: ${path} change ${i}\n${text.slice(0, 12).join("\n")}\n`);
  if (!values.keep) return;
  mkdirSync(values.keep, { recursive: true });
  writeFileSync(join(values.keep, `${path.split("/").slice(-2).join("-")}-${i}.faiss`), bytes);
  writeFileSync(join(values.keep, `${path.split("/").slice(-2).join("-")}-${i}.txt`), report);
}
