import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { fastifyRequestOf, networkOf } from "../../src/core/vault/address.ts";

describe("networkOf", () => {
  const cases: [address: unknown, network: string][] = [
    ["203.0.113.9", "203.0.113.9"],
    ["203.0.113.9:50001", "203.0.113.9"],
    ["::ffff:203.0.113.9", "203.0.113.9"],
    ["::FFFF:203.0.113.9", "203.0.113.9"],
    ["::ffff:cb00:7109", "203.0.113.9"],
    ["0:0:0:0:0:ffff:cb00:7109", "203.0.113.9"],
    ["[::ffff:203.0.113.9]:443", "203.0.113.9"],
    ["64:ff9b::203.0.113.9", "203.0.113.9"],
    ["64:ff9b::cb00:7109", "203.0.113.9"],
    ["64:ff9b:1::cb00:7109", "64:ff9b:1:0"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:0"],
    ["2001:db8:1:ff::", "2001:db8:1:0"],
    ["2001:db8:1:100::", "2001:db8:1:100"],
    ["2001:DB8:1:2ff::", "2001:db8:1:200"],
    ["2001:0db8:0001:0200::1", "2001:db8:1:200"],
    ["[2001:db8:1:2ff::1]:50001", "2001:db8:1:200"],
    ["[2001:db8:1:2ff::1]", "2001:db8:1:200"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["::1", "0:0:0:0"],
    ["::", "0:0:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
    ["fe80::1%vlan-0.7", "fe80:0:0:0"],
    ["[fe80::1%eth0]:80", "fe80:0:0:0"],
    ["1::2:3:4:5:6:7", "1:0:2:0"],
    ["unknown", ""],
    ["_hidden", ""],
    ["", ""],
    ["203.0.113", ""],
    ["203.0.113.256", ""],
    ["0313.0.113.9", ""],
    ["203.0.113.9, 192.0.2.1", ""],
    ["203.0.113.9:port", ""],
    ["[203.0.113.9]:80", ""],
    ["2001:db8::1::", ""],
    ["1:2:3:4:5:6:7:8:9", ""],
    ["example.com:80", ""],
    ["9".repeat(90_000), ""],
    [`2001:db8::1%${"z".repeat(90_000)}`, ""],
    [undefined, ""],
    [null, ""],
    [5, ""],
  ];
  for (const [address, network] of cases) {
    it(`${String(address).slice(0, 40)} is of ${network || "the unknown address"}`, () => {
      assertEquals(networkOf(address), network);
    });
  }
});

describe("fastifyRequestOf", () => {
  const request = { ip: "192.0.2.1" };

  it("finds the request that Fastify keeps under a symbol", () => {
    assertEquals(fastifyRequestOf({ [Symbol("request")]: request } as never), request);
  });

  it("finds none in what is no request", () => {
    for (const session of [{}, { req: request }, { [Symbol("request")]: "text" }]) {
      assertEquals(fastifyRequestOf(session as never), undefined);
    }
  });
});
