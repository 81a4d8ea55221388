/** What real shells complete, by the scripts that `starling completion` prints. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { createProgram } from '../../src/cli/cli.ts'
import { wordsFor } from '../../src/cli/completion/complete.ts'
import { completionScript } from '../../src/cli/completion/completion.ts'
import type { Asked } from '../../src/cli/completion/grammar.ts'
import { type FakeAgent, healthyView, prefixOf, startFakeAgent } from './fake-agent.ts'
import { run as start } from './run.ts'

const run = promisify(execFile)

/** Lines, each with what is proposed for its last word. */
const cases: readonly (readonly [line: string, proposed: readonly string[]])[] = [
  ['starling sta', ['status']],
  ['starling ip ', ['adopt', 'allocate', 'list', 'release']],
  ['starling ip adopt --', ['--from', '--help', '--json', '--socket']],
  ['starling agent --cluster ', []],
  ['starling status --timeout 5 --w', ['--wait']],
  ['starling agent --log-level ', ['debug', 'error', 'info', 'trace', 'warn']],
  ['starling config --cni-c', ['--cni-conf-dir']],
  ['starling cni install --bin-dir /usr/li', ['/usr/lib', '/usr/lib64', '/usr/libexec']],
  ['starling admin show /etc/debian_v', ['/etc/debian_version']],
  ['starling help route-a', ['route-alien']],
  ['starling completion ', ['bash', 'fish', 'zsh']],
  ['starling evict ', ['h2', 'h3']],
  ['starling explain 172.16.4', ['172.16.4.0/22']],
  ['starling explain fd00:', ['fd00:5::/48']],
  ['starling withdraw --json fd', ['fd00:5::/48']],
  ['starling withdraw --socket /nowhere ', []],
]

const shells = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof shells)[number]

describe('the script of starling completion', { concurrency: true }, () => {
  let directory: string

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'starling-completion-'))
    await writeFile(join(directory, 'starling'), standIn, { mode: 0o755 })
    for (const shell of shells) {
      const script = completionScript(createProgram({ code: 0 }), shell)
      await writeFile(join(directory, `starling.${shell}`), script)
    }
  })
  after(() => rm(directory, { recursive: true }))

  for (const shell of shells) {
    test(`lets ${shell} know commands, options, files, codes, and what the agent knows`, async () => {
      const lines = cases.map(([line]) => line)
      const proposed = await drivers[shell](directory, lines)
      assert.deepEqual(
        cases.map(([line], at) => [line, seen(proposed[at] ?? '')]),
        cases.map(([line, words]) => [line, words.map((word) => inShell(shell, line, word))]),
      )
    })
  }

  test('lets bash propose nothing where a command takes nothing more', async () => {
    assert.deepEqual(await drivers.bash(directory, ['starling status ']), [''])
  })
})

/** In place of `starling`, so that a key costs no start of Node here. */
const standIn = `#!/bin/sh
case "$*" in
*/nowhere*) exit ;;
'complete nodes -- starling evict'*) printf 'h2\\nh3\\n' ;;
'complete places -- starling explain'*) printf 'h2\\n172.16.4.0/22\\nfd00:5::/48\\n' ;;
'complete announced -- starling withdraw'*) printf 'fd00:5::/48\\n$(touch evil)\\n' ;;
*) echo "$*" >&2 ;;
esac
`

