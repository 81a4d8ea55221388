/** The demo is the first thing that a user sees, and must not leave anything behind. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { namespacesNamed, requireLabMachine } from '../../simulations/lab/iproute.ts'

const script = new URL('../../simulations/lab/demo.ts', import.meta.url).pathname
const remains = () => namespacesNamed('starling-demo-')

test('the demo shows everything, also after a run that was killed, and cleans up', async () => {
  requireLabMachine()
  const killed = start()
  await lineWith(killed, 'is ours')
  killed.kill('SIGKILL')
  await once(killed, 'exit')
  assert.notDeepEqual(await remains(), [], 'a killed run cannot clean up')

  const demo = start()
  const seen = lineWith(demo, 'All of it was seen.')
  const [exitCode] = await once(demo, 'exit')
  assert.equal(exitCode, 0)
  await seen
  assert.deepEqual(await remains(), [])
})

test('with --ui its page can be looked at until Ctrl-C', async (t) => {
  requireLabMachine()
  const demo = start('--ui')
  t.after(() => demo.kill('SIGINT'))
  await lineWith(demo, 'All of it was seen.')
  const page = await fetch('http://127.0.0.1:7880/')
  assert.equal(page.status, 200)
  assert.match(await page.text(), /starling/)
  demo.kill('SIGINT')
  const [exitCode] = await once(demo, 'exit')
  assert.equal(exitCode, 0)
  assert.deepEqual(await remains(), [])
})

test('Ctrl-C ends the demo and removes what it made', async () => {
  requireLabMachine()
  const demo = start()
  await lineWith(demo, 'is ours')
  demo.kill('SIGINT')
  const [exitCode] = await once(demo, 'exit')
  assert.equal(exitCode, 130)
  assert.deepEqual(await remains(), [])
})

const start = (...options: readonly string[]): ChildProcess =>
  spawn(process.execPath, [script, ...options], { stdio: ['ignore', 'pipe', 'inherit'] })

/** Rejects when the output ends without it. */
async function lineWith(child: ChildProcess, text: string): Promise<void> {
  assert.ok(child.stdout)
  const lines: string[] = []
  await new Promise<void>((resolve, reject) => {
    const reader = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> })
    reader.on('line', (line) => {
      lines.push(line)
      if (line.includes(text)) resolve()
    })
    reader.on('close', () =>
      reject(new Error(`the demo never said "${text}":\n${lines.join('\n')}`)),
    )
  })
}
