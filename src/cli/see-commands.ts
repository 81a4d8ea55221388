/** Commands that show what is, and change nothing. */

import { type Command, InvalidArgumentError } from 'commander'
import { type Means, shared, withSocket } from './means.ts'
import type { Shared } from './session.ts'
import type { StatusOptions } from './status.ts'
import type { TopOptions } from './top.ts'
import type { WatchOptions } from './watch.ts'

export function addSee({ program, run }: Means): void {
  const see = (name: string, about: string): Command =>
    shared(program.command(name), about).helpGroup('See:')

  see('status', 'Show whether all is well, and what to do if not; exits with 0 if it is.')
    .option(
      '--wait',
      'wait until this host has converged; at the timeout exit with 1, or 3 without an agent',
    )
    .option('--timeout <seconds>', 'with --wait: the longest wait', seconds, 30)
    .action(run(async (options: StatusOptions) => (await import('./status.ts')).status(options)))
  withSocket(program.command('top'), 'Show status and the last events as they change; q quits.')
    .helpGroup('See:')
    .option('--once', 'print one frame and end, as on a pipe')
    .action(run(async (options: TopOptions) => (await import('./top.ts')).top(options)))
  see('claims', 'List the subnets and the nodes that claim them.').action(
    run(async (shared: Shared) => (await import('./lists.ts')).claims(shared)),
  )
  see('routes', 'List the routes that are wanted, beside those in the kernel.').action(
    run(async (shared: Shared) => (await import('./lists.ts')).routes(shared)),
  )
  see('peers', 'List the nodes of the cluster.').action(
    run(async (shared: Shared) => (await import('./lists.ts')).peers(shared)),
  )
  see('explain', 'Show everything that is known about an address, a prefix or a node.')
    .argument('<subject>', 'address, prefix, or name or id of a node')
    .argument('[address]', 'follow a packet from the first address to this one, and back')
    .action(
      run(async (subject: string, address: string | undefined, shared: Shared) =>
        (await import('./explain.ts')).explain(subject, address, shared),
      ),
    )
  see('watch', 'Print events as they happen.')
    .option('--last <count>', 'begin with so many of the last events, at most 1000', count, 0)
    .action(run(async (options: WatchOptions) => (await import('./watch.ts')).watch(options)))
}

function seconds(text: string): number {
  const value = /^[0-9]{1,4}(\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN
  if (value >= 0 && value <= 3_600) return value
  throw new InvalidArgumentError('Give a number of seconds, at most 3600.')
}

function count(text: string): number {
  if (/^[0-9]{1,4}$/.test(text) && Number(text) <= 1_000) return Number(text)
  throw new InvalidArgumentError('Give a whole number, at most 1000.')
}
