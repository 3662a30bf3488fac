/** Tells EC2's answers from what others say in its place. */

/** It says nothing of what was done: as if the connection had been lost. */
export class UnclearAnswerError extends Error {
  override readonly name = "UnclearAnswerError";
}

/** The element that EC2's answer to each call holds, be it an empty one. */
export const HELD: Readonly<Record<string, string>> = {
  RunInstances: "instancesSet",
  TerminateInstances: "instancesSet",
  StartInstances: "instancesSet",
  StopInstances: "instancesSet",
  // EC2 says <return>, too; but its own description of the API leaves that out, and so do servers made from it.
  RebootInstances: "requestId",
  CreateTags: "requestId",
  AttachVolume: "volumeId",
  DetachVolume: "volumeId",
  CreateReplaceRootVolumeTask: "replaceRootVolumeTask",
  DescribeInstances: "reservationSet",
  DescribeInstanceStatus: "instanceStatusSet",
  DescribeVolumes: "volumeSet",
  DescribeSubnets: "subnetSet",
  DescribeImages: "imagesSet",
  DescribeLaunchTemplateVersions: "launchTemplateVersionSet",
  DescribeReplaceRootVolumeTasks: "replaceRootVolumeTaskSet",
};

/** Every call that there is, as AWS names them. */
export const EC2_ACTIONS = [...Object.keys(HELD), "DescribeInstanceAttribute"];

interface Response {
  readonly statusCode: number;
  body: AsyncIterable<Uint8Array> | Uint8Array;
}

/**
 * Passes the SDK's raw result on, its body read, if EC2 itself can have said it. `element`: what the answer must hold.
 * @throws UnclearAnswerError if not
 */
export async function assertAnswer<Result extends { response: unknown }>(
  action: string,
  element: string | undefined,
  result: Result,
): Promise<Result> {
  const response = result.response as Response;
  const body = await wholeOf(response.body);
  response.body = body;
  const wrong = wrongWith(response.statusCode, action, element, body.toString());
  if (wrong === undefined) return result;
  throw new UnclearAnswerError(`${action}: the answer (HTTP ${response.statusCode}) is not EC2's: ${wrong}`);
}

/** What an answer must say. @throws UnclearAnswerError when it does not */
export function given<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new UnclearAnswerError(`EC2's answer lacks ${what}`);
  return value;
}

function wrongWith(status: number, action: string, element: string | undefined, text: string): string | undefined {
  if (text === "") return "it is empty";
  const root = /^(?:\uFEFF|\s|<\?xml[^>]*>)*<([\w:]+)/.exec(text)?.[1];
  if (root === undefined) return "it is no XML";
  // So that no half of a refusal is judged by its status alone.
  if (!text.trimEnd().endsWith(`</${root}>`)) return "it does not end as it begins";
  if (status >= 300) return isRefusal(root, text) ? undefined : "it is an error without a code of EC2's";
  if (root !== `${action}Response`) return `it begins with <${root}>`;
  return new RegExp(`<${element}[\\s/>]`).test(text) ? undefined : `it has no <${element}>`;
}

function isRefusal(root: string, text: string): boolean {
  return (root === "Response" || root === "ErrorResponse") && /<Code>[^<]/.test(text);
}

async function wholeOf(body: AsyncIterable<Uint8Array> | Uint8Array): Promise<Buffer> {
  if (body instanceof Uint8Array) return Buffer.from(body);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
