/** The node's key pair: created once, then the same for ever, or an error that says why not. */

import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { invariant } from '../../core/invariant.ts'
import { type KeyPair, keyPairFromSeed } from '../../wire/signature.ts'
import {
  createFile,
  namesIn,
  type Place,
  pathOf,
  readPresent,
  syncDirectory,
} from './durable-file.ts'
import { damaged, newerVersion, StoreError, unwritable } from './store-error.ts'

/**
 * Loads the identity, or creates it where the directory has no state at all. `random` gives the 32 bytes of a new
 * key. Rejects with a StoreError. Of several processes that start at once one creates, and all get its identity.
 */
export async function openIdentity(directory: string, random: () => Uint8Array): Promise<KeyPair> {
  const place: Place = { directory, name: 'identity' }
  // Before the identity is looked for: whoever creates one does so before it writes any state.
  const state = (await namesIn(directory)).filter((name) => name === 'own' || name === 'known')
  const stored = await readPresent(place)
  if (stored) return parse(stored.toString('latin1'), pathOf(place))
  if (state.length > 0) throw missingIdentity(place, state)
  const keys = newKeys(random)
  await makeDirectory(directory)
  if (await createFile(place, Buffer.from(print(keys), 'latin1'))) return keys
  const first = await readPresent(place)
  if (!first) throw missingIdentity(place, [])
  return parse(first.toString('latin1'), pathOf(place))
}

/** As it is stored; undefined where nothing is. Makes nothing. Rejects with a StoreError. */
export async function readIdentity(directory: string): Promise<KeyPair | undefined> {
  const place: Place = { directory, name: 'identity' }
  const stored = await readPresent(place)
  return stored && parse(stored.toString('latin1'), pathOf(place))
}

const version = 1

/** The id repeats what the seed says, so that any altered byte shows. */
const print = (keys: KeyPair): string =>
  [
    `starling identity ${version}`,
    '# The private key of this node. Who has a copy is this node: never share or clone it.',
    `id ${keys.id}`,
    `seed ${Buffer.from(keys.seed).toString('hex')}`,
    'end',
    '',
  ].join('\n')

function parse(text: string, file: string): KeyPair {
  const found = /^starling identity ([0-9]+)\n/.exec(text)?.[1]
  if (found === undefined) throw damaged(file, 'not an identity file')
  if (Number(found) > version) throw newerVersion(file, `identity format ${found}`)
  const seed = /^seed ([0-9a-f]{64})$/m.exec(text)?.[1]
  if (seed === undefined) throw damaged(file, 'it has no whole key')
  const keys = keyPairFromSeed(Buffer.from(seed, 'hex'))
  if (print(keys) !== text) throw damaged(file, 'key and id do not fit')
  return keys
}

function newKeys(random: () => Uint8Array): KeyPair {
  const seed = random()
  invariant(seed.length === 32, 'an Ed25519 seed has 32 bytes')
  return keyPairFromSeed(seed)
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    const first = await mkdir(directory, { recursive: true, mode: 0o700 })
    if (first === undefined) return
    // A new directory survives a power cut only once the one above it is synced.
    for (let made = directory; ; made = dirname(made)) {
      await syncDirectory(dirname(made))
      if (made === first || made === dirname(made)) return
    }
  } catch (thrown) {
    throw unwritable(directory, thrown)
  }
}

function missingIdentity(place: Place, state: readonly string[]): StoreError {
  const left = state.map((name) => pathOf({ ...place, name })).join(' and ')
  return new StoreError('missing-identity', {
    file: pathOf(place),
    what: left ? `is missing, but ${left} of a former run is there` : 'is missing',
    mend: left
      ? `restore the identity from a backup, or remove ${left} to start as a new node`
      : 'start again',
  })
}
