/**
 * Stands in for `@std/testing/bdd` where JSR does not answer: a `describe` is
 * a test of the runtime, each `it` in it a step.
 *
 * @module
 */

type Work = () => void | Promise<void>;

interface Suite {
  steps: { name: string; work: Work | Suite; ignore?: boolean }[];
  beforeAll: Work[];
  afterAll: Work[];
  beforeEach: Work[];
  afterEach: Work[];
}

let current: Suite | undefined;

/** A group of tests. */
export function describe(name: string, define: () => void): void {
  const outer = current;
  const suite: Suite = { steps: [], beforeAll: [], afterAll: [], beforeEach: [], afterEach: [] };
  current = suite;
  try {
    define();
  } finally {
    current = outer;
  }
  if (outer) outer.steps.push({ name, work: suite });
  else Deno.test(name, (test) => run(suite, test, [], []));
}

/** One test. */
export function it(name: string, work: Work): void {
  if (current) current.steps.push({ name, work });
  else Deno.test(name, work);
}

/** One test that is left out, and counted as that. */
it.ignore = (name: string, work: Work): void => {
  if (current) current.steps.push({ name, work, ignore: true });
  else Deno.test({ name, fn: work, ignore: true });
};

export { it as test };

/** Runs `work` once before the tests of the group. */
export function beforeAll(work: Work): void {
  inSuite().beforeAll.push(work);
}

/** Runs `work` once after the tests of the group. */
export function afterAll(work: Work): void {
  inSuite().afterAll.push(work);
}

/** Runs `work` before each test of the group. */
export function beforeEach(work: Work): void {
  inSuite().beforeEach.push(work);
}

/** Runs `work` after each test of the group. */
export function afterEach(work: Work): void {
  inSuite().afterEach.push(work);
}

function inSuite(): Suite {
  if (!current) throw new Error("Cannot add hook: hooks belong in a describe");
  return current;
}

async function run(suite: Suite, test: Deno.TestContext, before: Work[], after: Work[]) {
  const beforeEach = [...before, ...suite.beforeEach];
  const afterEach = [...suite.afterEach, ...after];
  try {
    for (const hook of suite.beforeAll) await hook();
    for (const { name, work, ignore = false } of suite.steps) {
      const fn = async (step: Deno.TestContext) => {
        if (typeof work !== "function") return await run(work, step, beforeEach, afterEach);
        try {
          for (const hook of beforeEach) await hook();
          await work();
        } finally {
          for (const hook of afterEach) await hook();
        }
      };
      await test.step({ name, fn, ignore });
    }
  } finally {
    for (const hook of suite.afterAll) await hook();
  }
}
