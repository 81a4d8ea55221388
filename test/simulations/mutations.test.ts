/** Each checker bites: of a core that gets one thing wrong, the one that is meant to find it finds it. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Mutation, mutations } from './mutations.ts'

const run = promisify(execFile)
/** A core that goes round in circles is no mutation of use. */
const longMs = 60_000
const mutant = fileURLToPath(new URL('mutant.ts', import.meta.url))

describe('a core in which', { concurrency: 2 }, () => {
  for (const [what, mutation] of Object.entries(mutations)) {
    it(`${what} is found by the checker ${mutation.checker}`, async () => {
      const found = await checkersOf(mutation)
      assert.ok(found.includes(mutation.checker), `found by ${found.join(', ') || 'none'}`)
    })
  }
})

async function checkersOf(mutation: Mutation): Promise<string[]> {
  const args = [mutant, JSON.stringify(mutation)]
  const { stdout } = await run(process.execPath, args, { timeout: longMs })
  return JSON.parse(stdout) as string[]
}
