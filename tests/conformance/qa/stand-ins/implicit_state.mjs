/**
 * The suites' back end `implicit_state` (C++), as a JavaScript model: TEST_CASE 1 returns the sum and keeps the state, 2 returns the state.
 * A state that isn't in the configuration (0) can't be made here, and growable memory (3) is a GPU's.
 */
export const execute = requests =>
  requests.map(({ inputs: { INPUT, INPUT_STATE: state, TEST_CASE } }) => {
    const output = { name: "OUTPUT", datatype: "INT32", shape: [1], data: Int32Array.of(INPUT.data[0]) };
    const [test] = TEST_CASE.data;
    if (test === 2) return { outputs: [output, { ...state, name: "OUTPUT_STATE" }] };
    if (test !== 1) return { error: `TEST_CASE ${test} needs the back end in C++`, code: "UNSUPPORTED" };
    output.data[0] += state.data[0];
    return { outputs: [output] };
  });
