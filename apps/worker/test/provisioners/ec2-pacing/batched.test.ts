import { expect, it } from "vitest";
import type { Ec2Api } from "../../../src/provisioners/ec2/api.ts";
import { batched } from "../../../src/provisioners/ec2/pacing/index.ts";

const launch = { request: {} as never, clientToken: "t", userData: undefined };

function apiThat(methods: Partial<Ec2Api>): Ec2Api {
  return methods as Ec2Api;
}

it("gives each caller its own part of a merged look, and shares equal ones", async () => {
  const calls: string[] = [];
  const api = batched(
    apiThat({
      describeInstances: async (ids) => {
        calls.push(ids.join(" "));
        return new Map(ids.filter((id) => id !== "i-unknown").map((id) => [id, { id } as never]));
      },
      describeImage: async (id) => {
        calls.push(id);
        return "available";
      },
    }),
  );
  const looks = [["i-1"], ["i-2", "i-unknown"], []].map((ids) => api.describeInstances(ids));
  const images = ["ami-1", "ami-1"].map((id) => api.describeImage(id));
  expect((await Promise.all(looks)).map((found) => [...found.keys()])).toEqual([["i-1"], ["i-2"], []]);
  expect(await Promise.all(images)).toEqual(["available", "available"]);
  expect(calls.sort()).toEqual(["ami-1", "i-1 i-2 i-unknown"]);
});

it("asks once for equal dry runs of a launch, and keeps a yes for a while, a no never", async () => {
  const asked: unknown[] = [];
  let answer: Error | undefined = Object.assign(new Error("no"), { name: "UnauthorizedOperation" });
  const api = batched(
    apiThat({
      dryRun: async (call) => {
        asked.push(call.call === "RunInstances" ? call.launch.userData : call.call);
        if (answer !== undefined) throw answer;
      },
    }),
    { describeCollectMs: 1 },
  );
  const ask = (userData?: string) => api.dryRun({ call: "RunInstances", launch: { ...launch, userData } });
  const both = await Promise.allSettled([ask(), ask()]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  answer = undefined;
  await ask();
  await ask();
  expect(asked).toEqual([undefined, undefined]);
  await ask("other");
  await api.dryRun({ call: "StopInstances", instanceId: "i-1" });
  await api.dryRun({ call: "StopInstances", instanceId: "i-1" });
  expect(asked.slice(2)).toEqual(["other", "StopInstances", "StopInstances"]);

  const forgetful = batched(apiThat({ dryRun: async () => void asked.push("again") }), { launchYesMs: 0 });
  for (let i = 0; i < 2; i++) await forgetful.dryRun({ call: "RunInstances", launch });
  expect(asked.slice(5)).toEqual(["again", "again"]);
});
