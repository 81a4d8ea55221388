/** `starling top` on a terminal of its own: it draws, follows, and leaves the terminal as it was. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { after, before, describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type FakeAgent, healthyView, startFakeAgent, troubledView } from './fake-agent.ts'
import { run } from './run.ts'

const executable = fileURLToPath(new URL('../../src/starling.ts', import.meta.url))
const entered = '\x1b[?1049h'
const restored = '\x1b[?7h\x1b[?25h\x1b[?1049l'

let agent: FakeAgent
before(async () => {
  agent = await startFakeAgent()
})
after(() => agent.stop())

/** `script` gives it a terminal; `stty` a size. */
class Screen {
  shown = ''
  readonly #script: ChildProcess
  readonly #ended: Promise<unknown[]>

  constructor(socket: string, test: TestContext) {
    const program = `stty rows 40 columns 100; exec '${process.execPath}' '${executable}' top`
    this.#script = spawn('script', ['-qefc', program, '/dev/null'], {
      env: { ...process.env, STARLING_SOCKET: socket, TERM: 'xterm' },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#ended = once(this.#script, 'close')
    test.after(() => this.#script.kill('SIGKILL'))
    this.#script.stdout?.on('data', (data: Buffer) => {
      this.shown += data.toString()
    })
  }

  async shows(text: string): Promise<void> {
    while (!this.shown.includes(text)) await this.news()
  }

  async news(): Promise<void> {
    const signal = AbortSignal.timeout(30_000)
    await once(this.#script.stdout as NodeJS.EventEmitter, 'data', { signal })
  }

  type(keys: string): void {
    this.#script.stdin?.write(keys)
  }

  /** The program itself, which `script` waits for. */
  kill(signal: NodeJS.Signals): void {
    const { pid } = this.#script
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    process.kill(Number(children.trim()), signal)
  }

  /** Resolves with the exit code. */
  async end(): Promise<unknown> {
    const [code] = await this.#ended
    return code
  }
}

describe('top', { concurrency: false }, () => {
  test('draws status and events as they come, and gives the terminal back on q', async (t) => {
    const screen = new Screen(agent.socket, t)
    await screen.shows('2 of 2 routes are in the kernel')
    assert.ok(screen.shown.includes(entered))
    agent.view = troubledView()
    agent.note({ code: 'route-drifted', prefix: '172.16.4.0/22', by: 'removed', more: 0 })
    await screen.shows('route 172.16.4.0/22 was removed by another process')
    await screen.shows('NOT CONVERGED')
    assert.ok(!screen.shown.includes(restored))
    screen.type('q')
    assert.equal(await screen.end(), 0)
    assert.ok(screen.shown.endsWith(restored))
    agent.view = healthyView()
  })

  test('draws twice a second at most, however much is told', async (t) => {
    const screen = new Screen(agent.socket, t)
    await screen.shows('events since top runs')
    const begun = performance.now()
    const draws = () => screen.shown.split('\x1b[H').length
    const before = draws()
    const telling = setInterval(() => agent.note({ code: 'kernel-forbidden' }), 5)
    try {
      while (draws() < before + 3) await screen.news()
    } finally {
      clearInterval(telling)
    }
    assert.ok(performance.now() - begun > 900)
    screen.kill('SIGTERM')
    assert.equal(await screen.end(), 0)
    assert.ok(screen.shown.endsWith(restored))
  })

  test('gives the terminal back before it says that the agent ended', async (t) => {
    const other = await startFakeAgent()
    const screen = new Screen(other.socket, t)
    await screen.shows('events since top runs')
    await other.stop()
    assert.equal(await screen.end(), 3)
    assert.match(screen.shown.slice(screen.shown.indexOf(restored)), /starling: the agent .*ended/)
  })

  test('on a pipe prints one frame and ends', async () => {
    const { code, out } = await run(['top'], { STARLING_SOCKET: agent.socket })
    assert.equal(code, 0)
    assert.match(out, /^OK {2}a has/)
    assert.ok(!out.includes('\x1b'))
  })
})
