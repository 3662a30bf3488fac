import type { Row } from "../row.ts";
import { drainRow } from "./drain.ts";
import { herd } from "./herd.ts";
import { fileUnchanged, fileWrite, httpTriggers } from "./http.ts";
import { idle } from "./idle.ts";
import { memory } from "./memory.ts";
import { startLatency } from "./start-latency.ts";
import { suppressed } from "./suppressed.ts";

export const ROWS: readonly Row[] = [
  suppressed,
  herd,
  httpTriggers,
  startLatency,
  drainRow,
  idle,
  memory,
  fileWrite,
  fileUnchanged,
];
