/** `starling cni install` puts plugin and networks where runtimes find them, in versions that all of them know. */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
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
import { dirname, join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import {
  commonVersions,
  conflistText,
  crashesAtCheck,
  knownVersions,
  ownName,
} from '../../src/cni/conflist.ts'
import { versions } from '../../src/cni/version.ts'
import { fakePlugin, requireNative } from '../cni/plugins.ts'
import { type FakeAgent, healthyView, startFakeAgent } from './fake-agent.ts'
import { run } from './run.ts'

let agent: FakeAgent
let directory: string
let binDir: string
let confDir: string
before(async () => {
  await requireNative()
  agent = await startFakeAgent({ ...healthyView(), uplink: 'lo' })
})
after(() => agent.stop())
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'starling-cni-'))
  binDir = join(directory, 'bin')
  confDir = join(directory, 'net.d')
  mkdirSync(binDir)
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const cni = (command: string, ...words: string[]) =>
  run(['cni', command, '--bin-dir', binDir, '--conf-dir', confDir, ...words], {
    STARLING_SOCKET: agent.socket,
  })

const plugin = (name: string, known: readonly string[]) => fakePlugin(binDir, name, known)

const conflist = (name = 'starling') =>
  JSON.parse(readFileSync(join(confDir, `10-${name}.conflist`), 'utf8')) as {
    readonly cniVersion: string
    readonly cniVersions?: readonly string[]
    readonly name: string
    readonly disableCheck?: boolean
    readonly plugins: readonly Record<string, unknown>[]
  }

