/** Keeps a rule of ours in others' chains of iptables, in whichever flavours of it are in use. */

import { readFile } from 'node:fs/promises'
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
    const flavours: Flavour[] = []
    for (const family of families) flavours.push(...(await flavoursOf(family)))
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
      for (const { program, filter } of await flavoursOf(family)) {
        const input = closingLines(filter, this.#ours)
        if (input !== '') await this.#restore(program, input)
      }
    }
  }

  #restore(program: string, input: string): Promise<unknown> {
    return this.#write([`${program}-restore`, '--noflush', '-w', '5'], input)
  }
}

interface Flavour {
  /** `iptables-nft`, `ip6tables-legacy` and the like. */
  readonly program: string
  readonly filter: Filter
}

/** Those that are installed; the legacy one where its table is loaded, for the program would load it. */
async function flavoursOf(family: 4 | 6): Promise<Flavour[]> {
  const program = family === 4 ? 'iptables' : 'ip6tables'
  const flavours: Flavour[] = []
  const add = async (name: string): Promise<boolean> => {
    try {
      const saved = await run([`${name}-save`, '-t', 'filter'])
      flavours.push({ program: name, filter: parseFilter(saved) })
      return true
    } catch (thrown) {
      if (thrown instanceof ProgramError && thrown.isAbsent) return false
      throw thrown
    }
  }
  const hasNft = await add(`${program}-nft`)
  const hasLegacy = (await isLoaded(family)) && (await add(`${program}-legacy`))
  if (!hasNft && !hasLegacy) await add(program)
  return flavours
}

async function isLoaded(family: 4 | 6): Promise<boolean> {
  try {
    const names = await readFile(`/proc/net/ip${family === 4 ? '' : '6'}_tables_names`, 'utf8')
    return names.split('\n').includes('filter')
  } catch {
    // The kernel has no legacy tables.
    return false
  }
}
