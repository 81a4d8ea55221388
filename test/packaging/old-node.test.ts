/** With a Node that is too old the bundle says so in one line, whatever that Node makes of the rest of it. */

import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { describe, it } from 'node:test'
import { transform } from 'esbuild'
import { bundleInMemory } from '../../packaging/bundle.ts'

const project = join(import.meta.dirname, '../..')
const program = join(project, 'dist/starling.js')

describe('starling on an older Node', () => {
  // No agent without --help: where the check is broken it would run on this machine.
  for (const words of [[], ['--version'], ['status'], ['agent', '--help']]) {
    it(`answers "${['starling', ...words].join(' ')}" with one line and exit code 2`, async () => {
      const { exitCode, stdout, stderr } = await run(process.execPath, [
        ...['--import', pretending('20.20.2'), program],
        ...words,
      ])
      assert.match(
        stderr,
        /^starling needs Node 24 or later; this is v20\.20\.2 \(.*node\): install [^\n]*\n$/,
      )
      assert.equal(stdout, '')
      assert.equal(exitCode, 2)
    })
  }

  it('says the same on each that this machine has', async () => {
    for (const node of olderNodes()) {
      const { exitCode, stderr } = await run(node, [program, 'status'])
      assert.match(stderr, /^starling needs Node 24 or later; this is v[^\n]*\n$/, node)
      assert.equal(exitCode, 2, node)
    }
  })

  it('loads nothing before that, and nothing in a syntax that it does not know', async () => {
    const { outputs } = await bundleInMemory(project)
    const kinds = outputs['dist/starling.js']?.imports.map(({ kind }) => kind)
    assert.deepEqual(kinds, ['dynamic-import'])

    const code = await readFile(program, 'utf8')
    const imports = [...code.matchAll(/^import .*/gm)].map(([line]) => line)
    // Node has had that name since 12, and the scheme since 12.20.
    assert.deepEqual(imports, ["import { createRequire as bundleRequire } from 'node:module'"])
    const [plain, lowered] = await Promise.all(
      ['esnext', 'node12.20'].map((target) => transform(code, { target, format: 'esm' })),
    )
    assert.equal(lowered?.code, plain?.code, 'no syntax that Node 12 does not have')
  })

  it("ends with Node's 13 where the start stalls, which must not pass for one that ended well", async () => {
    const { exitCode } = await run(process.execPath, ['--import', stalling, program, '--version'])
    assert.equal(exitCode, 13)
  })

  it('starts on Node 24.0.0, which is not older', async () => {
    const { exitCode, stdout } = await run(process.execPath, [
      ...['--import', pretending('24.0.0'), program, '--version'],
    ])
    assert.equal(exitCode, 0)
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
  })
})

/** A module that puts one in place of start.ts which waits for ever. */
const stalling = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  const source = 'await new Promise(() => {})'
  registerHooks({
    load: (url, context, next) =>
      /\\/start-[^/]*$/.test(url) ? { format: 'module', source, shortCircuit: true } : next(url, context),
  })`)}`

/** A module that makes this Node call itself another. */
function pretending(version: string): string {
  const code = `
    Object.defineProperty(process, 'version', { value: 'v${version}' })
    Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
  return `data:text/javascript,${encodeURIComponent(code)}`
}

function olderNodes(): string[] {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((directory) => join(directory, 'node'))
    .filter((node) => {
      const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' })
      return Number(/^v(\d+)/.exec(stdout ?? '')?.[1] ?? Number.POSITIVE_INFINITY) < 24
    })
}

function run(
  node: string,
  words: readonly string[],
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(node, words, { timeout: 30_000 }, (error, stdout, stderr) => {
      const exitCode = typeof error?.code === 'number' ? error.code : error ? -1 : 0
      resolve({ exitCode, stdout, stderr })
    })
  })
}
