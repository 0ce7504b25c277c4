/** Tests that take minutes run only when they are asked for; see CONTRIBUTING.md. */
export const LONG = process.env.NINEFOLD_LONG !== undefined;
export const NOT_LONG = "takes minutes: set NINEFOLD_LONG=1 to run it";
