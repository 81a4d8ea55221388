/** Waits until nothing is wrong with a cluster any more, or says what still is. */

import { check } from '../lab/checkers.ts'
import type { Observed } from '../lab/observed.ts'
import type { Violation } from '../sim/observed.ts'
import { DockerError } from './docker.ts'
import type { Host } from './host.ts'

/** An eviction waits a minute for its node to answer. */
const settledWithinMs = 90_000

/** Resolves with the hosts as they are when every checker is content. Rejects with a DockerError after a minute and a half. */
export async function settle(hosts: readonly Host[]): Promise<readonly Observed[]> {
  const end = performance.now() + settledWithinMs
  for (;;) {
    const { observed, wrong } = await look(hosts)
    if (wrong.length === 0) return observed
    // Each look takes processes, so that looking does not spin.
    if (performance.now() > end) throw new DockerError('not-seen', complaint(wrong))
  }
}

interface Look {
  readonly observed: readonly Observed[]
  readonly wrong: readonly Violation[]
}

async function look(hosts: readonly Host[]): Promise<Look> {
  // A kernel is cheap to ask, an agent is not.
  const kernels = await gather(hosts, async (host) => ({
    host,
    count: (await host.routes()).length,
  }))
  const short = kernels.observed
    .filter(({ count }) => count < hosts.length - 1)
    .map(({ host, count }) => violation('convergence', host, `its kernel has ${count} routes`))
  const early = [...kernels.wrong, ...short]
  if (early.length > 0) return { observed: [], wrong: early }
  const { observed, wrong } = await gather(hosts, (host) => host.observe())
  return { observed, wrong: wrong.length > 0 ? wrong : check(observed) }
}

/** What all hosts answer, or which do not. */
async function gather<T>(hosts: readonly Host[], ask: (host: Host) => Promise<T>) {
  const answers = await Promise.allSettled(hosts.map(ask))
  const observed: T[] = []
  const wrong: Violation[] = []
  for (const [index, answer] of answers.entries()) {
    if (answer.status === 'fulfilled') observed.push(answer.value)
    else wrong.push(violation('running', hosts[index], String(answer.reason)))
  }
  return { observed, wrong }
}

const violation = (checker: string, host: Host | undefined, what: string): Violation => ({
  checker,
  host: host?.name ?? '',
  what,
})

function complaint(wrong: readonly Violation[]): string {
  const lines = wrong.map(({ checker, host, what }) => `  ${checker}: ${host}: ${what}`)
  return `not settled within ${settledWithinMs / 1000} s:\n${lines.join('\n')}`
}
