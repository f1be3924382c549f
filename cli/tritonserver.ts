#!/usr/bin/env node
/**
 * The `tritonserver` command.
 */
import { bundled } from "./bundled.js";

const { tritonserver } = (await import(
  bundled("tritonserver", "./tritonserver/command.js")
)) as typeof import("./tritonserver/command.js");
await tritonserver();
