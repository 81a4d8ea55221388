/** The CNI door: a lease stands for a container that was told it, or there is none, whatever ends in the middle. */

import assert from 'node:assert/strict'
import { mkdirSync, rmdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { conf } from '../../cni/calls.ts'
import { Caller, Office, stamped, until, uptimeMs } from './office.ts'

let office: Office
beforeEach(async () => {
  office = new Office()
  await office.open()
})
afterEach(() => office.remove())

const ipOf = (text = ''): string => {
  const { ips } = JSON.parse(text) as { ips?: { address: string }[] }
  return ips?.[0]?.address ?? text
}

const errorOf = (text = ''): { code: number; msg: string } =>
  JSON.parse(text) as { code: number; msg: string }

describe('an ADD', () => {
  it('is answered with its lease, and again with the same', async () => {
    const first = await office.ask('ADD')
    assert.equal(first?.exitCode, 0)
    const [address = ''] = office.held()
    assert.equal(ipOf(first.text), `${address}/22`)
    assert.deepEqual(await office.ask('ADD'), first)
    assert.equal(office.leases.length, 1)
  })

  it('is undone where the plugin goes without its receipt', async () => {
    const caller = await office.call('ADD')
    assert.equal((await caller.answer())?.exitCode, 0)
    assert.equal(office.held().length, 1)
    await caller.die()
    await until('it is released', () => office.held().length === 0)
    assert.equal(office.table.stored().leases.length, 0, 'durably')
  })

  it('is undone where the plugin goes while the disk works', async () => {
    office.isHeld = true
    const caller = await office.call('ADD')
    await until('the disk is asked', () => office.commands.length === 1)
    await caller.die()
    office.let()
    await until('it is released', () => office.commands.length === 2)
    assert.deepEqual(office.held(), [])
  })

  it('takes nothing from a container that has its lease from before', async () => {
    await office.ask('ADD')
    const [address] = office.held()
    const caller = await office.call('ADD')
    await caller.answer()
    await caller.die()
    await office.ask('STATUS')
    assert.deepEqual(office.held(), [address])
  })

  it('stands once the receipt came, whenever the plugin goes', async () => {
    const caller = await office.call('ADD')
    await caller.answer()
    caller.acknowledge()
    await caller.gone
    await office.ask('STATUS')
    assert.equal(office.held().length, 1)
  })

  it('is not begun for a plugin that has gone', async () => {
    office.isHeld = true
    const first = await office.call('ADD')
    await until('the disk is asked', () => office.commands.length === 1)
    const second = await office.call('ADD')
    await second.die()
    office.let()
    await first.answer()
    first.acknowledge()
    await first.gone
    await office.ask('STATUS')
    assert.equal(office.commands.length, 1)
    assert.equal(office.held().length, 1)
  })

  it('says what the agent refuses, and holds nothing then', async () => {
    const asked = (ips: string[]) => office.ask('ADD', conf({ runtimeConfig: { ips } }))
    assert.equal(errorOf((await asked(['10.0.0.1']))?.text).code, 7)
    assert.equal(errorOf((await asked(['172.16.0.1']))?.text).code, 7)
    assert.equal(errorOf((await asked(['172.16.0.9/24']))?.text).code, 7)
    await office.ask('ADD', conf({ runtimeConfig: { ips: ['172.16.0.9/22'] } }), {
      CNI_CONTAINERID: 'other',
    })
    const taken = await asked(['172.16.0.8', '172.16.0.9'])
    assert.equal(errorOf(taken?.text).code, 11)
    assert.match(errorOf(taken?.text).msg, /172\.16\.0\.9.*other/)
    assert.deepEqual(office.held(), [])
    assert.equal(ipOf((await asked(['172.16.0.8']))?.text), '172.16.0.8/22')
  })

  it('of another container under the same name has the same address, and its own witness', async () => {
    await office.ask('ADD', conf(), { STARLING_NETNS: '4:1' })
    const before = office.held()
    await office.ask('ADD', conf(), { STARLING_NETNS: '4:2' })
    assert.deepEqual(office.held(), before)
    assert.equal(office.leases[0]?.witness.inode, '4:2')
  })

  it('of it is undone as its own, too', async () => {
    await office.ask('ADD', conf(), { STARLING_NETNS: '4:1' })
    const caller = await office.call('ADD', conf(), { STARLING_NETNS: '4:2' })
    await caller.answer()
    await caller.die()
    await until('it is released', () => office.held().length === 0)
  })

  it('that comes while the undoing of a former one is due has a lease of its own', async () => {
    const first = await office.call('ADD')
    await first.answer()
    const second = await office.call('ADD')
    await office.ask('STATUS')
    await first.die()
    assert.equal((await second.answer())?.exitCode, 0)
    second.acknowledge()
    await second.gone
    const commands = office.commands.map(({ type }) => type)
    assert.deepEqual(commands, ['allocate', 'release', 'allocate'])
    assert.equal(office.held().length, 1)
  })

  it('gives way to others meanwhile', async () => {
    const slow = await office.call('ADD')
    await slow.answer()
    // Its plugin is stopped, and says nothing.
    const all = await Promise.all(
      Array.from({ length: 200 }, (_, at) =>
        office.ask('ADD', conf(), { CNI_CONTAINERID: `n${at}` }),
      ),
    )
    assert.ok(all.every((heard) => heard?.exitCode === 0))
    assert.equal(new Set(all.map((heard) => ipOf(heard?.text))).size, 200)
    slow.acknowledge()
    await slow.gone
    assert.equal(office.leases.length, 201)
  })

  it('tries its undoing again where the disk refuses it', async () => {
    const caller = await office.call('ADD')
    await caller.answer()
    office.diskError = 'ENOSPC'
    await caller.die()
    await until('it is tried', () => office.commands.length === 2)
    assert.equal(office.held().length, 1)
    office.diskError = ''
    office.clock.pass(30_000)
    await until('it is released', () => office.held().length === 0)
  })
})

describe('a DEL', () => {
  it('releases, and succeeds for what is unknown', async () => {
    await office.ask('ADD')
    assert.deepEqual(await office.ask('DEL'), { exitCode: 0, text: '' })
    assert.deepEqual(office.held(), [])
    assert.deepEqual(await office.ask('DEL'), { exitCode: 0, text: '' })
  })

  it('releases its own interface alone', async () => {
    await office.ask('ADD')
    await office.ask('ADD', conf(), { CNI_IFNAME: 'net1' })
    await office.ask('DEL')
    assert.deepEqual(
      office.leases.map(({ attachment }) => attachment.ifname),
      ['net1'],
    )
  })

  it('comes after its ADD that waits for the disk, which is not done then', async () => {
    office.isHeld = true
    const adding = await office.call('ADD')
    await until('the disk is asked', () => office.commands.length === 1)
    const deleting = office.ask('DEL')
    // It has been read, and waits for its turn.
    await office.ask('STATUS')
    office.let()
    assert.deepEqual(await deleting, { exitCode: 0, text: '' })
    assert.equal(await adding.answer(), undefined)
    assert.deepEqual(office.held(), [])
  })

  it('does not wait for the plugin of an ADD that is stopped', async () => {
    const adding = await office.call('ADD')
    await adding.answer()
    assert.deepEqual(await office.ask('DEL'), { exitCode: 0, text: '' })
    assert.deepEqual(office.held(), [])
    await adding.gone
  })

  it('has no answer where the disk refuses it: its plugin keeps it', async () => {
    await office.ask('ADD')
    office.diskError = 'ENOSPC'
    assert.equal(await office.ask('DEL'), undefined)
    assert.equal(office.held().length, 1)
    office.diskError = ''
  })

  it('whose plugin has gone is done, unless the container came anew', async () => {
    await office.ask('ADD')
    const dying = await office.call('DEL')
    await dying.die()
    await until('it is released', () => office.held().length === 0)

    await office.ask('ADD')
    const late = new Caller(connect(office.socket))
    await late.send(stamped('DEL', conf(), { STARLING_UPTIME_MS: uptimeMs(5_000) }))
    await late.die()
    await office.ask('STATUS')
    assert.equal(office.held().length, 1)
  })

  it('is told what is wrong with it', async () => {
    const heard = await office.ask('DEL', conf(), { CNI_IFNAME: undefined })
    assert.equal(heard?.exitCode, 1)
    assert.equal(errorOf(heard?.text).code, 4)
  })
})

describe('a DEL that no agent answered', () => {
  const kept = (ago: number, told: Record<string, string> = {}) =>
    stamped('DEL', conf(), { STARLING_UPTIME_MS: uptimeMs(ago), ...told })

  it('is done before the next agent listens', async () => {
    await office.ask('ADD')
    await office.crash()
    office.putAside('0123', kept(0))
    await office.open()
    assert.deepEqual(office.held(), [])
    assert.deepEqual(office.aside, [])
  })

  it('is done before the container comes anew, also while the agent runs', async () => {
    await office.ask('ADD')
    const [former] = office.held()
    office.putAside('0123', kept(0))
    await office.ask('ADD')
    assert.deepEqual(office.aside, [])
    const commands = office.commands.map(({ type }) => type)
    assert.deepEqual(commands, ['allocate', 'release', 'allocate'])
    assert.notDeepEqual(office.held(), [former], 'a lease of its own')
  })

  it('is done by and by where no ADD comes', async () => {
    await office.ask('ADD')
    office.putAside('0123', kept(0))
    office.clock.pass(30_000)
    await until('it is released', () => office.held().length === 0)
    await until('its file is gone', () => office.aside.length === 0)
  })

  it('is not done where it is older than the lease, or of another boot', async () => {
    await office.ask('ADD')
    office.putAside('0123', kept(60_000))
    office.putAside('4567', kept(0, { STARLING_BOOT_ID: 'another' }))
    office.clock.pass(30_000)
    await until('their files are gone', () => office.aside.length === 0)
    assert.equal(office.held().length, 1)
  })

  it('stays while the disk refuses it, and its container does not come anew meanwhile', async () => {
    await office.ask('ADD')
    office.diskError = 'ENOSPC'
    office.putAside('0123', kept(0))
    const heard = await office.ask('ADD')
    assert.equal(errorOf(heard?.text).code, 11)
    assert.match(errorOf(heard?.text).msg, /earlier DEL/)
    assert.equal(office.aside.length, 1)
    const other = await office.ask('ADD', conf(), { CNI_CONTAINERID: 'other' })
    assert.equal(errorOf(other?.text).code, 11, 'nor another one, for want of a disk')
    office.diskError = ''
    assert.equal((await office.ask('ADD'))?.exitCode, 0)
    assert.deepEqual(office.aside, [])
  })

  it('does not wait for the plugin of an ADD that is stopped', async () => {
    const adding = await office.call('ADD')
    await adding.answer()
    office.putAside('0123', kept(-15))
    assert.equal((await office.ask('ADD', conf(), { CNI_CONTAINERID: 'other' }))?.exitCode, 0)
    assert.deepEqual(office.held(), [])
    await adding.gone
  })

  it('that is older than an ADD under way is not done', async () => {
    await office.ask('ADD')
    const adding = await office.call('ADD')
    await adding.answer()
    office.putAside('0123', kept(5_000))
    office.clock.pass(30_000)
    await until('its file is gone', () => office.aside.length === 0)
    adding.acknowledge()
    await adding.gone
    assert.equal(office.held().length, 1)
  })

  it('that is none is removed: another command, half a body, one without end', async () => {
    office.putAside('1', stamped('ADD'))
    office.putAside('2', stamped('DEL').subarray(0, 40))
    office.putAside('3', Buffer.alloc(2_000_000))
    office.putAside('4', stamped('DEL', '{'))
    office.clock.pass(30_000)
    await until('all are gone', () => office.aside.length === 0)
    assert.deepEqual(office.commands, [])
  })

  it('that is longer than any that the plugin sends is not done', async () => {
    await office.ask('ADD')
    const config = `${JSON.stringify(conf())}${' '.repeat(1_400_000)}`
    office.putAside('0123', stamped('DEL', config))
    office.clock.pass(30_000)
    await until('its file is gone', () => office.aside.length === 0)
    assert.equal(office.held().length, 1)
  })

  it('is done where an agent ended in the middle of it', async () => {
    await office.ask('ADD')
    office.putAside('0123.taken', kept(0))
    office.clock.pass(30_000)
    await until('it is released', () => office.held().length === 0)
  })

  it('leaves a half written one to its plugin, until that is long gone', async () => {
    office.putAside('.0123.77', Buffer.from('x'))
    office.clock.pass(30_000)
    await office.ask('ADD')
    assert.deepEqual(office.aside, ['.0123.77'])
    utimesSync(join(office.queue, '.0123.77'), 1, 1)
    await office.ask('ADD')
    assert.deepEqual(office.aside, [])
  })

  it('is reported where it cannot be read, and no ADD is done before', async () => {
    writeFileSync(office.queue, 'no directory')
    assert.equal(await office.ask('ADD'), undefined)
    assert.match(office.reports.join(), /ENOTDIR/)
    assert.deepEqual(office.commands, [])
  })
})

describe('CHECK, STATUS and GC', () => {
  it('CHECK compares what is leased with what the runtime says', async () => {
    assert.equal(errorOf((await office.ask('CHECK'))?.text).code, 100)
    const { text } = (await office.ask('ADD')) ?? {}
    const prevResult = JSON.parse(text ?? '') as object
    assert.deepEqual(await office.ask('CHECK', conf({ prevResult })), { exitCode: 0, text: '' })
    const other = { ips: [{ address: '172.16.3.3/22' }] }
    const heard = await office.ask('CHECK', conf({ prevResult: other }))
    assert.equal(errorOf(heard?.text).code, 100)
  })

  it('CHECK and ADD know what it means that leases cannot be read', async () => {
    await office.ask('ADD')
    office.damage = 'damaged'
    await office.crash()
    await office.open()
    assert.deepEqual(await office.ask('CHECK'), { exitCode: 0, text: '' })
    assert.equal(errorOf((await office.ask('ADD'))?.text).code, 11)
    assert.equal(errorOf((await office.ask('STATUS'))?.text).code, 50)
    assert.equal(await office.ask('DEL'), undefined, 'its plugin keeps it')
  })

  it('STATUS is well, and is not while the disk does not answer', async () => {
    assert.deepEqual(await office.ask('STATUS'), { exitCode: 0, text: '' })
    office.isHeld = true
    const adding = await office.call('ADD')
    await until('the disk is asked', () => office.commands.length === 1)
    office.expire()
    assert.equal(errorOf((await adding.answer())?.text).code, 11)
    assert.equal(errorOf((await office.ask('STATUS'))?.text).code, 50)
    office.let()
  })

  it('GC releases those of its network that are not valid', async () => {
    for (const id of ['a', 'b', 'c']) await office.ask('ADD', conf(), { CNI_CONTAINERID: id })
    await office.ask('ADD', conf({ name: 'other' }), { CNI_CONTAINERID: 'd' })
    const ids = () => office.leases.map(({ attachment }) => attachment.id).sort()
    const later = { STARLING_UPTIME_MS: uptimeMs(-1_000) }
    await office.ask('GC', conf(), later)
    assert.deepEqual(ids(), ['a', 'b', 'c', 'd'], 'nothing is said')
    const valid = [{ containerID: 'a', ifname: 'eth0' }]
    await office.ask('GC', conf({ 'cni.dev/valid-attachments': valid }), later)
    assert.deepEqual(ids(), ['a', 'd'])
    await office.ask('GC', conf({ 'cni.dev/valid-attachments': null }), later)
    assert.deepEqual(ids(), ['d'])
  })

  it('GC leaves a container whose namespace stands, and one that is in the making', async () => {
    const path = '/proc/self/ns/net'
    const { dev, ino } = statSync(path)
    const alive = { CNI_NETNS: path, STARLING_NETNS: `${dev}:${ino}` }
    await office.ask('ADD', conf(), { CNI_CONTAINERID: 'alive', ...alive })
    await office.ask('ADD', conf(), { CNI_CONTAINERID: 'reused', CNI_NETNS: path })
    const boot = { STARLING_BOOT_ID: 'another' }
    await office.ask('ADD', conf(), { CNI_CONTAINERID: 'former', ...alive, ...boot })
    const making = await office.call('ADD', conf(), { CNI_CONTAINERID: 'making' })
    await making.answer()
    const later = { STARLING_UPTIME_MS: uptimeMs(-1_000) }
    await office.ask('GC', conf({ 'cni.dev/valid-attachments': [] }), later)
    assert.deepEqual(
      office.leases.map(({ attachment }) => attachment.id),
      ['alive', 'making'],
    )
    making.acknowledge()
    await making.gone
  })
})

describe('a caller that is no plugin', () => {
  const hostile: readonly (readonly [string, Buffer])[] = [
    ['announces 4 GiB', Buffer.alloc(4, 255)],
    ['sends more than it announced', Buffer.from([0, 0, 0, 1, 65, 65])],
    ['sends no entries', Buffer.from([0, 0, 0, 2, 65, 65])],
    ['sends an empty body', Buffer.from([0, 0, 0, 0])],
  ]
  for (const [what, bytes] of hostile) {
    it(`is left without an answer where it ${what}`, async () => {
      const caller = new Caller(connect(office.socket))
      await caller.raw(bytes)
      assert.equal(await caller.answer(), undefined)
    })
  }

  it('is left after five seconds where it says nothing', async () => {
    const caller = new Caller(connect(office.socket))
    await caller.raw(Buffer.from([0, 0]))
    await office.ask('STATUS')
    office.clock.pass(5_000)
    assert.equal(await caller.answer(), undefined)
  })

  it('may send its call in any number of pieces', async () => {
    const caller = new Caller(connect(office.socket))
    const body = stamped('STATUS')
    const head = Buffer.alloc(4)
    head.writeUInt32BE(body.length)
    for (const byte of Buffer.concat([head, body])) {
      await caller.raw(Buffer.from([byte]))
    }
    assert.deepEqual(await caller.answer(), { exitCode: 0, text: '' })
    caller.acknowledge()
    await caller.gone
  })
})

describe('a door that cannot be opened', () => {
  it('is told of, and tried again until it can', async () => {
    await office.close()
    mkdirSync(office.socket)
    await office.open()
    assert.match(office.reports.join(), /EADDRINUSE/)
    rmdirSync(office.socket)
    office.clock.pass(30_000)
    await until('it is over', () => office.reports.at(-1) === '')
    assert.equal((await office.ask('ADD'))?.exitCode, 0)
  })
})

describe('the end of the agent', () => {
  it('ends after what is under way, and waits for nobody who is stopped', async () => {
    const adding = await office.call('ADD')
    await adding.answer()
    await office.close()
    await adding.gone
  })
})
