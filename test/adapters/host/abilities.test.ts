/** What an agent says that it cannot do, by what it is let see of a real kernel. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { describe, it } from 'node:test'
import type { Inability } from '../../../src/adapters/host/abilities.ts'
import { inNamespace } from '../netlink/in-namespace.ts'

const module = new URL('../../../src/adapters/host/abilities.ts', import.meta.url).pathname

// What is mounted over /proc is seen here alone.
if (await inNamespace(import.meta.url, '--mount')) describe('what an agent cannot do', suite)

function suite(): void {
  it('is nothing where it may look at every process', { skip: !isFirst() }, () => {
    assert.equal(blindness(), undefined)
  })

  it('is to notice that containers without names are gone, where it may not look at processes', () => {
    const mend = blindness('setpriv', '--bounding-set=-sys_ptrace,-sys_admin')?.mend
    assert.match(mend ?? '', isFirst() ? /CAP_SYS_PTRACE.*ProtectProc=default/ : /--pid host/)
  })

  it('is the same where processes of others are hidden, as the unit of systemd has it', () => {
    run('mount', '-t', 'proc', '-o', 'hidepid=2', 'proc', '/proc')
    try {
      assert.ok(blindness('setpriv', '--bounding-set=-all,+net_admin,+chown'))
    } finally {
      run('umount', '/proc')
    }
  })

  it('is the same in a process namespace of its own, as a container has it', () => {
    const mend = blindness('unshare', '--pid', '--fork', '--mount-proc')?.mend
    assert.match(mend ?? '', /--pid host/)
  })
}

const run = (program: string, ...words: string[]): string =>
  execFileSync(program, words, { encoding: 'utf8' })

/** A machine that is a container itself never has the first namespace. */
function isFirst(): boolean {
  return readlinkSync('/proc/self/ns/pid') === 'pid:[4026531836]'
}

/** To processes: of an agent that is started by `within`. */
function blindness(...within: string[]): Inability | undefined {
  const program = `import { readInabilities } from ${JSON.stringify(module)}
    console.log(JSON.stringify(await readInabilities()))`
  const node = [process.execPath, '--input-type=module', '--eval', program]
  const [first = '', ...words] = [...within, ...node]
  const found: Inability[] = JSON.parse(run(first, ...words))
  return found.find(({ code }) => code === 'see-processes')
}
