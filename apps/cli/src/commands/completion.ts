import { Argument, Command } from "commander";
import { SCRIPTS, SHELLS, type Shell } from "../completion/scripts.ts";
import { suggestions } from "../completion/suggestions.ts";
import { print } from "../output.ts";

/** The script for a shell, and what that asks at every TAB. */
export function completionCommands(program: Command): { shown: Command; hidden: Command } {
  const shown = new Command("completion")
    .description("Print the script that completes commands and options in a shell")
    .addArgument(new Argument("<shell>", "which one").choices(SHELLS))
    .action((shell: Shell) => void process.stdout.write(SCRIPTS[shell]));
  const hidden = new Command("complete").argument("[words...]").action((words: string[]) => {
    for (const { text, description } of suggestions(program, words)) print(`${text}\t${description}`);
  });
  return { shown, hidden };
}
