/**
 * Benchmarks run; what they measure is not judged here. Some of each kind do: others start many agents or containers,
 * and do nothing that other tests do not.
 */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { describe, it } from 'node:test'
import type { Report } from '../bench/benchmark.ts'

const script = new URL('../bench/run.ts', import.meta.url).pathname

interface Output {
  readonly machine: { readonly cores: number; readonly node: string; readonly load: number }
  readonly benchmarks: Readonly<Record<string, Report>>
}

const names = ['fib-writer', 'repair', 'core', 'allocate', 'busy']

// None is judged by its figures, and each waits more than it works: two at a time.
describe('npm run bench', { concurrency: 2 }, () => {
  for (const name of names) {
    it(`measures ${name}, and says so in JSON`, async () => {
      const { exitCode, stdout, stderr } = await bench('--quick', '--json', '--only', name)
      assert.equal(exitCode, 0, stderr)
      const { machine, benchmarks } = JSON.parse(stdout) as Output
      assert.equal(machine.node, process.versions.node)
      assert.ok(machine.cores > 0)
      assert.deepEqual(Object.keys(benchmarks), [name])
      const report = benchmarks[name]
      assert.ok(report)
      assert.ok(report.figures.length > 0, report.notes.join('\n'))
      for (const { what, unit, median, samples, against, goal } of report.figures) {
        assert.ok(what.length > 0)
        assert.match(unit, /^(ms|MB|%|count|\/s)$/)
        assert.ok(Number.isFinite(median), `${what} has a median`)
        assert.ok(samples > 0, `${what} was measured`)
        if (against) assert.ok(Number.isFinite(against.ratio), `${what} has a ratio`)
        if (goal) assert.equal(typeof goal.met, 'boolean')
      }
    })
  }

  it('prints a table for people', async () => {
    const { exitCode, stdout, stderr } = await bench('--quick', '--only', 'core')
    assert.equal(exitCode, 0, stderr)
    assert.match(stdout, /^[0-9]+ cores .*, Linux .*, Node .*, load /)
    assert.match(stdout, /median +p99 +n +other +ratio +goal\n\ncore\n {2}merge/)
  })

  it('names the benchmarks that there are where it is asked for another', async () => {
    const { exitCode, stderr } = await bench('--only', 'nonsense')
    assert.equal(exitCode, 2)
    assert.match(stderr, /no benchmark nonsense: there are fib-writer, announce,/)
  })
})

function bench(...words: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [script, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  const text = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (part: string) => {
      text[stream] += part
    })
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ exitCode: code ?? -1, ...text }))
  })
}
