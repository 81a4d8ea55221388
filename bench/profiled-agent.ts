#!/usr/bin/env -S node --max-semi-space-size=1 --v8-pool-size=1
/**
 * Takes the place of `starling.ts` in a lab and profiles its CPU: SIGUSR2 writes the profile into
 * `BENCH_PROFILES`, the next one begins another. `BENCH_PROGRAM` names another starling than the sources, such as dist's.
 */

import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { join } from 'node:path'

const { BENCH_PROFILES: directory = '/tmp', BENCH_PROGRAM: program } = process.env
const name = process.argv[process.argv.indexOf('--name') + 1] ?? process.pid

const session = new Session()
session.connect()
session.post('Profiler.enable')
session.post('Profiler.setSamplingInterval', { interval: 200 })
let running = false
const toggle = () => {
  if (running) {
    running = false
    session.post('Profiler.stop', (error, result) => {
      if (error) throw error
      writeFileSync(
        join(directory, `${name}-${Date.now()}.cpuprofile`),
        JSON.stringify(result.profile),
      )
    })
  } else {
    running = true
    session.post('Profiler.start')
  }
}
// From the first instruction on; each SIGUSR2 ends a profile or begins the next.
toggle()
process.on('SIGUSR2', toggle)

await import(program ?? '../src/starling.ts')
