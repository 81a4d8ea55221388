/** Runs a test file inside a namespace of its own, which ends with its last process: nothing is left to clean. */

import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const marker = 'TEST_NAMESPACE_OF'

/** `--pid`: with mounts and a /proc of its own, so that nobody else's processes are seen. */
const flags = {
  '--net': ['--net'],
  '--mount': ['--mount'],
  '--pid': ['--pid', '--fork', '--kill-child', '--mount', '--mount-proc'],
} as const
type Kind = keyof typeof flags

/**
 * True inside the namespace. Outside, the file at `url` is run again inside and this process ends with its result; where
 * a namespace cannot be made it fails, for a test that is skipped proves nothing.
 */
export async function inNamespace(url: string, kind: Kind = '--net'): Promise<boolean> {
  if (process.env[marker] === url) return true
  const missing = missingFor(kind)
  if (missing !== '') {
    console.error(`tests in a namespace cannot run: ${missing}`)
    process.exit(1)
  }
  process.exit(await runInside(kind, fileURLToPath(url), { ...process.env, [marker]: url }))
}

function missingFor(kind: Kind): string {
  if (process.getuid?.() !== 0) return 'they need root, to make namespaces'
  if (spawnSync('ip', ['-V']).status !== 0) return 'they need iproute2 (the command ip)'
  const probe = spawnSync('unshare', [...flags[kind], 'true'], { encoding: 'utf8' })
  if (probe.status === 0) return ''
  return `unshare ${kind} fails: ${probe.error?.message ?? probe.stderr.trim()}`
}

/** Standard output is inherited: the results inside are this file's results. */
function runInside(kind: Kind, file: string, env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn('unshare', [...flags[kind], process.execPath, ...process.execArgv, file], {
      stdio: 'inherit',
      env,
    })
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => child.kill(signal))
    }
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
}
