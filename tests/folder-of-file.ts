/**
 * Each file of tests has a temporary folder of its own, inside that of the run: suites run side by side, and some count what they leave behind.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

process.env.TMPDIR = mkdtempSync(join(tmpdir(), "file-"));
