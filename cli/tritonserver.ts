#!/usr/bin/env node
/**
 * The `tritonserver` command.
 */
import { load } from "./bundled.js";

const { tritonserver } = (await load(
  "tritonserver",
  "./tritonserver/command.js",
)) as typeof import("./tritonserver/command.js");
await tritonserver();
