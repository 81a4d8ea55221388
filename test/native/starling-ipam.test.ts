/** The CNI plugin alone: what it pipes, what it says by itself, and that it always ends. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { platforms } from '../../packaging/native.ts'
import { parseCall } from '../../src/cni/call.ts'
import { ended, Plugin } from './plugin.ts'

const plugin = new Plugin()
before(() => plugin.compile())
after(() => plugin.remove())

const add = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'c1',
  CNI_IFNAME: 'eth0',
  CNI_NETNS: '/proc/self/ns/net',
  CNI_PATH: '/opt/cni/bin',
}
const del = { ...add, CNI_COMMAND: 'DEL' }
const config = '{"cniVersion":"1.0.0","name":"net"}'
const promptly = 1_000
const deadlineMs = 2_500

/** Stands for an agent; each connection is given to `talk`. */
const servers: Server[] = []
const sockets: Socket[] = []
async function agent(talk: (socket: Socket) => void): Promise<void> {
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    talk(socket)
  })
  servers.push(server)
  server.listen(plugin.socket)
  await once(server, 'listening')
}
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) {
    server.close()
    await once(server, 'close')
  }
  rmSync(plugin.queue, { recursive: true, force: true })
})

/** Resolves with the body of the call, and what came behind it until the plugin had gone. */
function answering(exitCode: number, answer: string | Buffer) {
  const heard = Promise.withResolvers<{ body: Buffer; receipt: string }>()
  const talk = (socket: Socket) => {
    let all = Buffer.alloc(0)
    let isAnswered = false
    const length = () => (all.length < 4 ? Number.POSITIVE_INFINITY : all.readUInt32BE() + 4)
    socket.on('data', (chunk) => {
      all = Buffer.concat([all, chunk])
      if (isAnswered || all.length < length()) return
      isAnswered = true
      socket.write(frame(exitCode, answer))
    })
    socket.on('end', () => {
      const end = length()
      heard.resolve({ body: all.subarray(4, end), receipt: all.subarray(end).toString() })
    })
  }
  return { talk, heard: heard.promise }
}

function frame(exitCode: number, answer: string | Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt8(exitCode)
  head.writeUInt32BE(Buffer.byteLength(answer), 1)
  return Buffer.concat([head, Buffer.from(answer)])
}

const errorIn = (stdout: string): { cniVersion: string; code: number; msg: string } =>
  JSON.parse(stdout) as { cniVersion: string; code: number; msg: string }

describe('starling-ipam compiled', () => {
  it('is one static executable for each platform whose compiler is here', () => {
    for (const { name } of platforms) {
      const bytes = readFileSync(join(plugin.directory, name, 'starling-ipam'))
      assert.equal(bytes.subarray(1, 4).toString(), 'ELF', name)
      assert.equal(bytes.readUInt16LE(18), name === 'linux-x64' ? 62 : 183, name)
      assert.ok(!segments(bytes).includes(loaderWanted), `${name} asks for no loader`)
    }
  })
})

