/** Certificates of a test's own, made by openssl: an authority, and what it has signed. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";

const run = promisify(execFile);

/** The paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  readonly ca: string;
  /** Signs one for a server or a client that is called so: a DNS name, or an address of this machine. */
  sign(name: string): Promise<Certificate>;
}

/** An authority that nobody trusts unless told to. Its files go with the test. */
export async function createAuthority(): Promise<Authority> {
  const directory = await mkdtemp(join(tmpdir(), "certificates-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const file = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => run("openssl", args, { cwd: directory });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"];
  await openssl("req", "-x509", ...newKey, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test CA");
  let signed = 0;
  return {
    ca: file("ca.pem"),
    sign: async (name) => {
      signed += 1;
      const [key, request, cert, extensions] = ["key", "csr", "pem", "ext"].map((end) => `${signed}.${end}`) as [
        string,
        string,
        string,
        string,
      ];
      await writeFile(file(extensions), `subjectAltName=${/^[\d.]+$/.test(name) ? "IP" : "DNS"}:${name}\n`);
      await openssl("req", "-new", ...newKey, "-keyout", key, "-out", request, "-subj", `/CN=${name}`);
      const by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", extensions];
      await openssl("x509", "-req", "-in", request, "-out", cert, ...by);
      return { cert: file(cert), key: file(key) };
    },
  };
}
