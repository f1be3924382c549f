/** The module that answers in the place of another backend's model, in the version folder. */
export const STAND_IN = "model.mjs";
