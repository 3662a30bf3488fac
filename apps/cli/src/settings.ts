/** What every command takes: where the server is, and the token. A token is no argument: others could read it in `ps`. */
import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { Client } from "./client.ts";
import { EXIT, Failure } from "./exit-codes.ts";

export interface Settings {
  readonly url: string;
  readonly tokenFile?: string;
  readonly json?: true;
}

export function withSettings(command: Command): Command {
  return command
    .addOption(new Option("--url <url>", "where the API is").env("RESTARTCTL_URL").default("http://127.0.0.1:8080"))
    .addOption(new Option("--token-file <file>", "the token is in this file").env("RESTARTCTL_TOKEN_FILE"))
    .option("--json", "print what the server answers, for programs");
}

/** @throws Failure when the token's file cannot be read */
export function clientOf({ url, tokenFile }: Settings): Client {
  return new Client({ url, token: tokenOf(tokenFile) });
}

function tokenOf(file: string | undefined): string | undefined {
  const given = process.env.RESTARTCTL_TOKEN?.trim();
  if (file === undefined) return given || undefined;
  try {
    return readFileSync(file, "utf8").trim() || undefined;
  } catch (error) {
    throw new Failure(EXIT.usage, `the token's file ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}
