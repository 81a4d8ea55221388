/** What the host's programs say, where they are there. */

import { execFile } from 'node:child_process'
import { asRoot, codeOf, type Fact, known, unknown } from './fact.ts'

/** The package of Debian, and of most others, that brings a program. */
const packages = { ip: 'iproute2', nft: 'nftables', iptables: 'iptables', ip6tables: 'iptables' }

/** Standard output of a program that reads. */
export function ask(program: string, ...args: readonly string[]): Promise<Fact<string>> {
  return new Promise((resolve) => {
    execFile(
      program,
      args,
      { env, timeout: 10_000, maxBuffer: bytesMax },
      (error, out, complaint) => resolve(error ? failure(program, error, complaint) : known(out)),
    )
  })
}

function failure(program: string, error: Error, complaint: string): Fact<never> {
  if (codeOf(error) === 'ENOENT') {
    const [name = program] = program.split('-')
    const brings = packages[name as keyof typeof packages] ?? name
    return unknown(`the program ${program} is not there`, `apt-get install ${brings}`)
  }
  const [first = ''] = complaint.trim().split('\n')
  return unknown(`${program} fails: ${first || error.message}`, asRoot)
}

/** A host with thousands of services has megabytes of rules. */
const bytesMax = 64 * 1_048_576

/** Where administrators' programs are, and the language that is parsed. */
const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' }
