import { testAsNvtabular } from "../../tests/operators/as-nvtabular.js";

testAsNvtabular("logOp");
