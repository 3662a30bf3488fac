/** What would each policy have done? Replays recorded triggers in virtual time, through the policy the system runs. */
export { simulateCommand } from "./command.ts";
export { triggersOf } from "./recordings/activity.ts";
export { parseCsv } from "./recordings/csv.ts";
export { type RecordedTrigger, SimulationError } from "./recordings/recording.ts";
export { runSimulation, type SimulateOptions } from "./run.ts";
export type { SimulationRecord } from "./simulate.ts";
