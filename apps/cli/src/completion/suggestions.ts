/** What may come next on a command line. Pure: nothing is asked and nothing is run. */
import type { Command, Option } from "commander";

export interface Suggestion {
  readonly text: string;
  readonly description: string;
}

/** `words` are those after the program's name; the last one is being typed, and may be empty. */
export function suggestions(program: Command, words: readonly string[]): Suggestion[] {
  const typed = words.at(-1) ?? "";
  const { command, awaited } = placeOf(program, words.slice(0, -1));
  return candidates(command, awaited, typed).filter(({ text }) => text.startsWith(typed));
}

function candidates(command: Command, awaited: Option | undefined, typed: string): Suggestion[] {
  const help = command.createHelp();
  if (awaited !== undefined) return choicesOf(awaited.argChoices);
  if (typed.startsWith("-")) {
    return help.visibleOptions(command).flatMap(({ long, description }) => (long ? [{ text: long, description }] : []));
  }
  const commands = help.visibleCommands(command);
  if (commands.length > 0) return commands.map((each) => ({ text: each.name(), description: each.description() }));
  return choicesOf(command.registeredArguments[0]?.argChoices);
}

/** The command that the words lead to, and the option whose value comes next. */
function placeOf(program: Command, words: readonly string[]): { command: Command; awaited: Option | undefined } {
  let command = program;
  let awaited: Option | undefined;
  for (const word of words) {
    if (awaited !== undefined) awaited = undefined;
    else if (word.startsWith("-")) awaited = optionOf(command, word);
    else command = command.commands.find((each) => each.name() === word) ?? command;
  }
  return { command, awaited };
}

/** The option of that name, if its value is another word. */
function optionOf(command: Command, word: string): Option | undefined {
  return command.options.find(({ short, long, required }) => required && (word === short || word === long));
}

function choicesOf(choices: readonly string[] | undefined): Suggestion[] {
  return (choices ?? []).map((text) => ({ text, description: "" }));
}
