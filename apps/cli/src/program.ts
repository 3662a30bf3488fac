/** restartctl: a command each, all asking the HTTP API. */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { completionCommands } from "./commands/completion.ts";
import { filesCommand } from "./commands/files.ts";
import { holdsCommand } from "./commands/holds.ts";
import { policyCommand } from "./commands/policy.ts";
import { registryCommands } from "./commands/registry.ts";
import { rolloutsCommand } from "./commands/rollouts.ts";
import { statusCommand } from "./commands/status.ts";
import { triggerCommands } from "./commands/trigger.ts";
import { verbCommands } from "./commands/verbs.ts";
import { watchCommand } from "./commands/watch.ts";
import { webhooksCommand } from "./commands/webhooks.ts";
import { whyCommand } from "./commands/why.ts";
import { workspaceCommands } from "./commands/workspaces.ts";
import { EXIT, type ExitCode, Failure } from "./exit-codes.ts";

const EXIT_CODES = `
Exit codes: 0 done · 1 wrong arguments or input · 2 refused, or what was waited for did not come off · 3 not found ·
4 no token, or one that may not · 5 the server is away · 6 anything else`;

export async function createProgram(argv: readonly string[] = []): Promise<Command> {
  const program = new Command("restartctl")
    .description("The restart coordinator from a terminal.")
    .version(version())
    .showSuggestionAfterError()
    .addHelpText("after", EXIT_CODES);
  const commands = [
    ...workspaceCommands(),
    ...registryCommands(),
    statusCommand(),
    watchCommand(),
    whyCommand(),
    ...triggerCommands(),
    ...verbCommands(),
    filesCommand(),
    policyCommand(),
    holdsCommand(),
    rolloutsCommand(),
    webhooksCommand(),
    await simulateCommand(argv),
  ];
  for (const command of commands) program.addCommand(command);
  const { shown, hidden } = completionCommands(program);
  program.addCommand(shown);
  program.addCommand(hidden, { hidden: true });
  return throwing(program);
}

/** Instead of ending the process: what went wrong decides the exit code. */
function throwing(command: Command): Command {
  for (const each of command.commands) throwing(each);
  return command.exitOverride();
}

/** The simulator brings the coordinator along: other commands need not wait for it to load. */
async function simulateCommand([, , name = ""]: readonly string[]): Promise<Command> {
  if (!["simulate", "complete"].includes(name)) {
    return new Command("simulate").description("Replay recorded triggers in virtual time, policy by policy");
  }
  const simulator = await import("@restart-coordinator/simulator");
  return simulator.simulateCommand();
}

/** The exit code. Says on stderr what went wrong and what to do. */
export async function run(argv: readonly string[]): Promise<ExitCode> {
  // Whoever reads no further (`| head`) has what it wanted.
  process.stdout.on("error", (error: NodeJS.ErrnoException) =>
    process.exit(error.code === "EPIPE" ? EXIT.ok : EXIT.unexpected),
  );
  try {
    await (await createProgram(argv)).parseAsync(argv);
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!(error instanceof Failure)) throw error;
    // Programs get an object whatever went wrong: the server's, or one that says the same as the line for people.
    const problem = error.problem ?? { title: "restartctl", detail: error.message, exitCode: error.code };
    process.stderr.write(argv.includes("--json") ? `${JSON.stringify(problem)}\n` : `restartctl: ${error.message}\n`);
    return error.code;
  }
}

function version(): string {
  const file = new URL("../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
