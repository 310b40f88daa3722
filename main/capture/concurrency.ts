/**
 * Runs `work` for 0 … count-1, at most `limit` at a time. After a failure nothing new starts; the first failure is thrown
 * once everything under way has ended, so that nothing is still writing when the caller cleans up.
 */
export async function forEachIndex(
  count: number,
  limit: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    while (next < count && !failed) {
      try {
        await work(next++);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(limit, count) }, lane));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
