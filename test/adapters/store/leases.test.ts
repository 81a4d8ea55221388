/** The file of the leases: what it keeps, whose it must be, and what happens where it cannot be written. */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { type OpenedLeases, openLeases } from '../../../src/adapters/store/leases.ts'
import type { Lease, LeaseChange, StoredLeases } from '../../../src/core/ipam/lease.ts'
import { addressOf, nodeOf, prefixOf } from '../../core/specimens.ts'

const owner = nodeOf(1).id

describe('the file of the leases', () => {
  let directory: string
  let open: OpenedLeases[] = []

  const opened = async (mustExist = false, by = owner): Promise<OpenedLeases> => {
    const leases = await openLeases(directory, by, mustExist)
    open.push(leases)
    return leases
  }
  const closeAll = async () => {
    for (const leases of open.splice(0)) await leases.close()
  }
  const readBack = async (): Promise<StoredLeases | string> => {
    await closeAll()
    return (await opened(true)).stored
  }

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'starling-leases-'))
    open = []
  })
  afterEach(async () => {
    await closeAll()
    await rm(directory, { recursive: true })
  })

  it('keeps leases whole, and what rests in the order of its release', async () => {
    const { store, stored } = await opened()
    assert.deepEqual(stored, { leases: [], resting: [] })
    const [a, b, c] = ['172.16.8.2', '172.16.8.3', 'fd00::2'].map(leaseOf) as [Lease, Lease, Lease]
    await store.commit([a, b, c].map((lease) => ({ type: 'grant', lease })))
    await store.commit([
      { type: 'release', address: c.address, releasedAtMs: 20 },
      { type: 'release', address: b.address, releasedAtMs: 10 },
    ])
    assert.deepEqual(await readBack(), {
      leases: [a],
      resting: [
        { lease: b, releasedAtMs: 10 },
        { lease: c, releasedAtMs: 20 },
      ],
    })
  })

  it('grants anew what rested, and forgets', async () => {
    const { store } = await opened()
    const lease = leaseOf('172.16.8.2')
    const other = { ...lease, name: 'other' }
    await store.commit([
      { type: 'grant', lease },
      { type: 'release', address: lease.address, releasedAtMs: 1 },
      { type: 'grant', lease: other },
    ])
    assert.deepEqual(await readBack(), { leases: [other], resting: [] })
    await open[0]?.store.commit([{ type: 'forget', address: lease.address }])
    assert.deepEqual(await readBack(), { leases: [], resting: [] })
  })

  it('is not started empty where leases were granted before', async () => {
    const { stored } = await opened(true)
    assert.match(
      String(stored),
      /leases is gone, though addresses were granted: .*starling ip adopt/,
    )
    assert.ok(!existsSync(join(directory, 'leases')))
  })

  it('is refused, and stays as it is, where it is damaged, foreign or newer', async () => {
    const { store } = await opened()
    const many = Array.from({ length: 500 }, (_, at) => leaseOf(`172.16.9.${at % 250}`))
    await store.commit(many.map((lease): LeaseChange => ({ type: 'grant', lease })))
    await closeAll()
    const file = join(directory, 'leases')
    const foreign = await opened(true, nodeOf(2).id)
    assert.match(String(foreign.stored), /belongs to another identity .*starling ip adopt/)
    await closeAll()
    const database = new DatabaseSync(file)
    database.exec('PRAGMA user_version = 2')
    database.close()
    assert.match(String(await readBack()), /newer starling \(format 2\): run that version/)
    await closeAll()
    await truncate(file, 8_192)
    assert.match(String(await readBack()), /is damaged/)
    await closeAll()
    await writeFile(file, 'something else')
    assert.match(String(await readBack()), /is damaged/)
    assert.equal((await readdir(directory)).filter((name) => name === 'leases').length, 1)
  })

  it('is put aside where it is rebuilt', async () => {
    await writeFile(join(directory, 'leases'), 'something else')
    const { store, stored } = await opened(true)
    assert.equal(typeof stored, 'string')
    const lease = leaseOf('172.16.8.2')
    await store.replace([{ type: 'grant', lease }])
    assert.deepEqual(await readBack(), { leases: [lease], resting: [] })
    assert.ok(existsSync(join(directory, 'leases.unreadable-1')))
  })

  it('is one agent at a time', async () => {
    await opened()
    const second = await openLeases(directory, owner, true)
    assert.match(String(second.stored), /cannot be read \(database is locked\)/)
    await second.close()
  })

  it('is readable by its owner alone', async () => {
    const { store } = await opened()
    await store.commit([{ type: 'grant', lease: leaseOf('172.16.8.2') }])
    const file = join(directory, 'leases')
    await chmod(file, 0o600)
    const { mode } = await import('node:fs').then(({ statSync }) => statSync(file))
    assert.equal(mode & 0o777, 0o600)
  })
})

const leaseOf = (text: string): Lease => {
  const address = addressOf(text)
  return {
    attachment: { door: 'cni', network: 'pods', id: `id-${text}`, ifname: 'eth0' },
    address,
    subnet: prefixOf(address.family === 4 ? '172.16.8.0/22' : 'fd00::/64'),
    name: 'default/web',
    sinceMs: 1_700_000_000_000,
    witness: { bootId: 'boot', path: '/run/netns/x', inode: '4:4026532281' },
    seenBy: '',
    mac: '',
  }
}
