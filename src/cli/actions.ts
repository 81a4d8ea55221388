/** Commands that change something: each is one call, answered by one sentence. */

import type { Calls } from '../adapters/api/client.ts'
import { parseInterface, parsePrefix } from '../core/ip/prefix.ts'
import { printable } from '../core/printable.ts'
import { exitCode } from './exit-code.ts'
import { actionMs, fail, printJson, type Shared, withAgent } from './session.ts'

type Action = 'Announce' | 'Withdraw' | 'Leave' | 'Evict' | 'Purge' | 'Resync'

export function announce(prefix: string, shared: Shared): Promise<number> {
  return withPrefix(prefix, shared, () => act(shared, 'Announce', { prefix }))
}

export function withdraw(prefix: string, shared: Shared): Promise<number> {
  return withPrefix(prefix, shared, () => act(shared, 'Withdraw', { prefix }))
}

export const leave = (options: Shared & { readonly force?: true }): Promise<number> =>
  act(options, 'Leave', { force: options.force === true })

export const evict = (node: string, shared: Shared): Promise<number> =>
  act(shared, 'Evict', { node })

export async function purge(shared: Shared): Promise<number> {
  const code = await act(shared, 'Purge', {})
  if (code === exitCode.unreachable) {
    // Only an agent writes to the kernel; without one the kernel's own tool does it.
    console.error('without an agent, remove its routes by hand:')
    console.error('  ip route flush proto 83; ip -6 route flush proto 83')
    console.error('  nft delete table inet starling     # where it ran with --masquerade')
    console.error(
      '(another number or table if the agent was configured with --protocol or --table)',
    )
  }
  return code
}

export const resync = (shared: Shared): Promise<number> => act(shared, 'Resync', {})

const act = <Name extends Action>(
  shared: Shared,
  name: Name,
  request: Calls[Name][0],
): Promise<number> =>
  withAgent(shared, async (agent) => {
    const { message } = await agent.call(name, request, actionMs)
    if (shared.json) printJson({ message })
    else console.log(printable(message))
    return exitCode.fine
  })

async function withPrefix(
  text: string,
  shared: Shared,
  perform: () => Promise<number>,
): Promise<number> {
  if (parsePrefix(text)) return perform()
  const canonical = parseInterface(text)?.prefix.text
  return fail(
    shared,
    'usage',
    canonical
      ? `${text} has host bits set: write ${canonical}`
      : `${JSON.stringify(text)} is not a prefix: write address/length, such as 10.9.0.0/16`,
  )
}
