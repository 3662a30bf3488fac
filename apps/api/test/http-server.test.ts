import { once } from "node:events";
import type { AddressInfo } from "node:net";
import express from "express";
import { expect, onTestFinished, test } from "vitest";
import { httpServer } from "../src/http-server.ts";
import { send } from "./support/http.ts";

test("a request and its answer come with the application's prototypes, so that Express has none to exchange", async () => {
  const app = express();
  app.get("/", (request, response) => {
    response.json({ app: request.app === app && response.app === app, ip: request.ip });
  });
  const server = httpServer(app);
  onTestFinished(() => void server.close());
  const found: boolean[] = [];
  server.prependListener("request", (request, response) => {
    found.push(Object.getPrototypeOf(request) === app.request, Object.getPrototypeOf(response) === app.response);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const answer = await send((server.address() as AddressInfo).port, "GET", "/", {});
  expect(answer).toMatchObject({ status: 200, json: { app: true, ip: "127.0.0.1" } });
  expect(found).toEqual([true, true]);
});
