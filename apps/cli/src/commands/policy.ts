import { Command } from "commander";
import { type ExplainedPolicy, pathOf } from "../answers.ts";
import { EXIT, Failure } from "../exit-codes.ts";
import { print, printJson, table } from "../output.ts";
import { clientOf, type Settings, withSettings } from "../settings.ts";

export function policyCommand(): Command {
  const group = new Command("policy").description("The policy of a workspace, and policy files");
  for (const command of [showCommand(), checkCommand()]) group.addCommand(command);
  return group;
}

function showCommand(): Command {
  return withSettings(new Command("show"))
    .description("The policy in force for a workspace, and where each value comes from")
    .argument("<workspace>", "its id")
    .action(async (id: string, flags: Settings) => {
      const policy = await clientOf(flags).ask<ExplainedPolicy>("GET", pathOf(id, "policy"));
      if (flags.json) return printJson(policy);
      print(`profile ${policy.profile}, revision ${policy.file.revision}`);
      print(table(["VALUE OF", "IS", "FROM"], rowsOf(policy)));
    });
}

function rowsOf({ cooldownMs, sources }: ExplainedPolicy): string[][] {
  const rows = Object.entries(sources).flatMap(([source, values]) =>
    Object.entries(values).map(([name, { value, from }]) => [`${source}.${name}`, String(value), from ?? "profile"]),
  );
  return [["cooldownMs", String(cooldownMs.value), cooldownMs.from ?? "profile"], ...rows];
}

/** Asks no server: for a pipeline that checks the file before it is rolled out. */
function checkCommand(): Command {
  return new Command("check")
    .description("Check a policy file as an API and a worker would when they start; 1 when it has faults")
    .argument("<file>", "YAML or JSON")
    .option("--json", "print what was found, for programs")
    .action(async (file: string, { json }: { json?: true }) => {
      // It brings the schema and the calendar along: other commands need not wait for them to load.
      const { ConfigurationError, loadPolicies } = await import("@restart-coordinator/service");
      const problems = problemsOf(() => loadPolicies({ RESTART_POLICY_FILE: file }), ConfigurationError);
      if (json) printJson({ file, problems });
      else if (problems.length === 0) print(`${file}: no faults`);
      const found = problems.length === 1 ? "a fault" : `${problems.length} faults`;
      if (problems.length > 0) throw new Failure(EXIT.usage, [`${file} has ${found}:`, ...problems].join("\n  "));
    });
}

type Faulty = abstract new (...args: never[]) => Error & { readonly problems: readonly string[] };

function problemsOf(load: () => unknown, Faults: Faulty): readonly string[] {
  try {
    load();
    return [];
  } catch (error) {
    if (error instanceof Faults) return error.problems;
    throw error;
  }
}
