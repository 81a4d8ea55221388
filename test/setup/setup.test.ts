/** On a bare machine `npm run setup` brings what the tests need, and `npm test` says what is missing until then. */

import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { BareMachine, ended } from './bare-machine.ts'

const project = join(import.meta.dirname, '../..')
const setup = 'setup/setup.ts'

/** What each package brings, as it is named where it is missing. */
const needs: readonly (readonly [string, readonly string[]])[] = [
  ['iproute2', ['ip']],
  ['util-linux', ['nsenter', 'setpriv', 'unshare']],
  ['mount', ['mount']],
  ['docker.io', ['docker', 'dockerd']],
  ['docker-compose', ['docker-compose']],
  ['containerd', ['containerd', 'ctr']],
  ['nftables', ['nft']],
  ['iptables', ['iptables-nft', 'iptables-legacy']],
  ['gcc', ['cc']],
  ['libc6-dev', ['/usr/include/stdio.h']],
  ['gcc-aarch64-linux-gnu', ['aarch64-linux-gnu-gcc']],
  ['libc6-dev-arm64-cross', ['/usr/aarch64-linux-gnu/include/stdio.h']],
  [
    'containernetworking-plugins',
    ['bridge', 'portmap', 'bandwidth', 'host-local', 'loopback'].map(
      (name) => `/usr/lib/cni/${name}`,
    ),
  ],
  ['openssl', ['openssl']],
  ['e2fsprogs', ['mkfs.ext4']],
  ['strace', ['strace']],
  ['faketime', ['faketime']],
  ['protobuf-compiler', ['protoc']],
  ['libprotobuf-dev', ['/usr/include/google/protobuf/empty.proto']],
  ['prometheus', ['prometheus', 'promtool']],
  ['python3-grpcio', ['/usr/lib/python3/dist-packages/grpc/__init__.py']],
  ['python3-protobuf', ['/usr/lib/python3/dist-packages/google/protobuf/__init__.py']],
  ['chromium', ['chromium']],
  ['lintian', ['lintian']],
  ['mandoc', ['mandoc']],
  ['zsh', ['zsh']],
  ['fish', ['fish']],
  ['systemd', ['systemd-analyze']],
]
const sbin = ['mkfs.ext4', 'ip', 'dockerd', 'nft', 'iptables-nft', 'iptables-legacy']
const files = needs.flatMap(([, names]) =>
  names.map((name) => {
    if (name.startsWith('/')) return name
    return `/usr/${sbin.includes(name) ? 'sbin' : 'bin'}/${name}`
  }),
)
const packages = needs.map(([name]) => name).join(' ')
const all = needs.map(([name, names]) => `${name} (${names.join(', ')})`).join(', ')

/** As Debian's, which asks before it starts the daemon. */
const installing = `
  /usr/sbin/policy-rc.d docker start && echo started >> /usr/bin/apt-log
  for file in ${files.join(' ')}; do : > $file; chmod +x $file; done`
const hanging = 'echo "pid $$" >> /usr/bin/apt-log; echo installing; exec sleep 60'

