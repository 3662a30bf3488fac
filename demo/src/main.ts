/** Usage, signals and exit codes; demo.ts does the rest. */
import { runDemo } from "./demo.ts";
import { HELP, type Options, parseOptions, UsageError } from "./options.ts";
import { loadTrace, type Trace } from "./trace.ts";

const BROKEN_PROMISE = 1;
const WRONG_USAGE = 2;
const COULD_NOT_RUN = 3;
const INTERRUPTED = 130;

async function main(args: readonly string[]): Promise<number> {
  let options: Options | "help";
  let trace: Trace;
  try {
    options = parseOptions(args);
    if (options === "help") {
      process.stdout.write(HELP);
      return 0;
    }
    trace = await loadTrace(options.trace);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`demo: ${error.message}\nSee npm run demo -- --help\n`);
    return WRONG_USAGE;
  }

  const interruption = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      // Asked twice: go at once. The guards beside this process end what it leaves.
      if (interruption.signal.aborted) process.exit(INTERRUPTED);
      process.stderr.write("\nstopping everything…\n");
      interruption.abort();
    });
  }
  try {
    return (await runDemo(options, trace, interruption.signal)) ? 0 : BROKEN_PROMISE;
  } catch (error) {
    if (interruption.signal.aborted) return INTERRUPTED;
    throw error;
  }
}

// A reader that went away (`| head`) is no reason to leave anything running.
process.stdout.on("error", () => {});
main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`demo: could not run: ${error.message}\n`);
    process.exit(COULD_NOT_RUN);
  },
);
