import { connect as connectTcp, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import { SetupError } from "./setup-error.mjs";

const ANSWER_WITHIN_MS = 5_000;

/** Throws unless the server of a redis:// or rediss:// URL answers. Sentinel and Cluster URLs are taken as they are. */
export async function pingRedis(text) {
  if (text.includes(",") || !/^rediss?:\/\//.test(text)) return;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined)
    throw new SetupError("REDIS_URL: expected redis://[user:password@]host[:port], got no valid URL.");

  const address = `${url.hostname}:${url.port || 6379}`;
  const answer = await ask(url).catch((error) => {
    throw new SetupError(
      `REDIS_URL: expected a Redis at ${address}, got: ${error.message || error.code}. Start it, correct REDIS_URL, or ` +
        "unset it to have a Redis started for you.",
    );
  });
  if (!answer.startsWith("+PONG")) throw new SetupError(`REDIS_URL: expected +PONG from ${address}, got: ${answer}`);
}

/** The reply to a PING, after an AUTH if the URL has a password; the first error instead of either. */
function ask(url) {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port || 6379);
  const secure = url.protocol === "rediss:";
  const socket = secure ? connectTls({ host, port, servername: isIP(host) ? "" : host }) : connectTcp({ host, port });
  const credentials = [url.username, url.password].map(decodeURIComponent).filter((part) => part !== "");
  const commands = [...(url.password ? [["AUTH", ...credentials]] : []), ["PING"]];
  let replies = "";
  socket.setEncoding("utf8").setTimeout(ANSWER_WITHIN_MS);
  socket.once(secure ? "secureConnect" : "connect", () => socket.write(commands.map(encode).join("")));
  const answer = new Promise((resolve, reject) => {
    socket.on("timeout", () => reject(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the connection was closed")));
    socket.on("data", (text) => {
      replies += text;
      const lines = replies.split("\r\n").slice(0, -1);
      const failure = lines.find((line) => !line.startsWith("+"));
      if (failure !== undefined || lines.length === commands.length) resolve(failure ?? lines.at(-1));
    });
  });
  return answer.finally(() => socket.destroy());
}

/** RESP, an array of bulk strings: any password survives it. */
function encode(command) {
  return `*${command.length}\r\n${command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join("")}`;
}
