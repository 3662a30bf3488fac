/** What is told before the replay, and after it with `--keep`. */
import type { Options } from "./options.ts";
import { expectedMs } from "./scaled-policy.ts";
import { count, paint } from "./screen.ts";
import type { System } from "./system.ts";
import type { Trace } from "./trace.ts";

const NAME_WIDTH = 10;

export function programme(options: Options, trace: Trace, speed: number, system: System): string[] {
  const { entries, durationMs, name } = trace;
  const seconds = Math.round(expectedMs(trace, options.cycleMs) / speed / 1_000);
  const row = (label: string, pid: number | undefined, text: string) =>
    `  ${label.padEnd(NAME_WIDTH)} ${(pid === undefined ? "" : `pid ${pid}`).padEnd(12)} ${text}`;
  return [
    paint(
      "bold",
      `${name}: ${count(entries.length, "request")} in ${durationMs / 1_000} s, policy "${options.profile}"`,
    ),
    `Replayed at speed ${speed}: the trace's and the policy's times are divided by ${speed}. Takes about ${seconds} s.`,
    "",
    row("redis", undefined, system.redis?.source ?? ""),
    ...system.apis.map(({ name: api, pid }) => row(api, pid, system.urlOf(api) ?? "")),
    ...system.workers.map(({ name: worker, pid }) => row(worker, pid, "takes restarts")),
    ...trace.workspaces.map((id) =>
      row(
        id,
        undefined,
        `${system.urlOf(id)}  (${options.provisioner === "ec2" ? "an instance, launched" : "started"} by its first cycle)`,
      ),
    ),
    row(
      "console",
      undefined,
      `${system.urlOf("api-1")}/#/workspaces/${trace.workspaces[0]}  (sign in with ${system.token})`,
    ),
    "",
    "Kill any API or worker meanwhile (kill -9 PID), as long as one of each is left.",
    "Times are the trace's, in seconds since its first write.",
  ];
}

export function howToReach(trace: Trace, system: System): string[] {
  const api = system.apis.find(({ alive }) => alive);
  const [workspace] = trace.workspaces;
  const url = api === undefined ? "" : system.urlOf(api.name);
  const curl = 'curl -H "Authorization: Bearer $TOKEN"';
  return [
    "",
    paint("bold", "Left running until Ctrl-C"),
    ...system.apis.filter(({ alive }) => alive).map(({ name }) => `  ${name}: ${system.urlOf(name)}`),
    ...trace.workspaces.map((id) => `  ${id}: ${system.urlOf(id)} (what it has loaded)`),
    `  Console: ${url}/ (sign in with the token; Bull Board is behind "Queue")`,
    "",
    `  TOKEN=${system.token} API=${url}`,
    `  ${curl} $API/workspaces/${workspace}`,
    `  ${curl} $API/workspaces/${workspace}/activity`,
    `  ${curl} -X PUT --data-binary hello $API/workspaces/${workspace}/files/README.md`,
    `  ${curl} -X POST $API/workspaces/${workspace}/restart`,
    "",
  ];
}
