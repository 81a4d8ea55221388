/** `npm run failures -- --hosts 16`: what happens to hosts in the simulator, played with real ones. */

import { parseArgs } from 'node:util'
import { failureScenarios } from './failure-scenarios.ts'
import { requireLabMachine } from './iproute.ts'
import { Screen } from './screen.ts'
import { Stage } from './stage.ts'
import { Lab } from './topology.ts'

const hostsMin = 4
const hostsMax = 64
/** How long an agent stands still. */
const frozenMs = 60_000

const screen = new Screen()

// What an interrupted run still waits for ends with the process.
process.exit(await main())

async function main(): Promise<number> {
  try {
    requireLabMachine()
    const { values } = parseArgs({
      options: { hosts: { type: 'string', default: '16' }, scenario: { type: 'string' } },
    })
    return await playAll(countOf(values.hosts), values.scenario)
  } catch (error) {
    screen.bad(error instanceof Error ? error.message : String(error))
    return 1
  }
}

function countOf(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= hostsMin && count <= hostsMax) return count
  throw new Error(`--hosts ${text}: give a whole number from ${hostsMin} to ${hostsMax}`)
}

async function playAll(count: number, wanted: string | undefined): Promise<number> {
  const chosen = failureScenarios.filter(({ name }) => name === (wanted ?? name))
  if (chosen.length === 0) {
    const names = failureScenarios.map(({ name }) => name).join(', ')
    throw new Error(`--scenario ${wanted}: there are ${names}`)
  }
  const lab = new Lab({ name: 'starling-failures' })
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => resolve('interrupted'))
  })
  const story = async () => {
    await lab.up()
    screen.title(`${count} hosts on one switch`)
    const stage = await Stage.set(lab, count, screen)
    for (const { name, promise, play } of chosen) {
      screen.title(`${name}: ${promise}`)
      await stage.undisturbed(() => play(stage, frozenMs))
    }
  }
  try {
    if ((await Promise.race([story(), interrupted])) === 'interrupted') return 130
    screen.title('All of it was seen.')
    return 0
  } finally {
    await lab.down()
  }
}
