/** The examples, against stand-ins for systemctl, docker and kubectl that note how they were called. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type CommandSpec, checkCommandSpec } from "@restart-coordinator/provisioner-specs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Harness } from "./harness.ts";

const examples = fileURLToPath(new URL("../../../../../examples/command/", import.meta.url));

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

/** An example's spec, its scripts where they are here, and the stand-in first on its PATH. */
async function example(name: string, tool: string, standIn: string): Promise<CommandSpec> {
  await harness.script(tool, `echo "$*" >>"$NOTES"\n${standIn}`);
  const text = await readFile(`${examples}${name}/spec.json`, "utf8");
  const spec = JSON.parse(text.replaceAll("/opt/restart-coordinator/examples/command/", examples)) as CommandSpec;
  expect(checkCommandSpec(spec as Record<string, unknown>, {})).toMatchObject({ ok: true });
  return { ...spec, env: { ...spec.env, PATH: `${harness.directory}:${process.env.PATH}` } };
}

test("systemd: a restart is systemctl restart, a unit that is not there a no", async () => {
  const standIn = `case "$1 $2" in "cat workspace@w2.service") echo "No files found for $2." >&2; exit 1;; esac`;
  const spec = await example("systemd", "systemctl", standIn);
  const cycle = harness.cycle(spec);
  expect(await harness.provisioner().preflight(cycle)).toEqual({ ok: true });
  await harness.provisioner().restart(cycle);
  await harness.provisioner().stop(cycle);
  expect(await harness.notes()).toEqual([
    "cat workspace@w1.service",
    "restart workspace@w1.service",
    "is-active workspace@w1.service",
    "stop workspace@w1.service",
  ]);
  const other = harness.cycle(spec, { workspace: { ...cycle.workspace, id: "w2" } });
  expect(await harness.provisioner().preflight(other)).toEqual({
    ok: false,
    reason: "No files found for workspace@w2.service.",
  });
});

describe("docker", () => {
  /** One container, as files: what it is labelled with, and whether it is there. */
  const engine = `case "$2" in
  inspect)
    [ -e "$DIR/container" ] || { [ "$1" = image ] && exit 0; exit 1; }
    . "$DIR/container"
    case "$*" in *restart.token*) echo "$token";; *restart.cycle*) echo "$cycle";; *Running*) echo true;; *slice*) echo "{\\"container\\":\\"of-$cycle\\"}";; esac;;
  run) printf 'token=%s\\ncycle=%s\\n' "$RESTART_FENCING_TOKEN" "$RESTART_CYCLE_ID" >"$DIR/container";;
  rm) rm "$DIR/container";;
esac`;
  const changes = async () => (await harness.notes()).filter((line) => /^container (run|rm)/.test(line));

  test("a restart removes the container and runs it anew, and reports it", async () => {
    const spec = await example("docker", "docker", engine);
    const provisioner = harness.provisioner();
    const first = harness.cycle(spec);
    expect(await provisioner.preflight(first)).toEqual({ ok: true });
    expect((await provisioner.restart(first)).instance).toEqual({ container: "of-c1" });
    expect((await provisioner.restart(harness.cycle(spec, { id: "c2", fencingToken: 2 }))).instance).toEqual({
      container: "of-c2",
    });
    const run = (cycle: string, token: number) =>
      `container run --detach --name workspace-w1 --label restart.token=${token} --label restart.cycle=${cycle} --volume ${harness.path("w1")}:/workspace:ro registry.example/agent:1`;
    expect(await changes()).toEqual([run("c1", 1), "container rm --force workspace-w1", run("c2", 2)]);
  });

  test("a start that is repeated leaves the container it started, an older attempt is refused", async () => {
    const spec = await example("docker", "docker", engine);
    const provisioner = harness.provisioner();
    await provisioner.restart(harness.cycle(spec, { id: "c2", fencingToken: 2 }));
    const journal = { step: "STARTING" };
    await provisioner.restart(harness.cycle(spec, { id: "c2", attempt: 2, fencingToken: 3, journal }));
    expect(await changes()).toHaveLength(1);
    await expect(provisioner.restart(harness.cycle(spec, { id: "c1", fencingToken: 1 }))).rejects.toThrow(
      /refused: attempt 2 started it, this is 1/,
    );
    expect(await changes()).toHaveLength(1);
  });
});

describe("kubernetes", () => {
  const cluster = `case "$*" in
  *replicas}*) cat "$DIR/replicas";;
  *restart-cycle}*) cat "$DIR/cycle" 2>/dev/null || :;;
  *--replicas=0) printf 0 >"$DIR/replicas";;
  *--replicas=1) printf 1 >"$DIR/replicas";;
  annotate*) printf %s "$RESTART_CYCLE_ID" >"$DIR/cycle";;
esac`;
  const changes = async () => (await harness.notes()).filter((line) => /^(scale|rollout restart)/.test(line));

  test("a restart is kubectl rollout restart, once a cycle; after a stop it scales up again", async () => {
    const spec = await example(
      "kubernetes",
      "kubectl",
      `[ -e "$DIR/replicas" ] || printf 2 >"$DIR/replicas"\n${cluster}`,
    );
    const provisioner = harness.provisioner();
    await provisioner.restart(harness.cycle(spec));
    await provisioner.restart(harness.cycle(spec, { attempt: 2, journal: { step: "RESTARTING" } }));
    expect(await changes()).toEqual(["rollout restart deployment/workspace-w1"]);
    await provisioner.stop(harness.cycle(spec, { id: "c2", action: "stop" }));
    await provisioner.restart(harness.cycle(spec, { id: "c3" }));
    expect((await changes()).slice(1)).toEqual([
      "scale deployment/workspace-w1 --replicas=0",
      "scale deployment/workspace-w1 --replicas=1",
    ]);
  });
});
