import { clip, source, workflow } from "merlon";

const a = source.fromSchema("../artefacts/etl/nobody");
const b = source.fromSchema("../artefacts/user.workflow.ts");
const c = source.fromSchema("../artefacts/models");

export default workflow("x", (a + b + c) >> clip({ min: 0 }));
