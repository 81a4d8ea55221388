/** Help of commands and of codes, and what `starling` alone says. */

import assert from 'node:assert/strict'
import { after, before, describe, mock, test } from 'node:test'
import type { Command } from 'commander'
import { createProgram } from '../../src/cli/cli.ts'
import { examples } from '../../src/cli/examples.ts'
import { codeNames, help } from '../../src/cli/help.ts'
import { describeSettings } from '../../src/cli/settings-help.ts'
import { codeNamed } from '../../src/core/codes/codes.ts'
import { failureNamed } from '../../src/core/codes/failures.ts'
import { problemCodes } from '../../src/core/problem.ts'
import { type FakeAgent, startFakeAgent } from './fake-agent.ts'
import { run } from './run.ts'

describe('the examples in the help of commands', () => {
  test('are there for every command, and for no other', () => {
    const names = [...leaves(createProgram({ code: 0 }))].map(([name]) => name)
    assert.deepEqual(
      [...examples.keys()].sort(),
      names.filter((name) => name !== 'complete').sort(),
    )
  })

  test('are command lines that the command takes', async () => {
    for (const [name, own] of examples)
      for (const { line } of own) assert.equal(await takerOf(line), name, line)
  })

  test('stand in the help of the command, and the first of each in that of its group', async () => {
    const [command, group] = await Promise.all([
      run(['ip', 'release', '--help']),
      run(['help', 'ip']),
    ])
    for (const { out } of [command, group]) {
      assert.match(
        out,
        /\nExamples:\n(.*\n)* {2}# All that vm1 has:\n {2}starling ip release vm1\n/,
      )
    }
    assert.match(group.out, /\n {2}starling ip adopt\n/)
  })
})

describe('starling help CODE', () => {
  test('says of every code what it means and what to do', () => {
    for (const name of codeNames) {
      const text = helpOf(name)
      for (const { meaning } of [codeNamed(name), failureNamed(name)].filter(
        (each) => each !== undefined,
      ))
        assert.ok(text.replace(/\s+/g, ' ').includes(meaning), name)
    }
  })

  test('says of every problem what causes, shows and mends it', () => {
    for (const name of problemCodes) {
      assert.match(helpOf(name), /^Cause {2}\S.*\n(.*\n)*Check {2}\S.*\n(.*\n)*Mend {3}\S/m, name)
    }
  })

  test('names the nearest code or command where there is none', async () => {
    assert.deepEqual(await run(['help', 'route-aleins']), {
      code: 2,
      out: '',
      err: 'starling: there is no command and no code route-aleins\n(Did you mean route-alien?)\n',
    })
  })
})

describe('starling alone', () => {
  let agent: FakeAgent
  before(async () => {
    agent = await startFakeAgent()
  })
  after(() => agent.stop())

  test('says how to start where no agent runs, and what to look at where one does', async () => {
    const [without, beside] = await Promise.all(
      ['/nowhere/starling.sock', agent.socket].map((socket) =>
        run([], { STARLING_SOCKET: socket }),
      ),
    )
    assert.match(without?.out ?? '', /^ {2}starling agent --seed HOST /m)
    assert.match(beside?.out ?? '', /^ {2}starling status /m)
    assert.doesNotMatch(beside?.out ?? '', /starling agent/)
    for (const outcome of [without, beside]) {
      assert.deepEqual([outcome?.code, outcome?.err], [0, ''])
      const lines = outcome?.out.split('\n') ?? []
      assert.ok(lines.length <= 12 && lines.every((line) => line.length <= 100))
    }
  })
})

function helpOf(name: string): string {
  const log = mock.method(console, 'log', () => undefined)
  try {
    assert.equal(help(createProgram({ code: 0 }), [name]), 0)
    return log.mock.calls.map(({ arguments: words }) => words.join(' ')).join('\n')
  } finally {
    log.mock.restore()
  }
}

/** The name of the command that takes `line`, as a shell would run it. */
async function takerOf(line: string): Promise<string> {
  const [, own = ''] = /\bstarling (.*?)(?: [<>|] .*|\)"|$)/.exec(line) ?? []
  const words = own.match(/'[^']*'|\S+/g)?.map((word) => word.replace(/^'(.*)'$/, '$1')) ?? []
  const program = createProgram({ code: 0 })
  describeSettings(program)
  let taken = ''
  for (const [name, command] of leaves(program)) {
    command.exitOverride().action(() => {
      taken = name
    })
  }
  await program.parseAsync(words, { from: 'user' })
  return taken
}

function* leaves(command: Command, above = ''): Generator<[string, Command]> {
  for (const each of command.commands) {
    const name = `${above}${each.name()}`
    if (each.commands.length > 0) yield* leaves(each, `${name} `)
    else yield [name, each]
  }
}
