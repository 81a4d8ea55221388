/** The API over TCP: on this host in plaintext, elsewhere only between certificates. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import grpc from '@grpc/grpc-js'
import network from '../../../src/adapters/api/proto/network.json' with { type: 'json' }
import { type ApiServer, serveApi } from '../../../src/adapters/api/server.ts'
import { loadService } from '../../../src/adapters/api/service.ts'
import { SocketError } from '../../../src/adapters/api/socket.ts'
import type { TcpEndpoint } from '../../../src/adapters/api/tcp.ts'
import {
  fakeInspection,
  healthyView,
  noInabilities,
  noRemote,
  realClock,
} from '../../cli/fake-agent.ts'

const directory = mkdtempSync(join(tmpdir(), 'starling-tcp-'))
const file = (name: string): string => join(directory, name)
let port = 0
let sockets = 0

before(async () => {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  port = typeof address === 'object' && address ? address.port : 0
  await new Promise((resolve) => probe.close(resolve))
  for (const ca of ['ours', 'theirs']) authority(ca)
  certificate('server', 'ours')
  certificate('client', 'ours')
  certificate('stranger', 'theirs')
})
after(() => rmSync(directory, { recursive: true }))

const openssl = (...words: readonly string[]) =>
  execFileSync('openssl', words, { stdio: ['ignore', 'ignore', 'pipe'] })

function authority(name: string): void {
  const subject = ['-subj', `/CN=${name}`, '-days', '1']
  const keys = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl(
    'req',
    '-x509',
    ...keys,
    '-keyout',
    file(`${name}.key`),
    '-out',
    file(`${name}.pem`),
    ...subject,
  )
}

function certificate(name: string, ca: string): void {
  const keys = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl(
    'req',
    ...keys,
    '-keyout',
    file(`${name}.key`),
    '-out',
    file(`${name}.csr`),
    '-subj',
    `/CN=${name}`,
  )
  writeFileSync(file('names'), 'subjectAltName=IP:127.0.0.1')
  const signing = ['-CA', file(`${ca}.pem`), '-CAkey', file(`${ca}.key`), '-CAcreateserial']
  const wanted = ['-days', '1', '-extfile', file('names'), '-out', file(`${name}.pem`)]
  openssl('x509', '-req', '-in', file(`${name}.csr`), ...signing, ...wanted)
}

function serve(tls: TcpEndpoint['tls']): Promise<ApiServer> {
  sockets += 1
  return serveApi({
    socket: file(`${sockets}.sock`),
    tcp: { host: '127.0.0.1', port, tls },
    remote: noRemote,
    inspection: fakeInspection,
    inabilities: noInabilities,
    settings: [],
    recent: () => [],
    operator: {
      view: healthyView,
      command: () => Promise.reject(new Error('nothing is commanded')),
      watch: () => () => undefined,
    },
    clock: realClock,
  })
}

/** The id of the service, or the status of the failure. */
function info(credentials: grpc.ChannelCredentials): Promise<string> {
  const { definition } = loadService(network, 'stellar.services.network.v1.Network')
  const Client = grpc.makeGenericClientConstructor(definition, 'Network')
  const client = new Client(`127.0.0.1:${port}`, credentials)
  type Info = (
    request: object,
    options: object,
    done: (error: grpc.ServiceError | null, response?: { id: string }) => void,
  ) => void
  return new Promise((resolve) => {
    const call = (client as unknown as { Info: Info }).Info.bind(client)
    call({}, { deadline: Date.now() + 3_000 }, (error, response) => {
      client.close()
      resolve(error ? (grpc.status[error.code] ?? '') : (response?.id ?? ''))
    })
  })
}

const secure = (ca: string, name?: string): grpc.ChannelCredentials =>
  name === undefined
    ? grpc.credentials.createSsl(readFileSync(file(`${ca}.pem`)))
    : grpc.credentials.createSsl(
        readFileSync(file(`${ca}.pem`)),
        readFileSync(file(`${name}.key`)),
        readFileSync(file(`${name}.pem`)),
      )

const found = 'stellar.services.network.v1'

describe('the API over TCP', () => {
  test('answers in plaintext where it has no certificate', async () => {
    const server = await serve(undefined)
    assert.equal(await info(grpc.credentials.createInsecure()), found)
    await server.close()
  })

  test('answers only who has a certificate of its authority', async () => {
    const tls = {
      certificate: file('server.pem'),
      key: file('server.key'),
      clientCa: file('ours.pem'),
    }
    const server = await serve(tls)
    try {
      assert.equal(await info(secure('ours', 'client')), found)
      const refused = await Promise.all([
        info(secure('ours')),
        info(secure('ours', 'stranger')),
        info(secure('theirs', 'client')),
        info(grpc.credentials.createInsecure()),
      ])
      for (const status of refused) assert.match(status, /^(UNAVAILABLE|DEADLINE_EXCEEDED)$/)
    } finally {
      await server.close()
    }
  })

  test('says what is wrong with its files and its port', async () => {
    const tls = {
      certificate: file('absent.pem'),
      key: file('server.key'),
      clientCa: file('ours.pem'),
    }
    const fails = (message: RegExp) => (thrown: unknown) =>
      thrown instanceof SocketError && message.test(thrown.message)
    await assert.rejects(
      serve(tls),
      fails(/cannot read .*absent[.]pem .*ENOENT.*: name a PEM file/),
    )
    const server = await serve(undefined)
    await assert.rejects(
      serve(undefined),
      fails(/cannot listen on 127[.]0[.]0[.]1:[0-9]+ [(]EADDRINUSE[)]/),
    )
    await server.close()
  })
})
