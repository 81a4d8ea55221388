/** What `npm test` runs: says what the tests lack, then hands over to Node's test runner. */

import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { lacking, textOf } from '../setup/machine.ts'

/** Three at a time take as long on two cores, and let what is attacked starve. */
const concurrency = 2

/** A test that failed half-way may leave a socket open, and its file never ends: the runner then names it and fails. */
const patienceMs = 22.5 * 60_000

const program = new URL('../dist/starling.js', import.meta.url).pathname
/** Hundreds of processes read the same sources. */
const compileCache = new URL('../node_modules/.cache/starling-test', import.meta.url).pathname

const hindrances = [
  ...(process.getuid?.() === 0
    ? []
    : ['not root, and the tests make network namespaces: sudo npm test']),
  ...lacking().map((lack) => `missing ${textOf(lack)}: npm run setup`),
]

if (hindrances.length > 0) {
  for (const line of hindrances) console.error(`cannot test: ${line}`)
  process.exitCode = 1
} else {
  // Agents of the end-to-end tests run what is shipped, and start in half the time.
  await import('../build.ts')
  const { flags, globs } = selection(process.argv.slice(2))
  const runner = spawn(
    process.execPath,
    [
      '--test',
      '--test-reporter=spec',
      `--test-concurrency=${concurrency}`,
      ...flags,
      ...(globs.length > 0 ? globs : ['test/**/*.test.ts']),
    ],
    {
      stdio: 'inherit',
      env: { NODE_COMPILE_CACHE: compileCache, ...process.env, LAB_PROGRAM: program },
    },
  )
  // The terminal's Ctrl-C reaches the runner by itself; its end, after its tests have tidied up, is ours.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => runner.kill('SIGTERM'))
  // Not by `--test-force-exit`: a file that ends before its report was read counts as passed, without its tests.
  const patience = setTimeout(() => runner.kill('SIGTERM'), patienceMs)
  runner.on('exit', (code) => {
    clearTimeout(patience)
    process.exitCode = code ?? 1
  })
}

/** Folders mean all tests inside; options go to Node. */
function selection(args: readonly string[]): { flags: string[]; globs: string[] } {
  const flags = args.filter((arg) => arg.startsWith('-'))
  const globs = args
    .filter((arg) => !arg.startsWith('-'))
    .map((arg) => (isFolder(arg) ? `${arg.replace(/\/$/, '')}/**/*.test.ts` : arg))
  return { flags, globs }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
