/** Keeps a rule of ours in others' chains of iptables, in whichever flavours of it are in use. */

import type { Opening } from '../../core/routing/host-firewall.ts'
import {
  closingLines,
  type Filter,
  isOpened,
  isRestrictive,
  type Ours,
  openingLines,
  oursNamed,
  parseFilter,
} from './filter.ts'
import { flavoursOf } from './flavours.ts'
import { ProgramError, run, type Write } from './program.ts'
import type { Kept } from './table.ts'

export class OpeningRule {
  readonly #ours: Ours
  readonly #write: Write
  /** Programs by which the rule was put where it belongs, or found there. */
  readonly #stands = new Set<string>()

  constructor(name: string, write: Write = run) {
    this.#ours = oursNamed(name)
    this.#write = write
  }

  /** Rejects with a ProgramError. Where nothing restricts forwarding nothing is added. */
  async keep({ bridge, families }: Opening): Promise<Kept> {
    const flavours = (await Promise.all(families.map(filtersOf))).flat()
    if (flavours.length === 0) throw new ProgramError('the program iptables is not there', true)
    let kept: Kept = 'as it was'
    for (const { program, filter } of flavours) {
      const isNeeded = isRestrictive(filter, this.#ours)
      const input = isNeeded
        ? openingLines(filter, this.#ours, bridge)
        : closingLines(filter, this.#ours)
      if (input !== '') await this.#restore(program, input)
      const wasTaken = isNeeded && this.#stands.has(program) && !isOpened(filter, this.#ours)
      if (wasTaken) kept = 'restored'
      else if (input !== '' && kept === 'as it was') kept = 'written'
      if (isNeeded) this.#stands.add(program)
      else this.#stands.delete(program)
    }
    return kept
  }

  /** Rejects with a ProgramError. Without iptables there is no rule. */
  async remove(): Promise<void> {
    this.#stands.clear()
    for (const family of [4, 6] as const) {
      for (const { program, filter } of await filtersOf(family)) {
        const input = closingLines(filter, this.#ours)
        if (input !== '') await this.#restore(program, input)
      }
    }
  }

  #restore(program: string, input: string): Promise<unknown> {
    return this.#write([`${program}-restore`, '--noflush', '-w', '5'], input)
  }
}

/** The table `filter` of each flavour that is in use. */
async function filtersOf(family: 4 | 6): Promise<{ program: string; filter: Filter }[]> {
  const { found } = await flavoursOf(family, { table: 'filter' })
  return found.map(({ program, saved }) => ({ program, filter: parseFilter(saved) }))
}
