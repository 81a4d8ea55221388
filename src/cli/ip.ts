/** `starling ip`: the addresses that containers of this host have, and granting them by hand. */

import type { LeaseMessage, LeaseResponse } from '../adapters/api/definition.ts'
import { parseAddress } from '../core/ip/address.ts'
import { printable } from '../core/printable.ts'
import { secondText } from '../words/time.ts'
import { readCniResults } from './adopt.ts'
import { exitCode } from './exit-code.ts'
import { type Column, table } from './layout.ts'
import { useText } from './lease-text.ts'
import { actionMs, answerMs, fail, printJson, type Shared, withAgent } from './session.ts'

export interface AllocateOptions extends Shared {
  readonly address?: readonly string[]
  readonly name?: string
}

export interface AdoptOptions extends Shared {
  readonly from: string
}

export const list = (shared: Shared): Promise<number> =>
  withAgent(shared, async (agent) => {
    const answer = await agent.call('Leases', {}, answerMs)
    if (shared.json) printJson(answer)
    else {
      const isPlain = answer.leases.every(({ standing }) => standing === 'current')
      const shown = isPlain ? columns : [...columns, standingColumn]
      const leases =
        answer.leases.length === 0 ? ['nobody holds an address'] : table(answer.leases, shown)
      console.log([...leases, '', ...answer.subnets.map(useText)].join('\n').trimEnd())
    }
    return exitCode.fine
  })

export async function allocate(id: string, options: AllocateOptions): Promise<number> {
  const addresses = options.address ?? []
  const wrong = addresses.find((text) => !parseAddress(text))
  if (wrong !== undefined)
    return fail(options, 'usage', `${JSON.stringify(wrong)} is not an IP address`)
  return withAgent(options, async (agent) => {
    const request = { id, name: options.name ?? '', addresses, families: [] }
    const answer = await agent.call('AllocateLease', request, actionMs)
    if (options.json) printJson(answer)
    else console.log(answer.leases.map(({ address }) => address).join('\n'))
    return exitCode.fine
  })
}

export const release = (what: string, shared: Shared): Promise<number> =>
  withAgent(shared, async (agent) => {
    const isAddress = parseAddress(what) !== undefined
    const request = { id: isAddress ? '' : what, address: isAddress ? what : '' }
    return done(shared, await agent.call('ReleaseLease', request, actionMs))
  })

/** Reads what CNI runtimes remember, and tells the agent that those addresses are held. */
export async function adopt(options: AdoptOptions): Promise<number> {
  const found = await readCniResults(options.from)
  if (typeof found === 'string') return fail(options, 'unreadable', found)
  return withAgent(options, async (agent) =>
    done(options, await agent.call('AdoptLeases', { leases: found }, actionMs)),
  )
}

function done(shared: Shared, answer: LeaseResponse): number {
  if (shared.json) printJson(answer)
  else console.log(printable(answer.message))
  return exitCode.fine
}

const columns: readonly Column<LeaseMessage>[] = [
  { title: 'ADDRESS', text: ({ address }) => address },
  { title: 'DOOR', text: ({ door }) => door },
  { title: 'NETWORK', text: ({ network }) => network || '-', shorten: { to: 8, keep: 'start' } },
  { title: 'ID', text: ({ id }) => id, shorten: { to: 14, keep: 'start' } },
  { title: 'IF', text: ({ interface: link }) => link || '-' },
  { title: 'NAME', text: ({ name }) => name || '-', shorten: { to: 10, keep: 'end' } },
  { title: 'SINCE', text: ({ since }) => secondText(since) },
]

const standingColumn: Column<LeaseMessage> = {
  title: 'STANDING',
  text: ({ standing, lostTo }) => (standing === 'lost' ? `lost to ${lostTo}` : standing),
  format: ({ standing }) => (standing === 'lost' ? 'red' : undefined),
}
