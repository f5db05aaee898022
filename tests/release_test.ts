import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { entryProblem } from "../scripts/release.ts";

describe("the changelog's entry of a release", () => {
  const of = (heading: string, text = "\n- Something.\n") =>
    entryProblem(`# Changelog\n\n${heading}\n${text}\n## 1.1.0\n\nOld.\n`, "2.0.0", "2026-01-31");

  it("is the first one, with a day that has come and something to say", () => {
    assertEquals(of("## 2.0.0 (2026-01-31)"), undefined);
    assertEquals(of("## 2.0.0 (2024-02-29)"), undefined);
    assertEquals(entryProblem("## 2.0.0 (2026-01-31)\n\nNew.\n", "2.0.0", "2026-01-31"), undefined);
  });

  it("is refused without a day, or with one that there is not or not yet", () => {
    assertStringIncludes(of("## 2.0.0")!, "must begin with");
    for (const day of ["2026-02-01", "2025-02-29", "2025-13-01"]) {
      assertStringIncludes(of(`## 2.0.0 (${day})`)!, day);
    }
  });

  it("is refused if it is of another version, or says nothing", () => {
    assertStringIncludes(of("## 2.0.1 (2026-01-31)")!, "2.0.1");
    assertStringIncludes(of("## 1.9.0 (2026-01-31)")!, "1.9.0");
    assertStringIncludes(entryProblem("# Changelog\n", "2.0.0", "2026-01-31")!, "must begin with");
    assertStringIncludes(of("## 2.0.0 (2026-01-31)", "\n")!, "must say what is new");
  });
});
