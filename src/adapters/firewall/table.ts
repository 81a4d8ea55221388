/** Keeps the one nftables table that masquerades. */

import type { Masquerade } from '../../core/routing/host-firewall.ts'
import { attempt, complaint, ProgramError, run, type Write } from './program.ts'
import { otherElements, replacingTable } from './rules.ts'

export type Kept = 'as it was' | 'written' | 'restored'

export class MasqueradeTable {
  readonly #name: string
  readonly #write: Write
  /** What was written last, and how nft lists it. */
  #written: { readonly text: string; readonly bridge: string; readonly listing: string } | undefined

  constructor(name: string, write: Write = run) {
    this.#name = name
    this.#write = write
  }

  /** Rejects with a ProgramError. */
  async keep(masquerade: Masquerade): Promise<Kept> {
    const text = replacingTable(this.#name, masquerade)
    const before = this.#written
    const listing = await this.#list()
    const isIntact = before !== undefined && listing === before.listing
    if (isIntact && before.text === text) return 'as it was'
    const onlySets = isIntact && before.bridge === masquerade.bridge
    await this.#write(['nft', '-f', '-'], onlySets ? otherElements(this.#name, masquerade) : text)
    const stands = await this.#list()
    // Nothing is remembered of what somebody removed at this moment: the next look writes it again.
    this.#written =
      stands === undefined ? undefined : { text, bridge: masquerade.bridge, listing: stands }
    return before === undefined || isIntact ? 'written' : 'restored'
  }

  /** Rejects with a ProgramError. Without nft there is no table. */
  async remove(): Promise<void> {
    this.#written = undefined
    try {
      if ((await this.#list()) !== undefined) {
        await this.#write(['nft', 'delete', 'table', 'inet', this.#name])
      }
    } catch (thrown) {
      if (!(thrown instanceof ProgramError && thrown.isAbsent)) throw thrown
    }
  }

  /** Without counters. Undefined: there is none. */
  async #list(): Promise<string | undefined> {
    const outcome = await attempt(['nft', '-s', 'list', 'table', 'inet', this.#name])
    if (outcome.exitCode === 0) return outcome.stdout
    if (outcome.stderr.includes('No such file or directory')) return undefined
    throw new ProgramError(`nft list table inet ${this.#name}: ${complaint(outcome)}`, false)
  }
}
