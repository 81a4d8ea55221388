/** The host's firewall by its own programs: nft for the table that masquerades, iptables for the rule that opens. */

import { stat, unlink, writeFile } from 'node:fs/promises'
import type {
  FirewallAnswer,
  FirewallPart,
  HostFirewall,
} from '../../core/routing/host-firewall.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Firewall } from '../../ports/firewall.ts'
import { Monitor } from './monitor.ts'
import { OpeningRule } from './opening.ts'
import { ProgramError } from './program.ts'
import { type Kept, MasqueradeTable } from './table.ts'

export interface FirewallOptions {
  /** Of the table, and of the comment of the rule. */
  readonly name: string
  /** File that is there as long as anything of ours may stand. */
  readonly marker: string
  readonly clock: Clock
}

/** Whether a former run may have left something. */
export const mayStand = async (marker: string): Promise<boolean> =>
  stat(marker).then(
    () => true,
    () => false,
  )

export function programFirewall({ name, marker, clock }: FirewallOptions): Firewall {
  const table = new MasqueradeTable(name)
  const rule = new OpeningRule(name)
  const gone = new Set<FirewallPart>()
  let monitor: Monitor | undefined

  /** What is gone is looked for once. */
  const remove = async (part: FirewallPart, perform: () => Promise<void>): Promise<Kept> => {
    if (!gone.has(part)) await perform()
    gone.add(part)
    return 'as it was'
  }
  const keep = (part: FirewallPart, perform: () => Promise<Kept>): Promise<Kept> => {
    gone.delete(part)
    return perform()
  }
  const keepMasquerade = ({ masquerade }: HostFirewall): Promise<Kept> => {
    if (!masquerade) return remove('masquerade', () => table.remove())
    return keep('masquerade', async () => table.keep(checked(masquerade)))
  }
  const keepOpening = ({ opening }: HostFirewall): Promise<Kept> => {
    if (!opening) return remove('opening', () => rule.remove())
    return keep('opening', async () => rule.keep(checked(opening)))
  }

  return {
    configure: async (wanted) => {
      const isWanted = wanted.masquerade !== undefined || wanted.opening !== undefined
      const parts: readonly (readonly [FirewallPart, (all: HostFirewall) => Promise<Kept>])[] = [
        ['masquerade', keepMasquerade],
        ['opening', keepOpening],
      ]
      const answers: FirewallAnswer[] = []
      for (const [part, perform] of parts) {
        answers.push(
          await answerOf(part, async () => {
            if (isWanted) await writeFile(marker, '')
            return perform(wanted)
          }),
        )
      }
      const answer = {
        restored: answers.flatMap(({ restored }) => restored),
        failed: answers.flatMap(({ failed }) => failed),
      }
      if (!isWanted && answer.failed.length === 0) await unlink(marker).catch(() => {})
      return answer
    },
    watch: (changed) => {
      const concerns = (line: string): boolean =>
        line.includes(` inet ${name}`) || /\bip6? filter\b/.test(line)
      monitor = new Monitor({ concerns, changed, clock })
      monitor.start()
    },
    stop: async () => monitor?.stop(),
  }
}

export async function answerOf(
  part: FirewallPart,
  perform: () => Promise<Kept>,
): Promise<FirewallAnswer> {
  try {
    return { restored: (await perform()) === 'restored' ? [part] : [], failed: [] }
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown.message : String(thrown)
    return { restored: [], failed: [{ part, error }] }
  }
}

/** Neither language has a way to write every name that the kernel allows. */
export function checked<T extends { readonly bridge: string }>(wanted: T): T {
  if (/^[A-Za-z0-9_.@-]*$/.test(wanted.bridge)) return wanted
  throw new ProgramError(`no rule can name the bridge ${JSON.stringify(wanted.bridge)}`, false)
}