describe('starling complete', () => {
  let agent: FakeAgent
  before(async () => {
    const healthy = healthyView()
    const [own] = healthy.nodes
    assert.ok(own)
    const named = (name: string) => ({ ...own, record: { ...own.record, name } })
    agent = await startFakeAgent({
      ...healthy,
      own: { ...healthy.own, extras: [prefixOf('fd00:5::/48')] },
      nodes: [...healthy.nodes, named('$(touch evil)'), named('-rf'), named('a b')],
    })
  })
  after(() => agent.stop())

  const words = (what: Asked, line = ['starling', '--socket', agent.socket]) =>
    wordsFor(what, line, 20_000)

  test('prints names and prefixes, and none that a shell would obey', async () => {
    assert.deepEqual(await words('nodes'), ['b', 'c'])
    assert.deepEqual(await words('announced'), ['fd00:5::/48'])
    assert.ok((await words('places')).includes('172.16.4.0/22'))
    assert.ok(!(await words('places')).some((word) => /evil|rf|a b/.test(word)))
  })

  test('finds the socket in the line', async () => {
    assert.deepEqual(await words('nodes', ['starling', `--socket=${agent.socket}`]), ['b', 'c'])
  })

  test('is silent where no agent runs, and ends well', async () => {
    const env = { STARLING_SOCKET: '/nowhere/starling.sock' }
    const outcome = await start(['complete', 'nodes', '--', 'starling', 'evict', ''], env)
    assert.deepEqual(outcome, { code: 0, out: '', err: '' })
  })
})

/** What the shell puts in place of what it replaces. */
function inShell(shell: Shell, line: string, word: string): string {
  // bash replaces no more than what follows a colon.
  if (shell === 'bash') return line.endsWith(':') ? word.slice(word.indexOf(':') + 1) : word
  if (!/ \/[^ ]*$/.test(line)) return word
  // Of a path zsh names the last part; fish marks directories.
  if (shell === 'zsh') return word.slice(word.lastIndexOf('/') + 1)
  return line.includes('-dir') ? `${word}/` : word
}

const seen = (words: string): string[] => [...new Set(words.split(' ').filter(Boolean))].sort()

type Driver = (directory: string, lines: readonly string[]) => Promise<string[]>

/** Each resolves with what is proposed for each line. */
const drivers: Readonly<Record<Shell, Driver>> = {
  bash: async (directory, lines) => {
    // What bash does at a TAB, but for the key.
    const script = `source ${directory}/starling.bash
      [[ $(complete -p starling) == 'complete -F _starling starling' ]] || exit 1
      for COMP_LINE in "$@"; do
        COMP_POINT=\${#COMP_LINE}; _starling starling; echo "\${COMPREPLY[*]}"
      done`
    return lined(await run('bash', ['--norc', '-c', script, 'bash', ...lines], options(directory)))
  },
  fish: async (directory, lines) => {
    const script = `source ${directory}/starling.fish
      for line in $argv; echo (complete -C "$line" | string split -f1 \\t); end`
    return lined(await run('fish', ['--no-config', '-c', script, ...lines], options(directory)))
  },
  zsh: async (directory, lines) => {
    const home = await mkdtemp(join(directory, 'zsh-'))
    const quoted = lines.map((line) => `'${line}'`).join(' ')
    // Completion lives in the line editor alone, and that needs a terminal.
    const rc = `autoload -Uz compinit && compinit -u -D && source ${directory}/starling.zsh
      compadd() {
        if [[ " \${(j: :)@[1,(i)(-|--)]} " == *" -"[OAD]" "* ]]; then builtin compadd "$@"; return; fi
        local -a hits; builtin compadd -A hits "$@"; seen+=($hits); builtin compadd "$@"
      }
      zle-line-init() {
        local -a seen
        for BUFFER in ${quoted}; do
          CURSOR=$#BUFFER seen=(); zle list-choices; print -r -- "$seen" >> ${home}/found
        done
        exit
      }
      zle -N zle-line-init`
    await writeFile(join(home, '.zshrc'), rc)
    const { env, ...others } = options(directory)
    await run('script', ['--quiet', '--command', 'zsh -d -i', '/dev/null'], {
      ...others,
      env: { ...env, ZDOTDIR: home, TERM: 'xterm' },
    })
    return lined(await run('cat', [join(home, 'found')]))
  },
}

const options = (directory: string) => ({
  cwd: directory,
  timeout: 60_000,
  env: { ...process.env, PATH: `${directory}:${process.env.PATH}` },
})

function lined({ stdout, stderr }: { stdout: string; stderr: string }): string[] {
  assert.equal(stderr, '')
  return stdout.replace(/\n$/, '').split('\n')
}
