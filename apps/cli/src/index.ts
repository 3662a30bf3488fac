/** restartctl as a library: for who wants it inside another command line. */
export { EXIT } from "./exit-codes.ts";
export { createProgram, run } from "./program.ts";
