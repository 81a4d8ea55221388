/** Commands that change what this host announces and what its kernel has, and who belongs to the cluster. */

import type { Command } from 'commander'
import { type Means, shared } from './means.ts'
import type { Shared } from './session.ts'

export function addChange({ program, run }: Means): void {
  const change = (name: string, about: string): Command =>
    shared(program.command(name), about).helpGroup('Change:')

  change('announce', 'Have the cluster route a further prefix to this host.')
    .argument('<prefix>')
    .action(
      run(async (prefix: string, shared: Shared) =>
        (await import('./actions.ts')).announce(prefix, shared),
      ),
    )
  change('withdraw', 'Stop announcing a prefix.')
    .argument('<prefix>')
    .action(
      run(async (prefix: string, shared: Shared) =>
        (await import('./actions.ts')).withdraw(prefix, shared),
      ),
    )
  change('evict', 'Remove a node that is gone for good, and free its subnet.')
    .argument('<node>', 'name or id')
    .action(
      run(async (node: string, shared: Shared) =>
        (await import('./actions.ts')).evict(node, shared),
      ),
    )
  change('leave', "Free this host's subnet, remove its routes, and stop the agent.")
    .option('--force', 'even while containers have addresses of the subnet')
    .action(
      run(async (options: Shared & { force?: true }) =>
        (await import('./actions.ts')).leave(options),
      ),
    )
  change('purge', 'Remove all routes of starling from the kernel; resync brings them back.').action(
    run(async (shared: Shared) => (await import('./actions.ts')).purge(shared)),
  )
  change('resync', "Read the kernel's routes again and repair what differs.").action(
    run(async (shared: Shared) => (await import('./actions.ts')).resync(shared)),
  )
}