describe('starling cni install', () => {
  it('writes the plugin and a network for the plugins of this host', async () => {
    const { code, out, err } = await cni('install')
    assert.equal(code, 0, err)
    assert.match(
      out,
      /^wrote .*\/bin\/starling-ipam\nwrote .*\/net\.d\/10-starling\.conflist\nCNI /,
    )
    // Debian's crashes.
    assert.match(err, /^starling: the bandwidth plugin [^\n]* switches CHECK off[^\n]*\n$/)
    assert.equal(conflist().disableCheck, true)
    const { cniVersion, name, plugins } = conflist()
    // Debian 12's plugins end there.
    assert.equal(cniVersion, '1.0.0')
    assert.equal(name, 'starling')
    const mtu = Number(readFileSync('/sys/class/net/lo/mtu', 'latin1'))
    assert.deepEqual(plugins, [
      {
        type: 'bridge',
        bridge: 'starling0',
        isGateway: false,
        ipMasq: false,
        hairpinMode: true,
        mtu,
        ipam: { type: 'starling-ipam' },
        capabilities: { ips: true, 'io.kubernetes.cri.pod-annotations': true },
      },
      { type: 'portmap', snat: true, capabilities: { portMappings: true } },
      { type: 'bandwidth', capabilities: { bandwidth: true } },
    ])
    const binary = join(binDir, 'starling-ipam')
    assert.equal(statSync(binary).mode & 0o777, 0o755)
    const { stdout } = spawnSync(binary, { env: { CNI_COMMAND: 'VERSION' }, encoding: 'utf8' })
    assert.deepEqual(knownVersions(stdout), versions)
    // The agent's socket is not where the plugin would look for it.
    const socket = join(dirname(agent.socket), 'cni.sock')
    assert.equal(readFileSync(`${binary}.socket`, 'utf8'), `${socket}\n`)
    assert.deepEqual(readdirSync(binDir).sort(), ['starling-ipam', 'starling-ipam.socket'])
  })

  it('leaves the newest version to runtimes that know it, where all plugins do', async () => {
    for (const name of ['bridge', 'portmap', 'bandwidth']) plugin(name, versions)
    assert.equal((await cni('install')).code, 0)
    assert.equal(conflist().cniVersion, '1.0.0')
    assert.deepEqual(conflist().cniVersions, ['1.0.0', '1.1.0'])
    assert.equal(conflist().disableCheck, undefined)
  })

  it('takes the highest that all of them know', async () => {
    plugin('bridge', versions)
    plugin('portmap', ['0.3.1', '0.4.0'])
    plugin('bandwidth', ['0.4.0', '1.0.0'])
    const { code, out } = await cni('install', '--json')
    assert.equal(code, 0)
    assert.equal((JSON.parse(out) as { cniVersion: string }).cniVersion, '0.4.0')
    assert.equal(conflist().cniVersion, '0.4.0')
    assert.equal(conflist().cniVersions, undefined)
    plugin('bandwidth', ['0.2.0'])
    const { code: refused, err } = await cni('install')
    assert.equal(refused, 1)
    assert.match(err, /no version in common/)
  })

  it('writes a network for each name, and says which file comes before them', async () => {
    mkdirSync(confDir)
    for (const name of ['05-other.conflist', '87-podman.conflist', '00-readme.txt'])
      writeFileSync(join(confDir, name), '{}')
    const { code, err } = await cni('install', '--network', 'pods', 'more')
    assert.equal(code, 0)
    assert.equal(conflist('pods').name, 'pods')
    assert.equal(conflist('more').name, 'more')
    const lines = err.trim().split('\n')
    assert.equal(lines.length, 2, err)
    assert.match(err, /05-other\.conflist comes before it, .*: rename it/)
  })

  it('replaces a plugin that runs', async () => {
    assert.equal((await cni('install')).code, 0)
    const running = spawn(join(binDir, 'starling-ipam'), { env: { CNI_COMMAND: 'ADD' } })
    // On a slow host it may give up before the end of the installation.
    const ended = once(running, 'exit')
    await once(running, 'spawn')
    const { code, err } = await cni('install')
    assert.equal(code, 0, err)
    running.kill()
    await ended
  })

  it('writes nothing where no bridge can be had', async () => {
    agent.view = { ...agent.view, bridge: '' }
    const { code, err } = await cni('install')
    agent.view = { ...agent.view, bridge: 'starling0' }
    assert.equal(code, 1)
    assert.match(err, /manages no bridge/)
    assert.equal(existsSync(confDir), false)
    assert.deepEqual(readdirSync(binDir), [])
  })

  it('says what is wrong with a name, and who does not answer', async () => {
    const { code, err } = await cni('install', '--network', 'a/b')
    assert.equal(code, 2)
    assert.match(err, /"a\/b" is not a network name/)
    const { code: unreachable } = await cni('install', '--socket', join(directory, 'none'))
    assert.equal(unreachable, 3)
    assert.deepEqual(readdirSync(binDir), [])
  })

  it('writes the plugin alone, without an agent, where it is told to', async () => {
    const none = ['--socket', '/run/starling/starling.sock']
    const { code, out, err } = await cni('install', '--plugin-only', ...none)
    assert.equal(code, 0, err)
    assert.match(out, /^wrote .*\/bin\/starling-ipam\n$/)
    assert.deepEqual(readdirSync(binDir), ['starling-ipam'])
    assert.equal(existsSync(confDir), false)
    const { code: refused, err: why } = await run(['cni', 'install', '--plugin-only'])
    assert.equal(refused, 2)
    assert.match(why, /--plugin-only needs --bin-dir/)
  })

  it('takes nobody else from under its name', async () => {
    mkdirSync(confDir)
    const other = '{"name":"other","plugins":[{"ipam":{"type":"host-local"}}]}'
    writeFileSync(join(confDir, '10-starling.conflist'), other)
    const { code, err } = await cni('install')
    assert.equal(code, 1)
    assert.match(err, /is not a network of starling's/)
    assert.equal(readFileSync(join(confDir, '10-starling.conflist'), 'utf8'), other)
  })

  it('says where it cannot write', async () => {
    writeFileSync(confDir, '')
    const { code, err } = await cni('install')
    assert.equal(code, 1)
    assert.match(err, /^starling: E(EXIST|NOTDIR)/)
  })
})

describe('starling cni uninstall', () => {
  it('removes what install wrote, and nothing else', async () => {
    await cni('install', '--network', 'pods', 'more')
    const own = JSON.stringify({ name: 'x', plugins: [{ ipam: { type: 'starling-ipam' } }] })
    for (const [name, text] of [
      [
        '10-host.conflist',
        JSON.stringify({ name: 'host', plugins: [{ ipam: { type: 'host-local' } }] }),
      ],
      ['11-mine.conflist', own],
      ['12-broken.conflist', '{'],
    ] as const)
      writeFileSync(join(confDir, name), text)
    plugin('bridge', versions)
    // An installation that was killed.
    for (const each of [binDir, confDir])
      writeFileSync(join(each, `.${crypto.randomUUID()}.starling-ipam`), 'half')
    const { code, out } = await cni('uninstall', '--json')
    assert.equal(code, 0)
    assert.equal((JSON.parse(out) as { removed: string[] }).removed.length, 6)
    const left = ['10-host.conflist', '11-mine.conflist', '12-broken.conflist']
    assert.deepEqual(readdirSync(confDir).sort(), left)
    assert.deepEqual(readdirSync(binDir), ['bridge'])
    assert.equal((await cni('uninstall')).out, 'nothing to remove\n')
  })
})

describe('the words of a network', () => {
  it('are those of the versions that are common', () => {
    assert.deepEqual(commonVersions([versions, ['1.0.0', '0.4.0', '9.0.0']]), ['0.4.0', '1.0.0'])
    assert.deepEqual(commonVersions([versions, []]), [])
    for (const answer of ['', '{', '[]', 'null', '{"supportedVersions":{}}']) {
      assert.deepEqual(knownVersions(answer), [], answer)
    }
  })

  it('know a bandwidth plugin that crashes by what it says of itself', () => {
    for (const about of ['', 'CNI bandwidth plugin version unknown', 'CNI bandwidth plugin v1.9.0'])
      assert.equal(crashesAtCheck(about), true, about)
    for (const about of ['CNI bandwidth plugin v1.9.1', 'CNI bandwidth plugin v2.0.0\nCNI x'])
      assert.equal(crashesAtCheck(about), false, about)
  })

  it('name no MTU where it is not known, and are recognised as ours', () => {
    const text = conflistText({
      name: 'pods',
      bridge: 'br1',
      mtu: undefined,
      further: [],
      failsAtCheck: false,
      versions: ['1.1.0'],
    })
    assert.doesNotMatch(text, /mtu/)
    assert.match(text, /"cniVersion": "1\.1\.0"/)
    assert.equal(ownName(text), 'pods')
    for (const other of ['', '[]', 'null', '{"plugins":[null]}', '{"name":"x","plugins":[{}]}']) {
      assert.equal(ownName(other), undefined, other)
    }
  })
})