describe('starling-ipam with an agent', () => {
  it('sends its CNI_ variables, what it sees of the host, and stdin as it is', async () => {
    const { talk, heard } = answering(0, '')
    await agent(talk)
    const stdin = Buffer.concat([Buffer.from(config), Buffer.from([0, 255, 10])])
    const args = 'K8S_POD_NAME=a b;IP=1.2.3.4'
    const { exitCode } = await plugin.run({ ...add, CNI_ARGS: args, HOME: '/secret' }, stdin)
    assert.equal(exitCode, 0)
    const { body } = await heard
    assert.deepEqual(body.subarray(-stdin.length), stdin)
    const entries = Object.fromEntries(parseCall(body)?.entries ?? [])
    const { STARLING_UPTIME_MS: uptime, STARLING_NETNS: inode, ...others } = entries
    const { dev, ino } = statSync('/proc/self/ns/net')
    assert.equal(inode, `${dev}:${ino}`)
    const now = Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 1_000
    assert.ok(Math.abs(now - Number(uptime)) < 1_000, uptime)
    assert.deepEqual(others, {
      ...add,
      CNI_ARGS: args,
      STARLING_PROTOCOL: '1',
      STARLING_BOOT_ID: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(),
    })
  })

  it('says when the process of a namespace began', async () => {
    const { talk, heard } = answering(0, '')
    await agent(talk)
    await plugin.run({ ...add, CNI_NETNS: `/proc/${process.pid}/ns/net` }, config)
    const stat = readFileSync(`/proc/${process.pid}/stat`, 'latin1')
    const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    assert.equal(parseCall((await heard).body)?.entries.get('STARLING_NETNS_START'), start)
  })

  it('prints the answer as it is, ends with its code, and says that it did', async () => {
    for (const [code, answer] of [
      [0, '{"a":1}\n'],
      [1, '{"code":7}\n'],
      [0, Buffer.alloc(900_000, 'x')],
    ] as const) {
      const { talk, heard } = answering(code, answer)
      await agent(talk)
      const { exitCode, stdout, stderr } = await plugin.run(add, config)
      assert.equal(exitCode, code)
      assert.ok(stdout === answer.toString())
      assert.equal(stderr, '')
      assert.equal((await heard).receipt, 'k')
      servers.pop()?.close()
    }
  })

  it('sends a configuration of 1 MiB, and refuses a longer one', async () => {
    const { talk, heard } = answering(0, '')
    await agent(talk)
    const most = Buffer.alloc(1 << 20, ' ')
    assert.equal((await plugin.run(add, most)).exitCode, 0)
    assert.ok((await heard).body.length > most.length)
    const { exitCode, stdout } = await plugin.run(add, Buffer.concat([most, Buffer.from(' ')]))
    assert.equal(exitCode, 1)
    assert.equal(errorIn(stdout).code, 5)
  })

  it('sends no receipt, and ends with 1, where nobody reads its stdout', async () => {
    const { talk, heard } = answering(0, Buffer.alloc(200_000, 'x'))
    await agent(talk)
    const child = plugin.start(add)
    child.stdout?.destroy()
    child.stdin?.end(config)
    const [exitCode] = (await once(child, 'exit')) as [number]
    assert.equal(exitCode, 1)
    assert.equal((await heard).receipt, '')
  })

  it('sends nothing where its stdout was closed from the start', async () => {
    let calls = 0
    await agent(() => {
      calls += 1
    })
    const env = { ...add, STARLING_CNI_SOCKET: plugin.socket }
    const child = spawn('sh', ['-c', `exec ${plugin.program} >&-`], { env, stdio: 'pipe' })
    child.stdin.end(config)
    assert.equal((await ended(child)).exitCode, 1)
    assert.equal(calls, 0)
  })

  it('finds the socket by the file beside it, and prefers the environment', async () => {
    const { talk, heard } = answering(0, 'here')
    await agent(talk)
    const program = join(plugin.directory, 'elsewhere')
    symlinkSync(plugin.program, program)
    const copy = `${plugin.program}-copy`
    writeFileSync(copy, readFileSync(plugin.program), { mode: 0o755 })
    writeFileSync(`${copy}.socket`, `${plugin.socket}\n`)
    const { stdout } = await plugin.run({ ...add, STARLING_CNI_SOCKET: '' }, config, copy)
    assert.equal(stdout, 'here')
    await heard
    const other = { ...add, STARLING_CNI_SOCKET: join(plugin.directory, 'none.sock') }
    assert.equal(errorIn((await plugin.run(other, config, copy)).stdout).code, 11)
    rmSync(`${copy}.socket`)
    rmSync(program)
  })
})

