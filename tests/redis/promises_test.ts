import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { fileURLToPath } from "node:url";
import { startRedis, startRedisCluster } from "../../scripts/support/redis_server.ts";
import { hasRedis } from "../support/redis.ts";
import { CLIENTS } from "../support/redis_clients.ts";

/**
 * The tests of what both stores promise. Those of them that are about the
 * memory of a store, its evictions or its speed leave themselves out.
 */
const PROMISES = [
  "dates",
  "deleted_keys",
  "express",
  "lists",
  "nested_overlap",
  "option_functions",
  "overlap",
  "passport",
  "password_change",
  "proxy",
  "revoke",
  "several_saves",
  "timeouts",
  "update_user",
  "users",
];

/** Other clients than that of most tests, alone and on a cluster of three masters. */
const OTHERS = [
  ...Object.keys(CLIENTS).filter((name) => name !== "redis 5"),
  ...Object.keys(CLIENTS).map((name) => `${name}, a cluster`),
];

/** Of these, what is tried unless `LEMBRO_RUNTIMES=all` asks for everything: they differ in commands only. */
const LEAN = { clients: ["redis 6", "ioredis 6, a cluster"], promises: ["overlap", "revoke"] };

const isAll = Deno.env.get("LEMBRO_RUNTIMES") === "all";

const SUPPLIERS = fileURLToPath(new URL("../../scripts/suppliers.ts", import.meta.url));

/** Puts the tests of `promises` to a store on a client of the server, or servers, at `ports`. */
async function assertKeeps(promises: string[], client: string, ports: number[]): Promise<void> {
  const files = promises.map((name) =>
    fileURLToPath(new URL(`../${name}_test.ts`, import.meta.url))
  );
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", SUPPLIERS, "test", "-A", "--no-check", ...files],
    env: {
      LEMBRO_ENGINE: "redis",
      LEMBRO_CLIENT: client,
      REDIS_PORT: ports.join(),
      NO_COLOR: "1",
    },
  }).output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert(success, said);
  const [, passed] = /^ok \| (\d+) passed/m.exec(said) ?? [];
  assert(Number(passed) >= promises.length, said);
}

if (hasRedis()) {
  describe("a store on Redis keeps what one in memory promises:", () => {
    for (const name of PROMISES) {
      it(`${name}_test.ts`, async () => {
        await using redis = await startRedis();
        await assertKeeps([name], "redis 5", [redis!.port]);
      });
    }

    for (const other of isAll ? OTHERS : LEAN.clients) {
      const [client, cluster] = other.split(", ");
      it(`on ${other}`, async () => {
        await using redis = cluster ? await startRedisCluster() : await startRedis();
        const ports = "ports" in redis! ? redis.ports : [redis!.port];
        await assertKeeps(isAll ? PROMISES : LEAN.promises, client, ports);
      });
    }
  });
}
