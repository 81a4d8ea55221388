/** How fast 10,000 routes get into and out of a kernel, in turns with `ip -batch` and with a C program. */

import { compiled } from '../simulations/lab/compiler.ts'
import { type Benchmark, type Figure, figure } from './benchmark.ts'
import { inNamespace } from './namespace.ts'

const script = new URL('./fib-writer-inside.ts', import.meta.url).pathname

/** What the process in the namespace measured, in ms. */
export interface Taken {
  readonly ours: Writes
  readonly ipBatch: Writes
  readonly c: Writes | undefined
  readonly reconcile: Reconcile
}

export interface Writes {
  readonly add: readonly number[]
  readonly remove: readonly number[]
}

/** A whole agent among as many routes is told to read its kernel again. */
export interface Reconcile {
  readonly ms: readonly number[]
  readonly dumps: number
  readonly writes: number
  /** Changes that another process saw in the kernel meanwhile; undefined where there was none to look. */
  readonly seen: number | undefined
}

export const fibWriter: Benchmark = async ({ quick, say }) => {
  const routes = quick ? 200 : 10_000
  const rounds = quick ? 2 : 11
  say(`${routes} routes, ${rounds} rounds each in turns`)
  const program = compiled(new URL('./fib-writer.c', import.meta.url))
  const taken = await inNamespace<Taken>(script, [routes, rounds, program ?? ''].map(String))
  const figures: Figure[] = []
  for (const [verb, key] of [
    ['add', 'add'],
    ['delete', 'remove'],
  ] as const) {
    const ours = taken.ours[key]
    const ip = { what: 'ip -batch', samples: taken.ipBatch[key] }
    figures.push(
      figure(`${verb} ${routes} routes`, 'ms', ours, { against: ip, goal: { ratioMin: 5 } }),
    )
    if (!taken.c) continue
    const c = { what: 'C, 64 per send', samples: taken.c[key] }
    figures.push(
      figure(`${verb} ${routes} routes`, 'ms', ours, { against: c, goal: { ratioMin: 1 } }),
    )
  }
  const { ms, dumps, writes, seen } = taken.reconcile
  figures.push(
    figure(`no-op reconcile of ${routes} routes`, 'ms', ms),
    figure('reads of the kernel per reconcile', 'count', [dumps / ms.length], {
      goal: { medianMax: 1 },
    }),
    figure('writes per reconcile', 'count', [writes / ms.length], { goal: { medianMax: 0 } }),
  )
  const notes = [
    'ours: apply of the netlink adapter with its reader child running; ip -batch: the whole process; C: in the process, every message acknowledged',
  ]
  if (seen !== undefined)
    notes.push(`route changes that a third process saw during ${ms.length} reconciles: ${seen}`)
  if (!taken.c)
    notes.push('no C compiler here, so no C program to compare with: apt-get install gcc libc6-dev')
  return { figures, notes }
}
