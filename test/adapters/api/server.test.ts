/** The API's socket: who may use it, and what happens to what lies at its path. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, describe, test } from 'node:test'
import { connectApi } from '../../../src/adapters/api/client.ts'
import {
  type ApiServer,
  readSocketOf,
  SocketError,
  serveApi,
} from '../../../src/adapters/api/server.ts'
import type { Operator } from '../../../src/ports/operator.ts'
import {
  fakeInspection,
  healthyView,
  noInabilities,
  noRemote,
  realClock,
} from '../../cli/fake-agent.ts'

const directory = mkdtempSync(join(tmpdir(), 'starling-server-'))
after(() => rmSync(directory, { recursive: true }))

const operator: Operator = {
  view: healthyView,
  command: async () => ({ ok: true, message: 'done' }),
  watch: () => () => {},
}

let socket = ''
let sockets = 0
beforeEach(() => {
  sockets += 1
  socket = join(directory, `${sockets}`, 'starling.sock')
})

const serve = (
  groups: { readonly group?: string; readonly readGroup?: string } = {},
): Promise<ApiServer> =>
  serveApi({
    ...groups,
    socket,
    remote: noRemote,
    inspection: fakeInspection,
    inabilities: noInabilities,
    settings: [],
    recent: () => [],
    operator,
    clock: realClock,
  })

const refusal = (code: SocketError['code'], message: RegExp) => (thrown: unknown) =>
  thrown instanceof SocketError && thrown.code === code && message.test(thrown.message)

describe('the socket', () => {
  test('is for its owner and group alone, in a directory that is made for it', async () => {
    const before = process.umask(0o000)
    try {
      const server = await serve()
      assert.equal(statSync(socket).mode & 0o777, 0o660)
      assert.equal(statSync(join(socket, '..')).mode & 0o777, 0o755)
      assert.equal(process.umask(), 0o000, 'the mask is left as it was')
      await server.close()
    } finally {
      process.umask(before)
    }
  })

  test('is for the group that is named, and a second one is for who may read', async () => {
    const server = await serve({ group: '4242', readGroup: '4343' })
    const reading = readSocketOf(socket)
    assert.equal(reading, join(socket, '..', 'starling-read.sock'))
    for (const [path, group] of [
      [socket, 4242],
      [reading, 4343],
    ] as const) {
      const { gid, mode } = statSync(path)
      assert.deepEqual([gid, mode & 0o777], [group, 0o660])
    }
    await server.close()
    assert.equal(existsSync(reading), false)
  })

  test('of readers answers what reads, and refuses what changes', async () => {
    const server = await serve({ readGroup: '4343' })
    const api = await connectApi(readSocketOf(socket))
    try {
      await api.call('Status', { wait: false, timeoutMs: 0 }, 5_000)
      await api.call('Claims', {}, 5_000)
      await assert.rejects(api.call('Purge', {}, 5_000), /for reading/)
      await assert.rejects(api.call('Evict', { node: 'x' }, 5_000), /for reading/)
      await assert.rejects(api.call('ReleaseLease', { id: 'x', address: '' }, 5_000), /for reading/)
    } finally {
      api.close()
      await server.close()
    }
  })

  test('is given to no group that the host does not have', async () => {
    await assert.rejects(
      serve({ group: 'nobody-at-all' }),
      refusal('socket-unusable', /no group nobody-at-all.*groupadd/),
    )
  })

  test('belongs to one agent: a second one is told who has it and what to do', async () => {
    const server = await serve()
    await assert.rejects(
      serve(),
      refusal('already-running', /another agent already runs on .*sock/),
    )
    // The refused one must not have taken the path away.
    const client = await connectApi(socket)
    assert.equal((await client.call('Status', { wait: false, timeoutMs: 0 }, 5_000)).name, 'a')
    client.close()
    await server.close()
  })

  test('that a killed agent left behind is replaced', async () => {
    const code = `require('net').createServer().listen(process.argv[1], () => console.log('up'))`
    await serve().then((server) => server.close())
    const child = spawn(process.execPath, ['-e', code, socket])
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    assert.ok(existsSync(socket))
    const server = await serve()
    const client = await connectApi(socket)
    assert.equal((await client.call('Status', { wait: false, timeoutMs: 0 }, 5_000)).name, 'a')
    client.close()
    await server.close()
  })

  test('never replaces a file that is no socket', async () => {
    await serve().then((server) => server.close())
    writeFileSync(socket, 'precious')
    await assert.rejects(serve(), refusal('not-a-socket', /is no socket/))
    assert.equal(readFileSync(socket, 'utf8'), 'precious')
  })

  test('that cannot be made is an error that names it', async () => {
    writeFileSync(join(directory, 'file'), '')
    socket = join(directory, 'file', 'starling.sock')
    await assert.rejects(
      serve(),
      refusal('socket-unusable', /file\/starling\.sock \(E.*: set --socket/),
    )
  })

  test('is gone after close, and so are those who still listened', async () => {
    const server = await serve()
    const client = await connectApi(socket)
    const { promise: watching, resolve: started } = Promise.withResolvers<void>()
    const ended = client.watch(new AbortController().signal, started, () => {})
    await watching
    await Promise.all([server.close(), assert.rejects(ended, /ended/)])
    client.close()
    assert.ok(!existsSync(socket))
  })
})
