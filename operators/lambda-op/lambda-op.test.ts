import { testAsOriginal } from "../../tests/runtime/etl/as-original.js";

testAsOriginal("lambdaOp");
