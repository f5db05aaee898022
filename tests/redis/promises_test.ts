import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { fileURLToPath } from "node:url";
import { startRedis } from "../../scripts/support/redis_server.ts";
import { hasRedis } from "../support/redis.ts";

/**
 * The tests of what both stores promise. Those of them that are about the
 * memory of a store, its evictions or its speed leave themselves out.
 */
const PROMISES = [
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

const SUPPLIERS = fileURLToPath(new URL("../../scripts/suppliers.ts", import.meta.url));

if (hasRedis()) {
  describe("a store on Redis keeps what one in memory promises:", () => {
    for (const name of PROMISES) {
      it(`${name}_test.ts`, async () => {
        await using redis = await startRedis();
        const file = fileURLToPath(new URL(`../${name}_test.ts`, import.meta.url));
        const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", SUPPLIERS, "test", "-A", "--no-check", file],
          env: { LEMBRO_ENGINE: "redis", REDIS_PORT: `${redis!.port}`, NO_COLOR: "1" },
        }).output();
        const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
        assert(success, said);
        const [, passed] = /^ok \| (\d+) passed/m.exec(said) ?? [];
        assertEquals(Number(passed) > 0, true, said);
      });
    }
  });
}
