/** The output of one run of a test file, with unittest or pytest → its tests by outcome. A run that ended otherwise is one failed test. */
export function readResult(log) {
  const command = /^\$ (.*)/.exec(log)?.[1] ?? "";
  const code = Number(/^exit (\d+)$/m.exec(log)?.[1] ?? 1);
  const ran = Number(/^Ran (\d+) tests? in/m.exec(log)?.[1] ?? NaN);
  if (Number.isNaN(ran)) return readPytest(log, command, code);
  const failed = [
    ...log.matchAll(
      /^(?:FAIL|ERROR): (\w+)[^\n]*\n(?:(?!-{60,})[^\n]*\n)?-{60,}\n([\s\S]*?)(?=\n={60,}\n|\n-{60,}\n)/gm,
    ),
  ].map(([, name, trace]) => ({ name, why: lastLine(trace) }));
  const counted = ["failures", "errors"].reduce(
    (sum, word) => sum + Number(new RegExp(`^FAILED .*${word}=(\\d+)`, "m").exec(log)?.[1] ?? 0),
    0,
  );
  while (failed.length < counted) failed.push({ name: command, why: "not named" });
  const skipped = Number(/skipped=(\d+)/.exec(log)?.[1] ?? 0);
  const passed = Math.max(0, ran - failed.length - skipped);
  return { passed: Array(passed).fill(command), failed, skipped: Array(skipped).fill(command) };
}

/** A `client.log` that test.sh writes itself, a line for each check: `Test NAME`, and `*** FAILED: WHY` where it failed. L0_model_config has no others. */
export function readChecks(log) {
  const passed = [];
  const failed = [];
  for (const [, name, rest] of log.matchAll(/^Test (?:on |platform )?([^\n]+)\n((?:(?!Test )[^\n]*\n?)*)/gm)) {
    const why = /^\*\*\* FAILED: (.*)$/m.exec(rest)?.[1];
    const wanted = /^Not found "(.*)"$/m.exec(rest)?.[1];
    if (why === undefined) passed.push(name);
    else failed.push({ name, why: wanted ? `${why}; wanted: ${wanted.slice(0, 200)}` : why });
  }
  return { passed, failed, skipped: [] };
}

function readPytest(log, command, code) {
  const count = word => Number(new RegExp(`(\\d+) ${word}`).exec(log)?.[1] ?? 0);
  const failed = [...log.matchAll(/^(?:FAILED|ERROR) (\S+)(?: - (.*))?$/gm)].map(([, name, why]) => ({
    name,
    why: why ?? "",
  }));
  const nothing = failed.length === 0 && count("passed") === 0;
  if (nothing && code !== 0)
    failed.push({ name: command, why: `exit ${code}: ${lastLine(log.replace(/\nexit \d+\n?$/, ""))}` });
  return {
    passed: Array(nothing && code === 0 ? 1 : count("passed")).fill(command),
    failed,
    skipped: Array(count("skipped")).fill(command),
  };
}

const lastLine = text => text.trim().split("\n").at(-1).slice(0, 300);
