/** `npm run bench`: runs the benchmarks and prints one table, or JSON. */

import { parseArgs } from 'node:util'
import type { Benchmark, Report } from './benchmark.ts'
import { machine } from './machine.ts'
import { tableOf } from './table.ts'

/** Loaded when they run: one must not cost another's memory. */
const benchmarks: Readonly<Record<string, () => Promise<Benchmark>>> = {
  'fib-writer': async () => (await import('./fib-writer.ts')).fibWriter,
  announce: async () => (await import('./announce.ts')).announce,
  'cold-start': async () => (await import('./cold-start.ts')).coldStart,
  liveness: async () => (await import('./liveness.ts')).liveness,
  repair: async () => (await import('./repair.ts')).repair,
  core: async () => (await import('./core.ts')).core,
  memory: async () => (await import('./memory.ts')).memory,
  metrics: async () => (await import('./metrics.ts')).metrics,
  container: async () => (await import('./container.ts')).container,
  containers: async () => (await import('./containers.ts')).containers,
  allocate: async () => (await import('./allocate.ts')).allocate,
  cni: async () => (await import('./cni.ts')).cni,
  busy: async () => (await import('./busy.ts')).busy,
  page: async () => (await import('./page.ts')).page,
  'start-up': async () => (await import('./start-up.ts')).startUp,
}

process.exitCode = await main()

async function main(): Promise<number> {
  const names = Object.keys(benchmarks)
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: names },
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      hosts: { type: 'string' },
    },
  })
  const unknown = values.only.filter((name) => !names.includes(name))
  if (unknown.length > 0) {
    console.error(`no benchmark ${unknown.join(', ')}: there are ${names.join(', ')}`)
    return 2
  }
  const hosts = values.hosts === undefined ? undefined : Number(values.hosts)
  if (hosts !== undefined && !(Number.isInteger(hosts) && hosts >= 2 && hosts <= 64)) {
    console.error(`--hosts ${values.hosts}: write a number from 2 to 64`)
    return 2
  }
  if (process.getuid?.() !== 0) {
    console.error('the benchmarks make network namespaces: run this as root (sudo)')
    return 1
  }
  const facts = machine()
  const say = (text: string) => console.error(`  ${text}`)
  const reports: Record<string, Report> = {}
  let failures = 0
  for (const name of values.only) {
    console.error(name)
    try {
      const run = await benchmarks[name]?.()
      if (run) reports[name] = await run({ quick: values.quick, say, hosts })
    } catch (error) {
      // The others are worth having all the same.
      failures += 1
      console.error(error)
    }
  }
  if (values.json) console.log(JSON.stringify({ machine: facts, benchmarks: reports }, null, 2))
  else console.log(`${facts.text}\n\n${tableOf(reports)}`)
  return failures > 0 ? 1 : 0
}
