/** The page over HTTP: its files, what browsers may do with them, what is answered and to whom. */

import assert from 'node:assert/strict'
import { get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { boardOf } from '../../../src/adapters/api/board.ts'
import { explainPrefix } from '../../../src/adapters/api/explain-node.ts'
import type { WebListener } from '../../../src/adapters/web/listener.ts'
import { openPage, type PageOptions } from '../../../src/adapters/web/page.ts'
import { viewersMax } from '../../../src/adapters/web/page-viewers.ts'
import { realClock } from '../../cli/fake-agent.ts'
import { clusterView } from '../../page/cluster-view.ts'
import { ManualClock } from '../../runtime/manual-clock.ts'
import { freePort } from '../free-port.ts'

let port = 0
let page: WebListener
const view = clusterView({ nodes: 3 })
const failures: unknown[] = []

before(async () => {
  port = await freePort()
  page = await openPage(optionsAt(port))
})
after(() => page.close())

const optionsAt = (at: number): PageOptions => ({
  endpoint: { host: '127.0.0.1', port: at, names: [], tls: undefined },
  follow: () => () => boardOf(view, { links: new Map(), inabilities: [] }),
  event: ({ note: { code } }) => ({ code }),
  recent: () => [],
  watch: () => () => undefined,
  explainPrefix: (prefix) => explainPrefix(view, prefix, new Map()),
  explainAddress: async ({ text }) => {
    if (text === '10.0.0.13') throw new Error('secret')
    return { address: text, state: 'free' }
  },
  clock: realClock,
  wallMs: Date.now,
  failed: (thrown) => failures.push(thrown),
})

describe('the files', () => {
  for (const [path, type] of [
    ['/', 'text/html'],
    ['/page.js', 'text/javascript'],
    ['/style.css', 'text/css'],
    ['/icon.svg', 'image/svg+xml'],
  ] as const) {
    test(`${path} comes as it is, and packed for who unpacks`, async () => {
      const [plain, packed] = await Promise.all([
        ask(path),
        ask(path, { 'accept-encoding': 'br, gzip' }),
      ])
      assert.equal(plain.status, 200)
      assert.ok(plain.headers['content-type']?.startsWith(type))
      assert.equal(plain.headers['content-encoding'], undefined)
      assert.equal(packed.headers['content-encoding'], 'gzip')
      assert.deepEqual(gunzipSync(packed.body), plain.body)
    })
  }

  test('ask browsers to load and run nothing from elsewhere, and nothing inline', async () => {
    const { headers, body } = await ask('/')
    const policy = String(headers['content-security-policy'])
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'/)
    assert.doesNotMatch(policy, /unsafe|\*|https?:|data:/)
    assert.doesNotMatch(String(body), /<script>|<style>|style=|https?:|\son[a-z]+=/)
  })

  test('are few bytes', async () => {
    const sizes = await Promise.all(
      ['/', '/page.js', '/style.css'].map(async (path) => {
        const { body } = await ask(path, { 'accept-encoding': 'gzip' })
        return body.length
      }),
    )
    const total = sizes.reduce((sum, size) => sum + size, 0)
    assert.ok(total < 30_000, `${total} bytes`)
  })

  test('that there are not are not found', async () => {
    for (const path of ['/x', '/api/x', '/../package.json', '/%2e%2e/package.json']) {
      const { status, body } = await ask(path)
      assert.deepEqual([status, String(body)], [404, 'Not found.\n'], path)
    }
  })
})

describe('what is asked', () => {
  const explain = async (of: string, headers = {}) => {
    const { status, body } = await ask(`/api/explain?of=${encodeURIComponent(of)}`, headers)
    return { status, answer: JSON.parse(String(body)) as Record<string, unknown> }
  }

  test('about an address is answered by whoever explains addresses', async () => {
    assert.deepEqual(await explain('172.16.4.9'), {
      status: 200,
      answer: { address: '172.16.4.9', state: 'free' },
    })
  })

  test('about a prefix is answered by the board', async () => {
    const { answer } = await explain('172.16.4.0/22')
    assert.equal((answer.claims as { name: string }[])[0]?.name, 'node-1')
  })

  test('and not understood does not come back', async () => {
    const { status, answer } = await explain('<img src=x>')
    assert.equal(status, 200)
    assert.match(String(answer.problem), /^This is no address/)
    assert.doesNotMatch(String(answer.problem), /img/)
  })

  test('and fails says so, and no more', async () => {
    const { status, answer } = await explain('10.0.0.13')
    assert.deepEqual([status, answer], [500, { problem: 'The agent could not answer.' }])
    assert.match(String(failures.pop()), /secret/)
  })

  test('by the page of another site is refused', async () => {
    for (const site of ['cross-site', 'same-site']) {
      assert.equal((await explain('172.16.4.9', { 'sec-fetch-site': site })).status, 403)
      assert.equal((await ask('/api/watch', { 'sec-fetch-site': site })).status, 403)
    }
    assert.equal((await explain('172.16.4.9', { 'sec-fetch-site': 'same-origin' })).status, 200)
  })
})

describe('the stream', () => {
  test('tells all, and is refused in words once the places are taken', async () => {
    const streams = await Promise.all(Array.from({ length: viewersMax }, () => open('/api/watch')))
    const [first] = streams
    assert.ok(first)
    assert.equal(first.headers['content-type'], 'text/event-stream; charset=utf-8')
    await seen(first, /event: board\ndata: .*"172\.16\.4\.0\/22".*\n\n/)
    const refused = await ask('/api/watch')
    assert.match(String(refused.body), /^event: refused\ndata: .*8 viewers/)
    for (const stream of streams) stream.destroy()
  })

  test('drops a viewer that takes nothing, and others go on', async (t) => {
    const at = await freePort()
    const clock = new ManualClock()
    let text = ''
    const own = await openPage({
      ...optionsAt(at),
      follow: () => () => ({ head: { text }, lists: {} }),
      clock,
    })
    t.after(() => own.close())
    const stuck = await open('/api/watch', {}, at)
    const gone = new Promise((resolve) => stuck.once('error', resolve))
    const other = await open('/api/watch', {}, at)
    let got = ''
    other.on('data', (chunk) => {
      got = `${got}${chunk}`.slice(-100)
    })
    // More than the kernel's buffers take.
    for (let count = 1; count < 30; count += 1) {
      text = `${'x'.repeat(2_000_000)} ${count}.`
      clock.pass(1_000)
      while (!got.includes(` ${count}.`)) {
        assert.ok(!other.destroyed, 'nobody else is dropped')
        await new Promise(setImmediate)
      }
    }
    stuck.resume()
    await gone
    assert.equal(other.destroyed, false)
  })
})

test('closing ends the streams', async () => {
  const at = await freePort()
  const own = await openPage(optionsAt(at))
  const stream = await open('/api/watch', {}, at)
  const ended = new Promise((resolve) => stream.once('close', resolve))
  stream.resume()
  stream.on('error', () => undefined)
  await own.close()
  await ended
})

test('a page that is not built says what builds it', async () => {
  const options = { ...optionsAt(await freePort()), directory: '/nowhere' }
  await assert.rejects(openPage(options), /there is no \/nowhere: run npm run build/)
})

async function seen(stream: IncomingMessage, wanted: RegExp): Promise<void> {
  let text = ''
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    text += String(chunk)
    if (wanted.test(text)) return
  }
  assert.fail(`never seen: ${wanted}`)
}

interface Answer {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

async function ask(path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await open(path, headers)
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part as Buffer)
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) }
}

function open(path: string, headers = {}, at = port): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port: at, path, headers, agent: false }, resolve).on('error', reject)
  })
}
