/**
 * Whether chaos bites: `node test/simulations/chaos/bite.ts [NAME...]` breaks starling in one way after the other, and
 * sabotages one run behind the back of its schedule. Each must fail with the words that name it. It takes some minutes,
 * and so is no test that runs each time.
 */

import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { judge } from '../../../simulations/chaos/judge/judge.ts'
import type { Line } from '../../../simulations/chaos/judge/record.ts'
import type { Checker } from '../../../simulations/chaos/judge/violation.ts'
import { type FaultName, kindOf } from '../../../simulations/chaos/plan/catalogue.ts'
import type { Schedule } from '../../../simulations/chaos/plan/schedule.ts'
import { Session } from '../../../simulations/chaos/session.ts'
import type { Site } from '../../../simulations/chaos/site.ts'
import { Screen } from '../../../simulations/lab/screen.ts'

const repository = new URL('../../..', import.meta.url).pathname
const hosts = 3

interface Change {
  readonly file: string
  readonly from: string
  readonly to: string
}

interface Break {
  /** Who must find it. */
  readonly checker: Checker
  readonly fault: FaultName
  readonly changes?: readonly Change[]
  readonly sabotage?: (site: Site) => Promise<void>
}

const breaks: Readonly<Record<string, Break>> = {
  'agents end by themselves': {
    checker: 'crash',
    fault: 'freeze-agent',
    changes: [
      {
        file: 'src/core-parts.ts',
        from: 'export const wallOffsetMs = Date.now() - systemClock.now()',
        to: 'setTimeout(() => process.exit(1), 20_000)\nexport const wallOffsetMs = Date.now() - systemClock.now()',
      },
    ],
  },
  'leases are not read back': {
    checker: 'lease',
    fault: 'kill-agent',
    changes: [
      {
        file: 'src/core/ipam/ipam.ts',
        from: 'for (const lease of leases) this.#book.hold(lease)',
        to: 'void leases',
      },
    ],
  },
  'a host without an agent is not routed to': {
    checker: 'echo',
    fault: 'stop-agent',
    changes: [
      {
        file: 'src/core/liveness/observations.ts',
        from: "liveness === 'host-down' || liveness === 'displaced'",
        to: "liveness === 'host-down' || liveness === 'displaced' || liveness === 'agent-down'",
      },
    ],
  },
  'a dead host is routed to': {
    checker: 'probe',
    fault: 'power-off',
    changes: [
      {
        file: 'src/core/liveness/observations.ts',
        from: "liveness === 'host-down' || liveness === 'displaced'",
        to: "liveness === 'displaced'",
      },
    ],
  },
  'what nobody claims leaves for the gateway': {
    checker: 'leak',
    fault: 'kill-agent',
    changes: [
      {
        file: 'src/core/routing/wanted-fib.ts',
        from: 'return refusesUnclaimed ?',
        to: 'return !refusesUnclaimed ?',
      },
    ],
  },
  'a deleted route is not missed': {
    checker: 'observed',
    fault: 'delete-routes',
    changes: [
      {
        file: 'src/core/routing/router.ts',
        from: 'this.#kernel.changed(route, type)',
        to: "if (type === 'route-removed') return\n    this.#kernel.changed(route, type)",
      },
    ],
  },
  'a route is deleted while its agent is frozen, and no schedule says so': {
    checker: 'echo',
    fault: 'freeze-agent',
    sabotage: async ({ hosts: [host] }) => {
      await sleep(3_000)
      await host?.ip('route flush proto 83')
    },
  },
}

const screen = new Screen()
const wanted = process.argv.slice(2)
const session = await Session.open(screen)
let unseen = 0
try {
  for (const [name, broken] of Object.entries(breaks)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    const found = await played(broken).catch((error: Error) => [error.message])
    const isSeen = found.some((text) => text.startsWith(`${broken.checker}: `))
    const told = isSeen
      ? found.find((text) => text.startsWith(`${broken.checker}: `))
      : found.slice(0, 3).join('; ')
    screen[isSeen ? 'good' : 'bad'](`${name}: ${told || 'nobody saw it'}`)
    if (!isSeen) unseen += 1
  }
} finally {
  await session.close()
}
process.exit(unseen === 0 ? 0 : 1)

async function played({ fault, changes, sabotage }: Break): Promise<string[]> {
  const lines: Line[] = []
  const image = changes ? await built(changes) : undefined
  await session.play(schedule(fault), (line) => lines.push(line), {
    ...(image === undefined ? {} : { image }),
    sabotage,
  })
  return judge(lines).violations.map(({ checker, what }) => `${checker}: ${what}`)
}

async function built(changes: readonly Change[]): Promise<string> {
  const place = await mkdtemp(join(tmpdir(), 'starling-broken-'))
  try {
    for (const name of [
      ...['Dockerfile', 'package.json', 'package-lock.json', 'LICENSE', 'build.ts', 'native'],
      ...['packaging', 'tsconfig.json', 'src', 'docs/operations.md'],
    ])
      await cp(join(repository, name), join(place, name), { recursive: true })
    for (const { file, from, to } of changes) {
      const source = await readFile(join(place, file), 'utf8')
      if (source.split(from).length !== 2) throw new Error(`${file} has not once: ${from}`)
      await writeFile(
        join(place, file),
        source.replace(from, () => to),
      )
    }
    const tag = 'starling-chaos:broken'
    await session.build(tag, place)
    return tag
  } finally {
    await rm(place, { recursive: true })
  }
}

function schedule(name: FaultName): Schedule {
  const forMs = Math.min(12_000, kindOf(name).lastsMs[1])
  const fault = { id: 1, name, atMs: 1_000, forMs, hosts: [0], share: 0.5 }
  const rounds = [{ number: 1, forMs: 13_000, faults: [fault] }]
  return { seed: 0, hosts, durationMs: 13_000, scenario: 'everything', drawn: 1, rounds }
}
