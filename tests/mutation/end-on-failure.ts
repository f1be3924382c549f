/** Any failure kills a mutant, so that properties do not look for smaller examples. */
import fc from "fast-check";

fc.configureGlobal({ ...fc.readConfigureGlobal(), endOnFailure: true });
