import { ensemble, lambdaOp } from "merlon";
import { user } from "./user.ensemble.js";

const older = user["age"] >> lambdaOp(age => age + 1);

export default ensemble("older", older);
