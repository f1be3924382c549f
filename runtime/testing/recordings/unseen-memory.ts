/**
 * Shared memory as a recorder has it: none. Regions are between a client and its server, so their content is not visible here.
 */
import { unsupported } from "../../base/errors.js";
import type { Regions } from "../../server/requests/shared-memory.js";

export const unseenMemory = (): Regions => ({
  part(name) {
    throw unsupported(
      `its tensors are in the shared memory region '${name}', which does not go through the recorder. Record a client that sends them`,
    );
  },
});
