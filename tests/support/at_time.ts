/** Runs `work` while `Date.now` returns `time`. No timer runs. */
export async function atTime<Result>(time: number, work: () => Promise<Result>): Promise<Result> {
  const { now } = Date;
  Date.now = () => time;
  try {
    return await work();
  } finally {
    Date.now = now;
  }
}
