// Merlin's "workflow → forest" (its PredictForest on the FIL backend): the workflow's label is not there in serving.
import { ensemble, predictForest, source, transformWorkflow } from "merlon";

const request = source({ user_id: "int64", item_id: "int64", city: "string", price: "float32" });
const features = request >> transformWorkflow("../artefacts/etl/events", { removeInputs: ["label"] });
const chance = features >> predictForest("../artefacts/models/events_forest.json");

export default ensemble("workflow_forest", chance);
