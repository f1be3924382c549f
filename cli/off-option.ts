/** `--off PASS`: leaves passes of the compiler out, to see what they are good for. */
import { InvalidArgumentError, Option } from "commander";
import { PASS_NAMES, type PassName } from "../compiler/4-plan/pass-names.js";
import { names } from "./names.js";

export const offOption = (): Option =>
  new Option("--off <passes>", `leave out passes, separated by commas: ${PASS_NAMES.join(", ")}`).argParser(value =>
    names(value).map((name): PassName => {
      const pass = PASS_NAMES.find(known => known === name);
      if (!pass) throw new InvalidArgumentError(`There is no pass ${name}; there are ${PASS_NAMES.join(", ")}.`);
      return pass;
    }),
  );
