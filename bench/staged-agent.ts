#!/usr/bin/env -S node --max-semi-space-size=1 --v8-pool-size=1
/**
 * Takes the place of `starling.ts` in a lab and notes when an announcement passes which point of the agent. Written beside
 * its state directory when the agent ends. It wraps methods where they are shared by all instances; the agent's code is as it is.
 */

import { writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { now } from '../simulations/lab/observer.ts'
import { Gossip } from '../src/adapters/libp2p/gossip.ts'
import { RouteWriter } from '../src/adapters/netlink/route-writer.ts'
import { DurableFile } from '../src/adapters/store/durable-file.ts'
import { Agent } from '../src/core/agent.ts'
import { type Passed, type Point, stagesFile } from './passed.ts'

/** Of the newest; more than one run's announcements make. */
const passedMax = 100_000

const passed: Passed[] = []
const pass = (point: Point, at = now()) => {
  if (passed.length < passedMax) passed.push([point, at])
}
let heardAt = 0

const { push } = Socket.prototype
Socket.prototype.push = function (this: Socket, ...words) {
  heardAt = now()
  return push.apply(this, words)
}

const { step } = Agent.prototype
Agent.prototype.step = function (this: Agent, event, at) {
  if (event.type === 'command') pass('commanded')
  if (event.type !== 'gossip-received') return step.call(this, event, at)
  pass('arrived', heardAt)
  pass('stepping')
  const effects = step.call(this, event, at)
  pass('stepped')
  return effects
}

const { replace } = DurableFile.prototype
DurableFile.prototype.replace = async function (this: DurableFile, encode) {
  pass('persisting')
  await replace.call(this, encode)
  pass('persisted')
}

const { publish } = Gossip.prototype
Gossip.prototype.publish = function (this: Gossip, entry) {
  pass('publishing')
  publish.call(this, entry)
}

const { write } = RouteWriter.prototype
RouteWriter.prototype.write = async function (this: RouteWriter, changes) {
  pass('writing')
  const written = await write.call(this, changes)
  pass('written')
  return written
}

process.on('exit', () => {
  const state = process.argv[process.argv.indexOf('--state-dir') + 1] ?? ''
  writeFileSync(join(dirname(state), stagesFile), JSON.stringify(passed))
})

await import('../src/starling.ts')
