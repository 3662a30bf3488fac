/** EC2's query protocol: a form-encoded POST in, XML out. */

export interface Query {
  readonly action: string;
  readonly params: URLSearchParams;
  readonly dryRun: boolean;
  readonly clientToken: string | undefined;
  /** Everything the call is about by id: instances, volumes, tagged resources. */
  readonly ids: readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export function parseQuery(body: string): Query {
  const params = new URLSearchParams(body);
  const ids = [...params].flatMap(([name, value]) =>
    /^(InstanceId|VolumeId|ResourceId)(\.\d+)?$/.test(name) ? [value] : [],
  );
  return {
    action: params.get("Action") ?? "",
    params,
    dryRun: params.get("DryRun") === "true",
    clientToken: params.get("ClientToken") ?? undefined,
    ids,
  };
}

export function instanceIdsOf({ ids }: Query): string[] {
  return ids.filter((id) => id.startsWith("i-"));
}

/** The values of one filter; undefined when it is not given. */
export function filterValues(params: URLSearchParams, name: string): string[] | undefined {
  const number = filterNumber(params, name);
  if (number === undefined) return undefined;
  return [...params].flatMap(([key, value]) => (key.startsWith(`Filter.${number}.Value.`) ? [value] : []));
}

/** The parameters without one filter, the others numbered anew. */
export function withoutFilter(params: URLSearchParams, name: string): URLSearchParams {
  const gone = filterNumber(params, name);
  if (gone === undefined) return params;
  return new URLSearchParams(
    [...params].flatMap(([key, value]): [string, string][] => {
      const [, number, rest] = /^Filter\.(\d+)\.(.*)$/.exec(key) ?? [];
      if (number === undefined) return [[key, value]];
      if (Number(number) === gone) return [];
      return [[`Filter.${Number(number) > gone ? Number(number) - 1 : number}.${rest}`, value]];
    }),
  );
}

function filterNumber(params: URLSearchParams, name: string): number | undefined {
  for (const [key, value] of params) {
    const [, number] = /^Filter\.(\d+)\.Name$/.exec(key) ?? [];
    if (number !== undefined && value === name) return Number(number);
  }
  return undefined;
}

/** What EC2 answers when it refuses: 400 unless said otherwise. */
export function refusal(code: string, message: string, status = 400): Answer {
  const error = `<Errors><Error><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error></Errors>`;
  return { status, body: `${XML}<Response>${error}<RequestID>proxy-${++requests}</RequestID></Response>` };
}

export function success(action: string, content: string): Answer {
  const open = `<${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15">`;
  const request = `<requestId>proxy-${++requests}</requestId>`;
  return { status: 200, body: `${XML}${open}${request}${content}</${action}Response>` };
}

export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

const XML = '<?xml version="1.0" encoding="UTF-8"?>\n';
let requests = 0;