describe('starling-ipam without an agent', () => {
  it('knows VERSION, and reads no stdin for it', async () => {
    const child = plugin.start({ CNI_COMMAND: 'VERSION' })
    const { exitCode, stdout, ms } = await ended(child)
    assert.equal(exitCode, 0)
    assert.ok(ms < promptly)
    const { supportedVersions } = JSON.parse(stdout) as { supportedVersions: string[] }
    const all = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0']
    assert.deepEqual(supportedVersions, all)
  })

  it('says what it is where no command is given', async () => {
    const { exitCode, stdout, stderr } = await plugin.run({})
    assert.equal(exitCode, 0)
    assert.equal(stdout, '')
    assert.match(stderr, /^starling-ipam: gives containers addresses/)
  })

  const cases = [
    ['ADD', 1, 11],
    ['GC', 1, 11],
    ['STATUS', 1, 50],
    ['CHECK', 0, undefined],
    ['DEL', 0, undefined],
    ['GET', 1, 4],
    ['ADD DEL', 1, 4],
  ] as const
  for (const [command, code, error] of cases) {
    it(`answers ${command} at once: exit code ${code}, error ${error ?? 'none'}`, async () => {
      const { exitCode, stdout, stderr, ms } = await plugin.run(
        { ...add, CNI_COMMAND: command },
        config,
      )
      assert.equal(exitCode, code)
      assert.equal(stdout === '' ? undefined : errorIn(stdout).code, error)
      assert.equal(stderr, '')
      assert.ok(ms < promptly, `${ms} ms`)
    })
  }

  it('speaks the version of the configuration where that is one', async () => {
    const cases: readonly (readonly [string, string])[] = [
      ['{"cniVersion":"0.3.1"}', '0.3.1'],
      ['{ "cniVersion" :\n\t"1.1.0" }', '1.1.0'],
      ['{"cniVersion":"9.9.9"}', '1.0.0'],
      ['{"cniVersion":"0.3.1', '1.0.0'],
      ['{"cniVersion":"","","0.1.0"}', '1.0.0'],
      ['{"cniVersion":', '1.0.0'],
      ['{}', '1.0.0'],
      ['', '1.0.0'],
      ['\0\0\0', '1.0.0'],
    ]
    for (const [text, version] of cases) {
      assert.equal(errorIn((await plugin.run(add, text)).stdout).cniVersion, version, text)
    }
  })

  const talks: readonly (readonly [string, (socket: Socket) => void])[] = [
    ['accepts and never answers', () => {}],
    ['reads and never answers', (socket) => socket.resume()],
    ['sends half an answer', (socket) => socket.resume().write(frame(0, 'xx').subarray(0, 6))],
    ['sends a byte now and then', (socket) => drip(socket.resume())],
    ['threatens with 4 GiB', (socket) => socket.resume().write(Buffer.alloc(5, 255))],
    ['hangs up', (socket) => socket.destroy()],
    [
      'hangs up after half an answer',
      (socket) => socket.resume().end(frame(0, 'xx').subarray(0, 6)),
    ],
  ]
  for (const [what, talk] of talks) {
    it(`ends within its deadline, with the same answers, where the agent ${what}`, async () => {
      await agent(talk)
      const ask = (command: string) =>
        plugin.run({ ...add, CNI_COMMAND: command }, Buffer.alloc(500_000, ' '))
      const [adding, deleting] = await Promise.all([ask('ADD'), ask('DEL')])
      assert.equal(adding.exitCode, 1)
      assert.equal(errorIn(adding.stdout).code, 11)
      assert.equal(deleting.exitCode, 0)
      assert.equal(deleting.stdout, '')
      for (const { ms } of [adding, deleting]) assert.ok(ms < deadlineMs, `${ms} ms`)
      assert.equal(readdirSync(plugin.queue).length, 1)
    })
  }

  it('ends within its deadline where stdin has no end, or its reader reads nothing', async () => {
    const endless = plugin.start(add)
    endless.stdin?.write('{')
    const { exitCode, stdout, ms } = await ended(endless)
    assert.equal(exitCode, 1)
    assert.equal(errorIn(stdout).code, 5)
    assert.ok(ms < deadlineMs, `${ms} ms`)

    await agent(answering(0, Buffer.alloc(900_000, 'x')).talk)
    const began = performance.now()
    const unread = plugin.start(add)
    unread.stdin?.end(config)
    const [code] = (await once(unread, 'exit')) as [number]
    assert.equal(code, 1)
    assert.ok(performance.now() - began < deadlineMs)
  })

  it('does not wait for an agent whose callers queue up', async () => {
    // One that is stopped: it listens, and accepts nobody.
    const program = `
      require('node:net').createServer().listen({ path: ${JSON.stringify(plugin.socket)}, backlog: 1 },
        () => process.kill(process.pid, 'SIGSTOP'))`
    const stopped = spawn(process.execPath, ['-e', program], { stdio: 'ignore' })
    try {
      for (;;) {
        const status = readFileSync(`/proc/${stopped.pid}/stat`, 'latin1')
        if (/\) T /.test(status)) break
        await new Promise((resolve) => setImmediate(resolve))
      }
      const all = await Promise.all(
        Array.from({ length: 6 }, () => plugin.run({ ...add, CNI_COMMAND: 'STATUS' }, config)),
      )
      for (const { exitCode, stdout, ms } of all) {
        assert.equal(exitCode, 1)
        assert.equal(errorIn(stdout).code, 50)
        assert.ok(ms < deadlineMs, `${ms} ms`)
      }
    } finally {
      stopped.kill('SIGKILL')
      await once(stopped, 'exit')
      rmSync(plugin.socket, { force: true })
    }
  })
})

