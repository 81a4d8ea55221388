/** `npm run setup`: installs what the tests need of a Debian machine and it lacks, and nothing else. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { isThere, type Lack, lacking, path, textOf } from './machine.ts'
import { withoutDaemons } from './no-daemons.ts'

const quick = ['--yes', '-qq', '-o', 'DPkg::Lock::Timeout=120']
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const say = (line: string): void => console.error(`setup: ${line}`)

process.exitCode = await setUp()

async function setUp(): Promise<number> {
  const missing = lacking()
  if (missing.length === 0) {
    say('nothing is missing.')
    return 0
  }
  const list = missing.map(textOf).join(', ')
  if (!isThere('apt-get')) {
    say(`there is no apt-get here. Install by hand what brings these of Debian's packages: ${list}`)
    return 1
  }
  if (process.getuid?.() !== 0) {
    say(`installing ${list} needs root: sudo npm run setup`)
    return 1
  }
  say(`installing by apt-get, without starting a daemon: ${list}`)
  const succeeded = await withoutDaemons(() => install(missing), say)
  return report(succeeded, missing)
}

/** A signal to us is apt-get's: we end after it. They are ours before it runs, for it can be told to end from its first moment. */
async function install(missing: readonly Lack[]): Promise<boolean> {
  let interrupted = false
  let child: ChildProcess | undefined
  const pass = (signal: NodeJS.Signals): void => {
    interrupted = true
    child?.kill(signal)
  }
  const aptGet = async (command: string, ...words: string[]): Promise<boolean> => {
    const env = { ...process.env, PATH: path, DEBIAN_FRONTEND: 'noninteractive' }
    child = spawn('apt-get', [command, ...quick, ...words], { env, stdio: 'inherit' })
    const [code] = (await once(child, 'exit')) as [number | null]
    return code === 0
  }
  for (const signal of signals) process.on(signal, pass)
  try {
    // A list of somebody else's packages may be out of reach: what matters is whether ours can be installed.
    await aptGet('update')
    if (interrupted) return false
    const packages = missing.map((lack) => lack.package)
    const installed = await aptGet('install', '--no-install-recommends', ...packages)
    return installed && !interrupted
  } finally {
    for (const signal of signals) process.off(signal, pass)
  }
}

function report(succeeded: boolean, wanted: readonly Lack[]): number {
  const left = lacking()
  if (!succeeded || left.length > 0) {
    say(`not done; still missing: ${left.map(textOf).join(', ') || 'nothing, but apt-get failed'}`)
    return 1
  }
  say('done: nothing is missing.')
  if (wanted.some((lack) => lack.package === 'docker.io'))
    say(
      'systemd, where there is one, starts Docker at the next boot. The tests do not need that: ' +
        'systemctl disable docker.service docker.socket containerd.service',
    )
  return 0
}
