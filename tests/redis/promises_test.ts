import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { fileURLToPath } from "node:url";
import { startRedis, startRedisCluster } from "../../scripts/support/redis_server.ts";
import { isAll } from "../support/matrix.ts";
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

/** What the other clients are asked to keep, unless `LEMBRO_RUNTIMES=all` asks for everything. */
const LEAN = ["overlap", "revoke"];

/** What each client keeps, alone or on a cluster of three masters: they differ in commands only. */
const RUNS: Record<string, string[]> = isAll
  ? Object.fromEntries(
    Object.keys(CLIENTS).flatMap((name) => [name, `${name}, a cluster`])
      .map((name) => [name, PROMISES]),
  )
  : { "redis 5": PROMISES, "redis 6": LEAN, "ioredis 6, a cluster": LEAN };

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
    for (const [name, promises] of Object.entries(RUNS)) {
      const [client, cluster] = name.split(", ");
      it(`on ${name}`, async () => {
        await using redis = cluster ? await startRedisCluster() : await startRedis();
        const ports = "ports" in redis! ? redis.ports : [redis!.port];
        await assertKeeps(promises, client, ports);
      });
    }
  });
}
