/** Where browsers and scrapers come: who is answered, by which name, and how it ends. */

import assert from 'node:assert/strict'
import { request } from 'node:http'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { listenOnWeb, WebError, type WebListener } from '../../../src/adapters/web/listener.ts'
import { freePort } from '../free-port.ts'

let port = 0
let listener: WebListener

before(async () => {
  port = await freePort()
  listener = await listenOnWeb(endpoint(port), '--ui-listen', ({ url }, response) => {
    if (url === '/broken') throw new Error('secret <b>')
    response.end('hello')
  })
})
after(() => listener.close())

describe('who is answered', () => {
  const hosts = [
    '127.0.0.1:9',
    '[::1]:9',
    '[fd00::1]',
    'localhost',
    'Gateway.example:9',
    '10.1.2.3',
  ]
  for (const host of hosts) {
    test(`${host} is a name of this host`, async () => {
      assert.equal((await ask({ host })).status, 200)
    })
  }

  const strangers = ['evil.example', 'gateway.example.evil', 'localhost.evil', '127.0.0.1.evil']
  for (const host of strangers) {
    test(`${host} is not, and does not come back in the answer`, async () => {
      const { status, body } = await ask({ host })
      assert.equal(status, 421)
      assert.ok(!body.includes(host))
    })
  }

  test('only reading is answered', async () => {
    assert.equal((await ask({ method: 'POST' })).status, 405)
    assert.equal((await ask({ method: 'HEAD' })).status, 200)
  })

  test('nothing of a failure comes back', async () => {
    const { status, body } = await ask({ path: '/broken' })
    assert.deepEqual([status, body], [500, 'The agent could not answer.\n'])
  })

  test('browsers are told to be cautious', async () => {
    const { headers } = await ask({})
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.match(String(headers['content-security-policy']), /default-src 'none'/)
    assert.equal(headers['access-control-allow-origin'], undefined)
  })
})

test('it ends at once while somebody still reads', async () => {
  const own = await freePort()
  const other = await listenOnWeb(endpoint(own), '--ui-listen', (_, response) => {
    response.write('first')
  })
  const reader = connect(own, '127.0.0.1')
  reader.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await new Promise((resolve) => reader.once('data', resolve))
  const ended = new Promise((resolve) => reader.once('close', resolve))
  reader.on('error', () => {})
  await other.close()
  await ended
})

test('a port that is taken is told with the setting to change', async () => {
  await assert.rejects(
    listenOnWeb(endpoint(port), '--metrics-listen', () => {}),
    (thrown) =>
      thrown instanceof WebError &&
      /EADDRINUSE.*set --metrics-listen to another one/.test(thrown.message),
  )
})

test('a certificate that cannot be read is told', async () => {
  const tls = { certificate: '/absent.pem', key: '/absent.key', clientCa: undefined }
  await assert.rejects(
    listenOnWeb({ ...endpoint(0), tls }, '--ui-listen', () => {}),
    /cannot read \/absent.pem/,
  )
})

const endpoint = (at: number) => ({
  host: '127.0.0.1',
  port: at,
  names: ['gateway.example'],
  tls: undefined,
})

function ask({
  host = 'localhost',
  method = 'GET',
  path = '/',
}: {
  host?: string
  method?: string
  path?: string
}): Promise<{
  status: number | undefined
  headers: NodeJS.Dict<string | string[]>
  body: string
}> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { port, host: '127.0.0.1', method, path, headers: { host } },
      (response) => {
        let body = ''
        response.on('data', (chunk: Buffer) => {
          body += chunk.toString()
        })
        response.on('end', () =>
          resolve({ status: response.statusCode, headers: response.headers, body }),
        )
      },
    )
    sent.on('error', reject)
    sent.end()
  })
}
