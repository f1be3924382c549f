import { testAsOriginal } from "../../tests/etl/as-original.js";

testAsOriginal("lambdaOp");
