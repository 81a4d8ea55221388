/** `npm run lab -- --hosts N`: keeps a lab up for playing; `npm run lab -- enter h3` opens a shell on a host of it. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { parseArgs } from 'node:util'
import { requireLabMachine } from './iproute.ts'
import { Screen } from './screen.ts'
import { Lab } from './topology.ts'

const name = 'starling-lab'
const hostsMax = 64
const executable = new URL('../../src/starling.ts', import.meta.url).pathname

process.exitCode = await main()

async function main(): Promise<number> {
  try {
    requireLabMachine()
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { hosts: { type: 'string', default: '3' } },
    })
    const [verb, host] = positionals
    if (verb === undefined) return await keepUp(countOf(values.hosts))
    if (verb === 'enter' && host) return await enter(host)
    throw new Error('usage: npm run lab -- [--hosts N] | enter HOST')
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return 1
  }
}

function countOf(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= hostsMax) return count
  throw new Error(`--hosts ${text}: give a whole number from 1 to ${hostsMax}`)
}

async function keepUp(count: number): Promise<number> {
  const screen = new Screen()
  const lab = new Lab({ name })
  const interrupted = new Promise((resolve) =>
    process.once('SIGINT', resolve).once('SIGTERM', resolve),
  )
  try {
    screen.title(`Setting up ${count} hosts`)
    await lab.up()
    await writeClient(lab.directory)
    for (let index = 0; index < count; index += 1) await lab.addHost()
    const [first] = lab.hosts
    if (!first) throw new Error('a lab has at least one host')
    for (const host of lab.hosts) {
      await host.startAgent(['--seed', first.address])
      host.onLine((line) => {
        if (line.level !== 'debug') screen.event(host.name, line.msg)
      })
    }
    const ready = Promise.all(
      lab.hosts.map((host) => host.note('claim-confirmed', { timeoutMs: 120_000 })),
    )
    const reason = await Promise.race([ready, interrupted])
    if (Array.isArray(reason)) {
      screen.title('All hosts have a subnet. Enter one, and look around:')
      console.log(
        `  npm run lab -- enter ${first.name}     # then: starling status; starling routes; ip route; ping`,
      )
      console.log(`  ip netns exec ${first.namespace} ip route show proto 83`)
      console.log('Ctrl-C ends the lab and removes it.\n')
    }
    await interrupted
    return 0
  } finally {
    await lab.down()
  }
}

/** A shell in a host's namespace in which `starling` talks to that host's agent. */
async function enter(host: string): Promise<number> {
  const directory = join(tmpdir(), name)
  const shell = spawn('ip', ['netns', 'exec', `${name}-${host}`, process.env.SHELL ?? '/bin/sh'], {
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: `${join(directory, 'bin')}${delimiter}${process.env.PATH}`,
      STARLING_SOCKET: join(directory, host, 'starling.sock'),
      PS1: `${host}# `,
    },
  })
  await once(shell, 'exit')
  return shell.exitCode ?? 1
}

async function writeClient(directory: string): Promise<void> {
  const path = join(directory, 'bin', 'starling')
  await mkdir(join(directory, 'bin'), { recursive: true })
  await writeFile(path, `#!/bin/sh\nexec '${process.execPath}' '${executable}' "$@"\n`)
  await chmod(path, 0o755)
}
