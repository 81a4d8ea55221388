/** Addresses that were answered are kept: by an agent that is killed, and by one whose disk does not do its part. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import type { LabHost } from '../../simulations/lab/host.ts'
import { Random } from '../../simulations/sim/random.ts'
import { type ApiClient, ApiError, connectApi } from '../../src/adapters/api/client.ts'
import { converged, destinations, problems, startHosts, until, withLab } from './lab.ts'

const run = promisify(execFile)

/** What a client was told of one id; undefined: it does not know what holds. */
type Told = { readonly address: string } | 'released' | undefined

const ids = 300
/** Some 550 between two kills: each id is granted and released about once, and each kill finds as many under way. */
const operations = 5_000
const kills = 8
const window = 64

test('kill -9 at random points of 5,000 concurrent allocates and releases loses and doubles nothing', () =>
  withLab('durable', async (lab) => {
    const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32))
    console.log(`SEED=${seed}`)
    const random = new Random(seed)
    const host = await lab.addHost()
    await host.startAgent([])
    const told = new Map<string, Told>()
    const busy = new Set<string>()
    let done = 0
    for (let round = 0; round <= kills; round += 1) {
      const client = await connected(host)
      await check(client, told)
      const killAt = round === kills ? operations : done + Math.floor(operations / (kills + 1))
      let killed: Promise<unknown> | undefined
      const one = async () => {
        while (done < operations && !killed) {
          const free = Array.from({ length: ids }, (_, index) => `c${index}`).filter(
            (id) => !busy.has(id),
          )
          const id = free[Math.floor(random.next() * free.length)] ?? 'c0'
          busy.add(id)
          const before = told.get(id)
          told.set(id, undefined)
          done += 1
          if (done >= killAt && round < kills) killed ??= host.stopAgent('SIGKILL')
          told.set(id, await ask(client, id, before))
          busy.delete(id)
        }
      }
      await Promise.all(Array.from({ length: window }, one))
      busy.clear()
      client.close()
      await killed
      if (round < kills) await host.startAgent([])
    }
    const client = await connected(host)
    await check(client, told)
    client.close()
    assert.ok([...told.values()].filter((each) => typeof each === 'object').length > 50)
  }))

async function ask(client: ApiClient, id: string, before: Told): Promise<Told> {
  try {
    if (typeof before === 'object') {
      await client.call('ReleaseLease', { id, address: '' }, 10_000)
      return 'released'
    }
    const request = { id, name: '', addresses: [], families: [] }
    const { leases } = await client.call('AllocateLease', request, 10_000)
    return { address: leases[0]?.address ?? '' }
  } catch (error) {
    // It was killed: nobody knows whether it was done.
    if (error instanceof ApiError && error.code === 'unreachable') return undefined
    throw error
  }
}

async function check(client: ApiClient, told: ReadonlyMap<string, Told>): Promise<void> {
  const { leases } = await client.call('Leases', {}, 10_000)
  assert.equal(
    new Set(leases.map(({ address }) => address)).size,
    leases.length,
    'no address twice',
  )
  const held = new Map(leases.map(({ id, address }) => [id, address]))
  assert.equal(held.size, leases.length, 'no id twice')
  for (const [id, each] of told) {
    if (each === undefined) continue
    assert.equal(held.get(id), each === 'released' ? undefined : each.address, id)
  }
}

/** Once it grants addresses. */
async function connected(host: LabHost): Promise<ApiClient> {
  const client = await until('the agent answers', () =>
    connectApi(host.socket).catch(() => undefined),
  )
  await until('it has a subnet', async () => {
    const { subnets } = await client.call('Leases', {}, 10_000)
    return subnets.length > 0
  })
  return client
}

