/** `node simulations/hostile/run.ts --list | --case NAME | --all`: attacks real agents in a lab, and says what held. */

import { parseArgs } from 'node:util'
import { requireLabMachine } from '../lab/iproute.ts'
import { attackAgents, type Outcome } from './arena.ts'
import { byArena, cases } from './cases.ts'

process.exitCode = await main()

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      list: { type: 'boolean', default: false },
      all: { type: 'boolean', default: false },
      case: { type: 'string', multiple: true, default: [] },
    },
  })
  if (values.list) {
    for (const { name, mends, promise } of cases) console.log(`${name} (${mends}): ${promise}`)
    return 0
  }
  const wanted = cases.filter(({ name }) => values.all || values.case.includes(name))
  if (wanted.length === 0) {
    console.error('usage: node simulations/hostile/run.ts --list | --all | --case NAME ...')
    return 2
  }
  requireLabMachine()
  let failed = 0
  for (const together of byArena(wanted)) {
    const outcomes = await attackAgents(together)
    for (const [index, outcome] of outcomes.entries()) {
      if (!holds(together[index]?.name ?? '', outcome)) failed += 1
    }
  }
  return failed > 0 ? 1 : 0
}

function holds(name: string, { faults, attackMs, residentMb }: Outcome): boolean {
  const verdict = faults.length === 0 ? 'holds' : 'FAILS'
  const took = attackMs === undefined ? 'held up' : `${attackMs} ms`
  const memory = `RSS ${residentMb.before} -> ${residentMb.after} MiB`
  console.log(`${verdict} ${name}: attack ${took}, ${memory}`)
  for (const fault of faults) console.log(`  ${fault}`)
  return faults.length === 0
}
