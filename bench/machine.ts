/** Where figures were measured. */

import { cpus, loadavg, release } from 'node:os'

export interface Machine {
  readonly cores: number
  readonly cpu: string
  readonly kernel: string
  readonly node: string
  /** Of the minute before the benchmarks. */
  readonly load: number
  readonly text: string
}

export function machine(): Machine {
  const cores = cpus().length
  const cpu = cpus()[0]?.model.trim() ?? 'unknown'
  const [load = Number.NaN] = loadavg()
  const node = process.versions.node
  const kernel = release()
  const text = `${cores} cores (${cpu}), Linux ${kernel}, Node ${node}, load ${load.toFixed(1)}`
  return { cores, cpu, kernel, node, load, text }
}