describe('npm run setup', () => {
  let machine: BareMachine
  beforeEach(() => {
    machine = new BareMachine()
  })
  afterEach(() => machine.remove())

  const installAll = (): void => {
    for (const file of files) machine.install(file)
    // Without Compose v2.
    machine.install('/usr/bin/docker', 'exit 1')
  }

  it('says what it installs, installs it, and starts no daemon meanwhile', async () => {
    machine.installAptGet(installing)
    const { exitCode, stderr } = await machine.run(setup)
    const [first, ...rest] = stderr.trim().split('\n')
    assert.equal(first, `setup: installing by apt-get, without starting a daemon: ${all}`)
    assert.equal(rest[0], 'setup: done: nothing is missing.')
    assert.equal(exitCode, 0)
    const [update, install, ...more] = machine.log
    assert.match(update ?? '', /^update /)
    assert.match(install ?? '', new RegExp(`^install .*--no-install-recommends ${packages}$`))
    assert.deepEqual(more, [], 'no daemon was started')
    assert.equal(existsSync(machine.policy), false)
  })

  it('installs what is missing alone', async () => {
    installAll()
    for (const file of ['/usr/sbin/dockerd', '/usr/bin/docker-compose']) machine.uninstall(file)
    machine.installAptGet(installing)
    const { exitCode, stderr } = await machine.run(setup)
    assert.match(stderr, /: docker\.io \(dockerd\), docker-compose \(docker-compose\)\n/)
    assert.equal(exitCode, 0)
    assert.match(machine.log[1] ?? '', /--no-install-recommends docker\.io docker-compose$/)
  })

  it('does nothing where nothing is missing, root or not', async () => {
    installAll()
    machine.installAptGet(installing)
    const { exitCode, stderr } = await machine.run(setup, nobody)
    assert.equal(stderr, 'setup: nothing is missing.\n')
    assert.equal(exitCode, 0)
    assert.deepEqual(machine.log, [])
  })

  it('takes Compose v2, which is a plugin of docker, for docker-compose', async () => {
    installAll()
    machine.install('/usr/bin/docker', '[ "$1 $2" = "compose version" ]')
    machine.uninstall('/usr/bin/docker-compose')
    assert.equal((await machine.run(setup)).stderr, 'setup: nothing is missing.\n')
    machine.install('/usr/bin/docker', 'exit 1')
    const { stderr } = await machine.run(setup)
    assert.match(stderr, /: docker-compose \(docker-compose\)\n$/)
  })

  it('names the packages where there is no apt-get', async () => {
    const { exitCode, stderr } = await machine.run(setup)
    assert.match(stderr, /^setup: there is no apt-get here\. [^\n]*\n$/)
    assert.ok(stderr.includes(all), stderr)
    assert.equal(exitCode, 1)
  })

  it('says in one line that it needs root', async () => {
    machine.installAptGet(installing)
    const { exitCode, stderr } = await machine.run(setup, nobody)
    assert.equal(stderr, `setup: installing ${all} needs root: sudo npm run setup\n`)
    assert.equal(exitCode, 1)
    assert.deepEqual(machine.log, [])
  })

  it('leaves no policy behind, and says what is still missing, where apt-get fails', async () => {
    machine.installAptGet('exit 100')
    const { exitCode, stderr } = await machine.run(setup)
    assert.match(stderr, /^setup: not done; still missing: iproute2 \(ip\), /m)
    assert.equal(exitCode, 1)
    assert.equal(existsSync(machine.policy), false)
  })

  it('fails where a package no longer brings what is needed of it', async () => {
    machine.installAptGet('')
    const { exitCode, stderr } = await machine.run(setup)
    assert.ok(stderr.endsWith(`setup: not done; still missing: ${all}\n`), stderr)
    assert.equal(exitCode, 1)
  })

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    it(`ends apt-get at ${signal}, and leaves no policy behind`, async () => {
      machine.installAptGet(hanging)
      const child = machine.start(setup)
      const end = ended(child)
      await installs(child)
      assert.ok(existsSync(machine.policy))
      child.kill(signal)
      assert.equal((await end).exitCode, 1)
      assert.equal(existsSync(machine.policy), false)
    })
  }

  it('removes the policy that a killed run has left', async () => {
    machine.installAptGet(hanging)
    const child = machine.start(setup)
    const closed = once(child, 'exit')
    await installs(child)
    child.kill('SIGKILL')
    await closed
    process.kill(Number(machine.log.at(-1)?.replace('pid ', '')), 'SIGKILL')
    assert.ok(existsSync(machine.policy))

    machine.installAptGet(installing)
    assert.equal((await machine.run(setup)).exitCode, 0)
    assert.equal(existsSync(machine.policy), false)
  })

  it("leaves the machine's own policy as it is", async () => {
    machine.install('/usr/sbin/policy-rc.d', 'exit 104')
    const policy = readFileSync(machine.policy, 'utf8')
    machine.installAptGet(installing)
    const { exitCode, stderr } = await machine.run(setup)
    assert.match(
      stderr,
      /^setup: \/usr\/sbin\/policy-rc\.d of this machine decides what starts\.$/m,
    )
    assert.equal(exitCode, 0)
    assert.equal(readFileSync(machine.policy, 'utf8'), policy)
  })
})

describe('npm test', () => {
  it('names each missing thing once with what mends it, and runs nothing', async () => {
    const machine = new BareMachine()
    try {
      const { exitCode, stdout, stderr } = await machine.run('test/run.ts', nobody)
      const lines = stderr.trim().split('\n')
      assert.match(lines[0] ?? '', /^cannot test: not root, .*: sudo npm test$/)
      assert.deepEqual(
        lines.slice(1),
        all.split(/(?<=\)), /).map((lack) => `cannot test: missing ${lack}: npm run setup`),
      )
      assert.equal(stdout, '')
      assert.equal(exitCode, 1)
    } finally {
      machine.remove()
    }
  })
})

describe('a fresh machine', () => {
  it('is told one line by README, which CI runs as it is', () => {
    const [line] = /npm ci && .*npm test/.exec(read('README.md')) ?? []
    assert.equal(line, 'npm ci && npm run setup && npm test')
    assert.match(read('.ci/run'), new RegExp(`^${line} `, 'm'))
  })
})

/** Fails where it ends before that, which the test would wait for without end. */
const installs = (child: ChildProcess): Promise<unknown> =>
  Promise.race([
    once(child.stdout ?? child, 'data'),
    once(child, 'exit').then(() => assert.fail('it ended before it installed')),
  ])

const read = (name: string): string => readFileSync(join(project, name), 'utf8')

/** Node's options that make it take us for somebody else than root. */
const nobody = ['--import', 'data:text/javascript,process.getuid = () => 65534']
