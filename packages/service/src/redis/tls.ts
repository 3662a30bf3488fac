/** Whom a connection to Redis trusts, and by what it shows who it is. */
import { readFileSync } from "node:fs";
import { type ConnectionOptions, createSecureContext } from "node:tls";
import { ConfigurationError } from "../configuration-error.ts";

export interface TlsSettings {
  readonly REDIS_TLS_CA_FILE?: string | undefined;
  readonly REDIS_TLS_CERT_FILE?: string | undefined;
  readonly REDIS_TLS_KEY_FILE?: string | undefined;
  readonly REDIS_TLS_SERVER_NAME?: string | undefined;
}

const NAMES = ["REDIS_TLS_CA_FILE", "REDIS_TLS_CERT_FILE", "REDIS_TLS_KEY_FILE", "REDIS_TLS_SERVER_NAME"] as const;

/**
 * What Node's TLS needs beside the address. Certificates are always verified: by those of this machine, unless a CA is
 * given. Undefined where nothing is to be encrypted.
 *
 * @throws ConfigurationError
 */
export function tlsOptions(settings: TlsSettings, isEncrypted: boolean): ConnectionOptions | undefined {
  if (!isEncrypted) {
    const vain = NAMES.filter((name) => settings[name] !== undefined);
    if (vain.length === 0) return undefined;
    throw new ConfigurationError([`${vain.join(", ")}: REDIS_URL asks for no encryption; write rediss:// there`]);
  }
  const { REDIS_TLS_CERT_FILE: certFile, REDIS_TLS_KEY_FILE: keyFile, REDIS_TLS_SERVER_NAME: servername } = settings;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new ConfigurationError(["REDIS_TLS_CERT_FILE, REDIS_TLS_KEY_FILE: set both or neither"]);
  }
  const files = {
    ...read(settings, "ca", "REDIS_TLS_CA_FILE"),
    ...read(settings, "cert", "REDIS_TLS_CERT_FILE"),
    ...read(settings, "key", "REDIS_TLS_KEY_FILE"),
  };
  try {
    createSecureContext(files);
  } catch (error) {
    throw new ConfigurationError([`${given(settings)}: cannot be used: ${(error as Error).message}`]);
  }
  return { ...files, ...(servername !== undefined && { servername }) };
}

function read<Option extends string>(
  settings: TlsSettings,
  option: Option,
  name: (typeof NAMES)[number],
): Partial<Record<Option, Buffer>> {
  const file = settings[name];
  if (file === undefined) return {};
  try {
    return { [option]: readFileSync(file) } as Record<Option, Buffer>;
  } catch (error) {
    throw new ConfigurationError([`${name}: ${(error as Error).message}`]);
  }
}

function given(settings: TlsSettings): string {
  return NAMES.filter((name) => name.endsWith("_FILE") && settings[name] !== undefined).join(", ");
}
