/** The zod schema of a path inside a folder, for documents that name files beside themselves. */
import { z } from "zod";
import { isPathInside, type PathInside } from "./path-inside.js";

export const artefactPath = z.custom<PathInside>(value => typeof value === "string" && isPathInside(value), {
  error: ({ input }) =>
    typeof input === "string"
      ? `\`${input}\` leaves the folder of the plan, or is not a path in it: write a relative one without \`.\` and \`..\``
      : "expected the path of a file",
});
