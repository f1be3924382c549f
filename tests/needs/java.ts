/** A Java runtime, and a Python that has PySpark. */
import { python } from "./python.js";

/** @returns the interpreter that Spark's driver runs in; `MERLON_SPARK_PYTHON` names another one */
export const sparkPython = (): string => process.env.MERLON_SPARK_PYTHON ?? python();
