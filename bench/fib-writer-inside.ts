/** The part of `fib-writer` that runs inside a namespace: prints what it took as JSON. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { now } from '../simulations/lab/observer.ts'
import { prefixOf } from '../simulations/literal.ts'
import { netlinkKernel } from '../src/adapters/netlink/kernel.ts'
import { parseAddress } from '../src/core/ip/address.ts'
import type { RouteChange } from '../src/core/routing/route.ts'
import type { Kernel } from '../src/ports/kernel.ts'
import type { Taken } from './fib-writer.ts'
import { reconcile } from './fib-writer-reconcile.ts'

const gateway = '10.9.0.2'
/** A reader child that is ready still works on its own start, on the cores that this is measured on. */
const settledMs = 300
const [routes = 0, rounds = 0] = process.argv.slice(2, 4).map(Number)
const program = process.argv[4] ?? ''

process.stdout.write(JSON.stringify(await measure()))

async function measure(): Promise<Taken> {
  const ifindex = makeNetwork()
  const directory = mkdtempSync(join(tmpdir(), 'starling-bench-'))
  try {
    const batches = batchFiles(directory)
    const changes = changesOf(ifindex)
    const sides = {
      ours: { add: [], remove: [], write: () => byAdapter(changes) },
      ipBatch: { add: [], remove: [], write: () => byIpBatch(batches) },
      ...(program === '' ? {} : { c: { add: [], remove: [], write: () => byC(ifindex) } }),
    } satisfies Record<string, Side>
    for (let round = -1; round < rounds; round += 1) {
      for (const side of Object.values<Side>(sides)) {
        const [add, remove] = await side.write()
        // The first round finds what no engine has compiled and no cache holds yet.
        if (round < 0) continue
        side.add.push(add)
        side.remove.push(remove)
      }
    }
    return { c: undefined, ...sides, reconcile: await reconcile({ routes, rounds, gateway }) }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

interface Side {
  readonly add: number[]
  readonly remove: number[]
  /** Adds and removes all; returns how long each took. */
  readonly write: () => Promise<readonly [number, number]> | readonly [number, number]
}

/** Its reader runs only meanwhile: the kernel would have to tell it what the others write. */
async function byAdapter(changes: {
  readonly add: readonly RouteChange[]
  readonly remove: readonly RouteChange[]
}): Promise<readonly [number, number]> {
  const kernel = netlinkKernel({
    node: 'bench',
    scope: { table: 254, protocol: 83, interest: [prefixOf('172.16.0.0/12')] },
    uplink: { nextHops: [], bridge: '', seedAddresses: () => Promise.resolve([]) },
  })
  await kernel.start(() => undefined)
  try {
    // What a first write of a process costs is not what this is about.
    for (const type of ['add', 'remove'] as const) await apply(kernel, changes[type].slice(0, 1))
    await setTimeout(settledMs)
    return [await apply(kernel, changes.add), await apply(kernel, changes.remove)]
  } finally {
    await kernel.stop()
  }
}

async function apply(kernel: Kernel, changes: readonly RouteChange[]): Promise<number> {
  const startedAt = now()
  const results = await kernel.apply(changes)
  const took = now() - startedAt
  const failed = results.find(({ outcome }) => outcome !== 'done')
  if (failed) throw new Error(`${failed.change.key.prefix.text}: ${failed.error}`)
  return took
}

function byIpBatch(batches: { add: string; remove: string }): readonly [number, number] {
  const took = [batches.add, batches.remove].map((file) => {
    const startedAt = now()
    execFileSync('ip', ['-batch', file])
    return now() - startedAt
  })
  return [took[0] ?? Number.NaN, took[1] ?? Number.NaN]
}

function byC(ifindex: number): readonly [number, number] {
  const words = [routes, 1, gateway, ifindex].map(String)
  const text = execFileSync(program, words, { encoding: 'utf8' })
  const [add = Number.NaN, remove = Number.NaN] = text.split(' ').map(Number)
  return [add, remove]
}

function changesOf(ifindex: number): { add: RouteChange[]; remove: RouteChange[] } {
  const nextHop = parseAddress(gateway)
  if (!nextHop) throw new Error(`${gateway} is no address`)
  const keys = Array.from({ length: routes }, (_, index) => ({
    prefix: prefixOf(destination(index)),
    metric: 0,
  }))
  return {
    add: keys.map((key) => ({ type: 'add', key, target: { type: 'via', nextHop, ifindex } })),
    remove: keys.map((key) => ({ type: 'remove', key })),
  }
}

function batchFiles(directory: string): { add: string; remove: string } {
  const files = { add: join(directory, 'add'), remove: join(directory, 'remove') }
  const lines = (verb: string) =>
    Array.from(
      { length: routes },
      (_, index) => `route ${verb} ${destination(index)} via ${gateway} proto 83\n`,
    ).join('')
  writeFileSync(files.add, lines('add'))
  writeFileSync(files.remove, lines('del'))
  return files
}

function destination(index: number): string {
  return `172.16.${index >> 8}.${index & 255}/32`
}

/** A link whose far end has the gateway's address as far as routes care. Returns its number. */
function makeNetwork(): number {
  const ip = (words: string) => execFileSync('ip', words.split(' '), { encoding: 'utf8' })
  ip('link set lo up')
  ip('link add b0 type bridge')
  ip('link set b0 up')
  ip('addr add 10.9.0.1/24 dev b0')
  return Number(ip('-o link show b0').split(':')[0])
}
