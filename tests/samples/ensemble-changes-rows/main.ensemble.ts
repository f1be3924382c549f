import { ensemble, source, transformWorkflow } from "merlon";

const items = source({ item_id: "int64", price: "float32", brand: "string" });

// The workflow drops items without a price: those that are left are what is answered.
export default ensemble("kept", items >> transformWorkflow("../artefacts/etl/kept", { changesRows: true }));
