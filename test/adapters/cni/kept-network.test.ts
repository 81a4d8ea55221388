/** The agent's own network for CNI runtimes: there from the moment on when containers can be served, and then for good. */

import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, before, beforeEach, describe, it } from 'node:test'
import { type KeptNetwork, keepNetwork } from '../../../src/adapters/cni/kept-network.ts'
import { versions } from '../../../src/cni/version.ts'
import type { Trouble } from '../../../src/core/event.ts'
import type { AgentView } from '../../../src/core/view.ts'
import { healthyView } from '../../cli/fake-agent.ts'
import { fakePlugin, requireNative } from '../../cni/plugins.ts'
import { ManualClock } from '../../runtime/manual-clock.ts'
import { until } from './office.ts'

let directory: string
let binDir: string
let confDir: string
let conflist: string
let binary: string
let view: AgentView
let clock: ManualClock
let troubles: Trouble[]
let kept: KeptNetwork | undefined

before(requireNative)
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'starling-kept-'))
  binDir = join(directory, 'bin')
  confDir = join(directory, 'net.d')
  conflist = join(confDir, '10-starling.conflist')
  binary = join(binDir, 'starling-ipam')
  mkdirSync(binDir)
  for (const name of ['bridge', 'portmap', 'bandwidth']) fakePlugin(binDir, name, versions)
  view = { ...healthyView(), uplink: 'lo' }
  clock = new ManualClock()
  troubles = []
})
afterEach(async () => {
  await kept?.close()
  rmSync(directory, { recursive: true, force: true })
})

/** Until it has looked and waits for the next time. */
const looked = () => until('it has looked', () => clock.armed.length === 1)

async function begin(): Promise<void> {
  kept = keepNetwork({
    network: 'starling',
    places: { binDir, confDir, cniSocket: undefined },
    operator: { view: () => view },
    clock,
    tell: (trouble) => troubles.push(trouble),
  })
  await looked()
}

async function pass(ms: number): Promise<void> {
  clock.pass(ms)
  await looked()
}

const codes = () => troubles.map(({ code, active }) => `${code} ${active ? 'begins' : 'ends'}`)

describe('the network that an agent keeps', () => {
  it('is written once the node is in sync and its subnet confirmed, and half a second later at the most', async () => {
    const { subnets } = view.ipam
    view = { ...view, phase: 'joining' }
    await begin()
    assert.equal(existsSync(conflist), false)
    view = { ...view, phase: 'in-sync', ipam: { ...view.ipam, subnets: [] } }
    await pass(500)
    assert.equal(existsSync(conflist), false)
    assert.equal(existsSync(binary), false)
    view = { ...view, ipam: { ...view.ipam, subnets } }
    await pass(500)
    assert.match(readFileSync(conflist, 'utf8'), /"bridge": "starling0"/)
    assert.equal(statSync(conflist).mode & 0o777, 0o644)
    assert.equal(statSync(binary).mode & 0o777, 0o755)
    assert.deepEqual(readdirSync(confDir), ['10-starling.conflist'])
    assert.deepEqual(troubles, [])
  })

  it('is not written where containers would not reach others', async () => {
    view = { ...view, problems: [{ code: 'forwarding-off', error: '' }] }
    await begin()
    assert.equal(existsSync(conflist), false)
  })

  it('stays when the agent stops, and is not written again by the next one', async () => {
    await begin()
    const { ino } = statSync(conflist)
    await kept?.close()
    assert.equal(clock.armed.length, 0)
    assert.ok(existsSync(conflist) && existsSync(binary))
    await begin()
    assert.equal(statSync(conflist).ino, ino)
  })

  it('comes back with its plugin when somebody removes or changes either, whatever the node can serve then', async () => {
    await begin()
    const text = readFileSync(conflist, 'utf8')
    view = { ...view, phase: 'purged' }
    rmSync(binary)
    await pass(30_000)
    assert.ok(existsSync(binary))
    rmSync(conflist)
    await pass(30_000)
    assert.equal(readFileSync(conflist, 'utf8'), text)
    writeFileSync(conflist, text.replace('starling0', 'starling1'))
    await pass(30_000)
    assert.equal(readFileSync(conflist, 'utf8'), text)
    const { ino } = statSync(conflist)
    await pass(30_000)
    assert.equal(statSync(conflist).ino, ino, 'it is left alone where nothing differs')
  })

  it('does not come back once the node has left', async () => {
    await begin()
    view = { ...view, phase: 'left' }
    rmSync(conflist)
    await pass(30_000)
    assert.equal(existsSync(conflist), false)
  })

  it('is a problem with its cause where it cannot be written, until it can', async () => {
    writeFileSync(confDir, '')
    await begin()
    assert.equal(troubles[0]?.subject, confDir)
    assert.match(troubles[0]?.reason ?? '', /^E(EXIST|NOTDIR)/)
    await pass(30_000)
    assert.deepEqual(codes(), ['network-unwritten begins'], 'it is told once')
    rmSync(confDir)
    await pass(30_000)
    assert.ok(existsSync(conflist))
    assert.deepEqual(codes(), ['network-unwritten begins', 'network-unwritten ends'])
  })

  it('takes nobody else from under its name, and says who comes first', async () => {
    mkdirSync(confDir)
    const other = '{"name":"other","plugins":[{"type":"bridge","ipam":{"type":"host-local"}}]}'
    writeFileSync(conflist, other)
    await begin()
    assert.equal(readFileSync(conflist, 'utf8'), other)
    assert.match(troubles[0]?.reason ?? '', /is not a network of starling's: rename or remove it/)
    rmSync(conflist)
    const first = join(confDir, '05-first.conflist')
    writeFileSync(first, other)
    await pass(30_000)
    assert.deepEqual([troubles.at(-1)?.code, troubles.at(-1)?.reason], ['network-preceded', first])
    rmSync(first)
    await pass(30_000)
    assert.equal(codes().at(-1), 'network-preceded ends')
  })
})
