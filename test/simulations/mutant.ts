/** Plays a scenario with a core of which a few words are others, and prints which checkers find that, as JSON. */

import { readFileSync } from 'node:fs'
import { type LoadHookSync, registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Mutation } from './mutations.ts'

const mutation = JSON.parse(process.argv[2] ?? '') as Mutation

/** Errors are silence where the words to be replaced are not there: what is not mutated tells nothing. */
const load: LoadHookSync = (url, context, next) => {
  const changes = mutation.changes.filter(({ file }) => url.endsWith(`/${file}`))
  if (changes.length === 0) return next(url, context)
  let source = readFileSync(fileURLToPath(url), 'utf8')
  for (const { file, from, to } of changes) {
    if (source.split(from).length !== 2) throw new Error(`${file} has not once: ${from}`)
    source = source.replace(from, () => to)
  }
  return { format: 'module-typescript', source, shortCircuit: true }
}

registerHooks({ load })
const { scenarios } = await import('../../simulations/sim/scenarios.ts')
const { simulate } = await import('../../simulations/sim/simulate.ts')
const scenario = scenarios.find(({ name }) => name === mutation.scenario)
if (!scenario) throw new Error(`no scenario ${mutation.scenario}`)
const { nodes = 6, seed = 1 } = mutation
const { violations } = simulate({ scenario, nodes, seed })
console.log(JSON.stringify([...new Set(violations.map(({ checker }) => checker))]))
