/** The client of Kafka is an optional package, and the thread that loads it starts later. */
import { createRequire } from "node:module";
import { RuntimeFault } from "../../../base/errors.js";

/** @throws RuntimeFault with the line to type if the package is not installed */
export function requireClient(): void {
  try {
    createRequire(import.meta.url).resolve("@platformatic/kafka");
  } catch (error) {
    throw RuntimeFault.from(error, "the package @platformatic/kafka cannot be loaded");
  }
}