test('a disk that is full, hangs or is read-only is an error within two seconds; addresses are kept, routing goes on', () =>
  withLab('disks', async (lab) => {
    const [h1, h2] = (await startHosts(lab, 2)) as [LabHost, LabHost]
    const h3 = await lab.addHost()
    const disk = await Disk.mount(join(h3.directory, 'state'))
    try {
      await h3.startAgent(['--seed', h1.address])
      await h3.note('claim-confirmed')
      await converged(h1, h2, h3)
      const client = await connected(h3)
      try {
        const kept = await allocate(client, 'kept')
        let announced = 0
        /** Routes of others arrive, and what is held can be asked for. */
        const lives = async () => {
          announced += 1
          const prefix = `10.70.${announced}.0/24`
          assert.equal((await h2.cli('announce', prefix)).exitCode, 0)
          await until('the route is there', async () => (await destinations(h3)).includes(prefix))
          assert.equal(await allocate(client, 'kept'), kept)
        }
        const refuses = async (what: string) => {
          const startedMs = performance.now()
          const code = await allocate(client, what)
          assert.match(code, /^leases-(unwritable|slow)$/, what)
          assert.ok(performance.now() - startedMs < 2_500, `${what} is told in time`)
        }
        const works = async (id: string) => {
          await until('addresses are granted again', async () =>
            /^172/.test(await allocate(client, id)),
          )
          await until('nothing is wrong with leases', async () =>
            [...(await problems(h3)).values()].every((message) => !/lease|granted/.test(message)),
          )
        }

        let more = 0
        await until('the disk is full', async () => {
          more += 1
          // What SQLite frees in its need is taken, too.
          await disk.fill()
          return (await allocate(client, `more-${more}`)).startsWith('leases-')
        })
        await disk.fill()
        await refuses('full')
        await lives()
        await until('both are told', async () => {
          const told = await problems(h3)
          return told.has('leases-unwritable') && told.has('store-unwritable')
        })
        await disk.empty()
        await works('after-full')

        await disk.freeze()
        await refuses('frozen')
        await refuses('frozen-again')
        await lives()
        assert.match([...(await problems(h3)).keys()].join(), /leases-slow/)
        await disk.thaw()
        await works('after-frozen')

        await disk.makeReadOnly()
        await refuses('read-only')
        await lives()
      } finally {
        client.close()
      }
      await h3.stopAgent()
    } finally {
      await disk.unmount()
    }
  }))

/** The address, or the code of the refusal. */
async function allocate(client: ApiClient, id: string): Promise<string> {
  try {
    const request = { id, name: '', addresses: [], families: [] }
    const { leases } = await client.call('AllocateLease', request, 10_000)
    return leases[0]?.address ?? ''
  } catch (error) {
    if (error instanceof ApiError) return error.code
    throw error
  }
}

/** A filesystem of a few megabytes in a file, that can be made to fail. */
class Disk {
  readonly #folder: string
  readonly directory: string
  #isFrozen = false

  private constructor(folder: string, directory: string) {
    this.#folder = folder
    this.directory = directory
  }

  static async mount(directory: string): Promise<Disk> {
    const disk = new Disk(await mkdtemp(join(tmpdir(), 'starling-disk-')), directory)
    const image = join(disk.#folder, 'image')
    await run('dd', ['if=/dev/zero', `of=${image}`, 'bs=1M', 'count=16'])
    await run('mkfs.ext4', ['-q', '-m', '0', image])
    await mkdir(disk.directory, { recursive: true })
    await run('mount', ['-o', 'loop', image, disk.directory])
    return disk
  }

  /** Down to the last block, again and again. */
  async fill(): Promise<void> {
    const file = join(this.directory, 'filler')
    await run('dd', [
      'if=/dev/zero',
      `of=${file}`,
      'bs=4k',
      'oflag=append',
      'conv=notrunc,fsync',
    ]).catch(() => undefined)
  }

  async empty(): Promise<void> {
    await truncate(join(this.directory, 'filler'))
    await rm(join(this.directory, 'filler'))
  }

  /** As the kernel does by itself after an error of the disk; there is no way back. */
  async makeReadOnly(): Promise<void> {
    await run('mount', ['-o', 'remount,abort', this.directory])
  }

  async freeze(): Promise<void> {
    await run('fsfreeze', ['--freeze', this.directory])
    this.#isFrozen = true
  }

  async thaw(): Promise<void> {
    this.#isFrozen = false
    await run('fsfreeze', ['--unfreeze', this.directory])
  }

  async unmount(): Promise<void> {
    if (this.#isFrozen) await this.thaw()
    await run('umount', ['--lazy', this.directory])
    await rm(this.#folder, { recursive: true, force: true })
  }
}
