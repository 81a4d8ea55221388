/** Whether the memory that this process may use is enough for an agent. */

const mebibyte = 1024 * 1024

/** An agent and its kernel reader take 70 MiB with a few known nodes, and a command beside them 30 more. */
const neededBytes = 128 * mebibyte

/** What is wrong and how to mend it; undefined where there is no limit or it is wide enough. */
export function memoryShortage(limitBytes = process.constrainedMemory()): string | undefined {
  // 0 and numbers beyond any machine's memory stand for "no limit".
  if (limitBytes === 0 || limitBytes >= neededBytes) return undefined
  const [limit, needed] = [limitBytes, neededBytes].map((bytes) => Math.floor(bytes / mebibyte))
  return `the memory limit of ${limit} MiB is too low, the kernel would kill the agent: give it at least ${needed} MiB`
}
