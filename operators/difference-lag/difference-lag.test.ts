import { testAsNvtabular } from "../../tests/kernels/as-nvtabular.js";

testAsNvtabular("differenceLag");
