/** The attacker's own process: does one attack on what it is told of, then holds what it holds until its input ends. */

import { attacksByBytes } from './attacks-by-bytes.ts'
import { attacksByRecord } from './attacks-by-record.ts'
import { doneLine, type Facts } from './facts.ts'

const facts = JSON.parse(process.argv[2] ?? '{}') as Facts
const attack = { ...attacksByRecord, ...attacksByBytes }[facts.attack]
if (!attack) throw new Error(`there is no attack ${facts.attack}`)

process.stdin.resume().once('end', () => process.exit(0))
// Its victims close what it holds open: a library that says so nowhere else must not end the attack.
process.on('unhandledRejection', (reason) => console.error(`attack: ${String(reason)}`))
process.on('uncaughtException', (error) => console.error(`attack: ${error.message}`))
await attack(facts).catch((error: unknown) => console.error(`attack: ${String(error)}`))
console.log(doneLine)
