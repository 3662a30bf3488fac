import { createServer } from "node:http";
import {
  CreateLaunchTemplateCommand,
  CreateVolumeCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeSubnetsCommand,
  EC2Client,
  type Instance,
  RunInstancesCommand,
} from "@aws-sdk/client-ec2";
import type { Ec2Spec } from "@restart-coordinator/provisioner-specs";
import { afterAll } from "vitest";
import type { Ec2Api } from "../../../src/provisioners/ec2/api.ts";
import {
  connectEc2,
  type Ec2Connection,
  type Ec2Options,
  Ec2Provisioner,
} from "../../../src/provisioners/ec2/index.ts";
import { identityTags, TAG } from "../../../src/provisioners/ec2/tags.ts";
import type { Cycle, Workspace } from "../../../src/provisioners/provisioner.ts";
import { type TestCycle, testCycle } from "../test-cycle.ts";
import { idempotent } from "./idempotent-api.ts";
import { describeOn, motoForTests } from "./moto.ts";
import { AWS_ENVIRONMENT, FAST, OWNER } from "./test-settings.ts";

const LIVE = ["pending", "running", "stopping", "stopped"];

export interface Subnet {
  readonly id: string;
  readonly zone: string;
}

/** One moto, filled with what instances need; every test takes workspaces of its own. */
export class Ec2Harness {
  /** `proxy`: what stands before it. */
  static async create(endpoint: string, proxy = endpoint): Promise<Ec2Harness> {
    Object.assign(process.env, AWS_ENVIRONMENT);
    const ec2 = new EC2Client({ endpoint });
    const subnets = (await ec2.send(new DescribeSubnetsCommand({}))).Subnets ?? [];
    const { Images = [] } = await ec2.send(new DescribeImagesCommand({ Owners: ["amazon"] }));
    const imageId = Images.find((image) => image.RootDeviceType === "ebs")?.ImageId as string;
    const LaunchTemplateData = { ImageId: imageId, InstanceType: "t3.micro" } as const;
    const template = await ec2.send(
      new CreateLaunchTemplateCommand({ LaunchTemplateName: "workspaces", LaunchTemplateData }),
    );
    const templateId = template.LaunchTemplate?.LaunchTemplateId as string;
    const places = subnets.map(({ SubnetId = "", AvailabilityZone = "" }) => ({
      id: SubnetId,
      zone: AvailabilityZone,
    }));
    return new Ec2Harness(endpoint, ec2, places, imageId, templateId, proxy);
  }

  readonly endpoint: string;
  readonly ec2: EC2Client;
  readonly subnets: readonly Subnet[];
  readonly imageId: string;
  readonly templateId: string;
  /** What moto lacks in front of it. */
  readonly api: ReturnType<typeof idempotent>;
  /** Through the proxy that was given, else moto as it is. */
  readonly throughProxy: Ec2Connection;
  readonly #sdk: Ec2Connection;
  #workspaces = 0;

  constructor(
    endpoint: string,
    ec2: EC2Client,
    subnets: readonly Subnet[],
    imageId: string,
    templateId: string,
    proxy: string,
  ) {
    this.endpoint = endpoint;
    this.ec2 = ec2;
    this.subnets = subnets;
    this.imageId = imageId;
    this.templateId = templateId;
    this.#sdk = connectEc2({ endpoint });
    this.api = idempotent(this.#sdk);
    this.throughProxy = connectEc2({ endpoint: proxy });
  }

  close(): void {
    this.ec2.destroy();
    this.#sdk.close();
    this.throughProxy.close();
  }

  get spec(): Ec2Spec {
    return { launchTemplate: { id: this.templateId }, subnetIds: [this.subnets[0]?.id as string] };
  }

  /** In different zones. */
  twoSubnets(): [Subnet, Subnet] {
    return [this.subnets[0] as Subnet, this.subnets[1] as Subnet];
  }

  provisioner(spec: Ec2Spec = {}, given: Partial<Ec2Options> & { readonly api?: Ec2Api } = {}): Ec2Provisioner {
    return new Ec2Provisioner({
      api: this.api,
      owner: OWNER,
      defaults: { ...this.spec, ...spec },
      timing: FAST,
      ...given,
    });
  }

  workspace(given: Partial<Workspace> = {}): Workspace {
    return { id: `w${++this.#workspaces}`, spec: {}, instance: undefined, ...given };
  }

  cycle(workspace: Workspace, id: string, fencingToken: number, given: Partial<Cycle> = {}): TestCycle {
    return testCycle({ workspace, id, fencingToken, ...given });
  }

  /** A workspace whose instance was launched by a cycle. */
  async launched(spec: Ec2Spec = {}): Promise<Workspace & { readonly instance: { readonly instanceId: string } }> {
    const workspace = this.workspace();
    const { instance } = await this.provisioner(spec).restart(this.cycle(workspace, `${workspace.id}-c0`, 1));
    return { ...workspace, instance: instance as { instanceId: string } };
  }

  /** Another live instance with the workspace's tags, which no record knows. */
  async launchedBeside(workspace: Workspace): Promise<string> {
    const tags = identityTags({ owner: OWNER, workspaceId: workspace.id });
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    const launch = new RunInstancesCommand({
      LaunchTemplate: { LaunchTemplateId: this.templateId },
      TagSpecifications: [{ ResourceType: "instance", Tags }],
      MinCount: 1,
      MaxCount: 1,
    });
    return (await this.ec2.send(launch)).Instances?.[0]?.InstanceId as string;
  }

  async volume(zone = this.subnets[0]?.zone): Promise<string> {
    return (await this.ec2.send(new CreateVolumeCommand({ AvailabilityZone: zone, Size: 1 }))).VolumeId as string;
  }

  /** What moto itself says, not our own API: every instance that carries the workspace's tag. */
  async instances(workspaceId: string): Promise<Instance[]> {
    const Filters = [{ Name: `tag:${TAG.workspace}`, Values: [workspaceId] }];
    const { Reservations = [] } = await this.ec2.send(new DescribeInstancesCommand({ Filters }));
    return Reservations.flatMap(({ Instances = [] }) => Instances);
  }

  async live(workspaceId: string): Promise<string[]> {
    const instances = await this.instances(workspaceId);
    return instances.filter(({ State }) => LIVE.includes(State?.Name ?? "")).map(({ InstanceId = "" }) => InstanceId);
  }
}

/** Moto with what instances need, for the tests of one file, all of them under `describeEc2`. */
export async function startBench() {
  const moto = await motoForTests();
  const describeEc2 = describeOn(moto);
  if (moto === undefined) return { describeEc2, harness: undefined as never, echo: undefined as never };
  const [harness, echo] = await Promise.all([Ec2Harness.create(moto.endpoint), startEcho()]);
  afterAll(async () => {
    harness.close();
    echo.close();
    await moto.stop();
  });
  return { describeEc2, harness, echo };
}

/** Answers every request with its own URL, so with the cycle id once that is in it. */
export async function startEcho(): Promise<{ readonly url: string; readonly seen: string[]; close(): void }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(request.url ?? "");
    response.end(request.url);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as { port: number };
  const url = `http://127.0.0.1:${port}/{instanceId}?cycle={cycleId}`;
  return { url, seen, close: () => void server.close() };
}