describe('a DEL that no agent answers', () => {
  const files = () => readdirSync(plugin.queue)

  it('is kept as it would have been sent, for root alone, once for each container and interface', async () => {
    await plugin.run(del, config)
    await plugin.run(del, config)
    const [name = '', ...more] = files()
    assert.deepEqual(more, [])
    assert.match(name, /^[0-9a-f]{16}$/)
    assert.equal(statSync(plugin.queue).mode & 0o777, 0o700)
    assert.equal(statSync(join(plugin.queue, name)).mode & 0o777, 0o600)
    const call = parseCall(readFileSync(join(plugin.queue, name)))
    assert.equal(call?.config, config)
    assert.equal(call?.entries.get('CNI_CONTAINERID'), 'c1')
    assert.ok(Number(call?.entries.get('STARLING_UPTIME_MS')) > 0)
    await plugin.run({ ...del, CNI_IFNAME: 'net1' }, config)
    await plugin.run({ ...del, CNI_CONTAINERID: 'c1e' }, config)
    await plugin.run(del, config.replace('net', 'other'))
    assert.equal(files().length, 4)
  })

  it('names both variables where they are missing, and is not kept', async () => {
    for (const name of ['CNI_CONTAINERID', 'CNI_IFNAME']) {
      const { exitCode, stdout } = await plugin.run({ ...del, [name]: '' }, config)
      assert.equal(exitCode, 1)
      assert.equal(errorIn(stdout).code, 4)
      assert.match(errorIn(stdout).msg, /CNI_CONTAINERID and CNI_IFNAME/)
    }
  })

  it('is not kept above a bound, and succeeds with a line on stderr', async () => {
    mkdirSync(plugin.queue)
    for (let at = 0; at < 4_096; at += 1) writeFileSync(join(plugin.queue, `${at}`), '')
    const { exitCode, stdout, stderr } = await plugin.run(del, config)
    assert.deepEqual([exitCode, stdout], [0, ''])
    assert.match(
      stderr,
      /^starling-ipam: no agent answers on .*cannot be kept.*: No space left on device\n$/,
    )
    assert.equal(files().length, 4_096)
  })

  it('succeeds with a line on stderr where there is nowhere to keep it', async () => {
    const socket = '/proc/self/nowhere/cni.sock'
    const { exitCode, stdout, stderr } = await plugin.run(
      { ...del, STARLING_CNI_SOCKET: socket },
      config,
    )
    assert.deepEqual([exitCode, stdout], [0, ''])
    assert.match(stderr, /^starling-ipam: .*\/proc\/self\/nowhere\/cni\.sock.*\n$/)
    const long = await plugin.run({ ...del, STARLING_CNI_SOCKET: `/${'x'.repeat(200)}` }, config)
    assert.equal(long.exitCode, 0)
    assert.match(long.stderr, /cannot be kept/)
  })

  it('follows no link that somebody put in place of the directory', async () => {
    const other = join(plugin.directory, 'other')
    mkdirSync(other)
    symlinkSync(other, plugin.queue)
    const { exitCode, stderr } = await plugin.run(del, config)
    assert.equal(exitCode, 0)
    assert.match(stderr, /cannot be kept/)
    assert.deepEqual(readdirSync(other), [])
    rmSync(plugin.queue)
    rmSync(other, { recursive: true })
  })
})

/** Types of an ELF file's segments. */
const segments = (elf: Buffer): number[] =>
  Array.from({ length: elf.readUInt16LE(56) }, (_, at) =>
    elf.readUInt32LE(Number(elf.readBigUInt64LE(32)) + at * elf.readUInt16LE(54)),
  )
const loaderWanted = 3

function drip(socket: Socket): void {
  socket.write(frame(0, Buffer.alloc(200)).subarray(0, 5))
  const timer = setInterval(() => socket.write('x'), 300)
  socket.on('close', () => clearInterval(timer))
}
