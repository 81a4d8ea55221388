/** The state directory behind the Store port: each file whole, this node's own, and of a version that we know. */

import type { NodeId } from '../../core/claim/record.ts'
import type { OwnState, Snapshot } from '../../core/effect.ts'
import type { Carried } from '../../core/gossip/message.ts'
import { unreachable } from '../../core/invariant.ts'
import type { Store } from '../../ports/store.ts'
import { knownFrom, ownFrom, packKnown, packOwn } from './contents.ts'
import { DurableFile, type Place, pathOf, readPresent, removeLeftovers } from './durable-file.ts'
import { type FileKind, frame, unframe } from './frame.ts'
import { damaged, foreignKey, newerVersion, type StoreError } from './store-error.ts'

/** `self` is whose state it must be: the id of `openIdentity`, which makes the directory. Rejects with a StoreError. */
export async function openStore(directory: string, self: NodeId): Promise<Store> {
  await removeLeftovers(directory)
  return new DirectoryStore(directory, self)
}

/** What is stored, and nothing is made or cleared up for it. Rejects with a StoreError. */
export const readStored = (directory: string, self: NodeId): ReturnType<Store['load']> =>
  new DirectoryStore(directory, self).load()

class DirectoryStore implements Store {
  readonly #directory: string
  readonly #self: NodeId
  readonly #own: DurableFile
  readonly #known: DurableFile

  constructor(directory: string, self: NodeId) {
    this.#directory = directory
    this.#self = self
    this.#own = new DurableFile(this.#place('own'))
    this.#known = new DurableFile(this.#place('known'))
  }

  async load(): Promise<Omit<Snapshot, 'leases'>> {
    const own = await this.#read('own', ownFrom)
    if (own?.entry && own.entry.body.origin !== this.#self) {
      throw foreignKey(pathOf(this.#place('own')), own.entry.body.origin)
    }
    return {
      own: own ?? { entry: undefined, incarnation: 0, announced: [], gateways: [] },
      known: (await this.#read('known', knownFrom)) ?? [],
    }
  }

  persistOwn(own: OwnState): Promise<void> {
    return this.#own.replace(() => this.#frame('own', packOwn(own)))
  }

  persistKnown(known: readonly Carried[]): Promise<void> {
    return this.#known.replace(() => this.#frame('known', packKnown(known)))
  }

  async #read<T>(kind: FileKind, decode: (contents: unknown) => T): Promise<T | undefined> {
    const file = pathOf(this.#place(kind))
    const bytes = await readPresent(this.#place(kind))
    if (!bytes) return undefined
    const unframed = unframe(bytes, { kind, owner: this.#self })
    if (!unframed.ok) throw frameError(file, unframed)
    try {
      return decode(unframed.contents)
    } catch (thrown) {
      throw damaged(file, thrown instanceof Error ? thrown.message : 'contents')
    }
  }

  #frame(kind: FileKind, contents: unknown): Uint8Array {
    return frame({ kind, owner: this.#self, contents })
  }

  #place(name: FileKind): Place {
    return { directory: this.#directory, name }
  }
}

function frameError(
  file: string,
  {
    code,
    fact,
  }: { readonly code: 'damaged' | 'newer-version' | 'foreign-key'; readonly fact: string },
): StoreError {
  switch (code) {
    case 'damaged':
      return damaged(file, fact)
    case 'newer-version':
      return newerVersion(file, fact)
    case 'foreign-key':
      return foreignKey(file, fact)
    default:
      return unreachable(code)
  }
}
