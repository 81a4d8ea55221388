/** The command line as users and scripts meet it: real processes, a real API, a hand-made agent. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { type FakeAgent, healthyView, startFakeAgent, troubledView } from './fake-agent.ts'
import { run, start } from './run.ts'

let agent: FakeAgent
before(async () => {
  agent = await startFakeAgent()
})
after(() => agent.stop())
afterEach(() => {
  agent.view = healthyView()
  agent.result = (command) => ({ ok: true, message: `did ${command.type}` })
  agent.commands.length = 0
})

const cli = (...args: string[]) => run(args, { STARLING_SOCKET: agent.socket })

const width = (text: string): number => Math.max(...text.split('\n').map((line) => line.length))

describe('status', () => {
  test('says in its first line that all is well, and exits with 0', async () => {
    const { code, out, err } = await cli('status')
    assert.deepEqual([code, err], [0, ''])
    assert.equal(
      out.split('\n')[0],
      'OK  a has 172.16.0.0/22, 2 peers agree, 2 of 2 routes are in the kernel',
    )
  })

  test('says first what is wrong and what to do, the gravest first, and exits with 1', async () => {
    agent.view = troubledView()
    const { code, out } = await cli('status')
    assert.equal(code, 1)
    const lines = out.split('\n')
    assert.match(lines[0] ?? '', /^NOT CONVERGED {2}a: /)
    const first = lines.findIndex((line) => line.includes('leases is damaged'))
    assert.match(lines[first] ?? '', /^ {2}error/)
    assert.match(lines[first + 2] ?? '', /-> repair that and start the agent again/)
    assert.match(out, /10\.9\.0\.0\/16 is blocked .* \[route-alien\]$/m)
    assert.ok(first < lines.findIndex((line) => line.includes('10.9.0.0/16')))
    assert.ok(lines.length < 36, 'it fits on a screen')
    assert.ok(width(out) <= 120)
  })

  test('exits with 1 where it has converged and a problem stands', async () => {
    agent.view = {
      ...healthyView(),
      problems: [{ code: 'uplink-missing', lack: { type: 'none' } }],
    }
    const { code, out } = await cli('status')
    assert.equal(code, 1)
    assert.match(out, /^CONVERGED, WITH PROBLEMS/)
  })

  test('says what a joining agent waits for', async () => {
    const { own } = healthyView()
    agent.view = {
      ...healthyView(),
      phase: 'joining',
      own: { ...own, claims: [] },
      convergence: { claimed: false, digestsEqual: true, kernelEqual: true, converged: false },
    }
    const { out } = await cli('status')
    assert.match(out, /NOT CONVERGED {2}a: joining, no peer has answered yet; it has no subnet\n/)
  })

  test('with --wait exits with 0 once converged, whatever problems stand', async () => {
    agent.view = troubledView()
    agent.result = () => {
      agent.view = {
        ...healthyView(),
        problems: [{ code: 'uplink-missing', lack: { type: 'none' } }],
      }
      return { ok: true, message: '' }
    }
    const { code, out } = await cli('status', '--wait', '--timeout', '20')
    assert.equal(code, 0, out)
    assert.ok(agent.commands.every(({ type }) => type === 'probe'))
  })

  test('with --wait exits with 1 at the timeout, and prints the state all the same', async () => {
    agent.view = troubledView()
    const { code, out } = await cli('status', '--wait', '--timeout', '0.1')
    assert.equal(code, 1)
    assert.match(out, /NOT CONVERGED/)
  })

  test('prints nothing that another node could steer the terminal with', async () => {
    const name = '\u001b[2Jevil\u202e\n'
    agent.view = {
      ...healthyView(),
      name,
      problems: [{ code: 'clock-unset', node: agent.view.self, name }],
    }
    for (const command of ['status', 'claims']) {
      const { out } = await cli(command)
      for (const mark of ['\u001b', '\u202e']) assert.ok(!out.includes(mark))
    }
  })
})

describe('lists', () => {
  test('routes shows what is wanted beside what the kernel has, and the state in words', async () => {
    agent.view = troubledView()
    const { code, out } = await cli('routes')
    assert.equal(code, 0)
    const [head = '', ...rows] = out.split('\n')
    assert.deepEqual(head.split(/ {2,}/), ['PREFIX', 'NODE', 'WANTED', 'KERNEL', 'STATE'])
    assert.deepEqual(
      rows.slice(0, 7).map((row) => row.split(/ {2,}/).at(-1)),
      ['in kernel', 'alien in the way', 'missing', 'not on-link', 'refused', 'failed', 'leftover'],
    )
    const kernel = head.indexOf('KERNEL')
    for (const row of rows.slice(0, 7)) assert.equal(row[kernel - 1], ' ', 'columns are aligned')
    assert.match(out, /blocked by a route that is not ours -> inspect it with/)
    assert.ok(width(out) <= 120)
  })

  test('claims says whose each subnet is', async () => {
    const { out } = await cli('claims')
    assert.match(out, /^172\.16\.0\.0\/22 +a \(this node\) +confirmed +winner/m)
    assert.match(out, /^172\.16\.4\.0\/22 +b +confirmed/m)
  })

  test('peers says who is connected, who agrees, who is missed by whom, and full ids', async () => {
    agent.view = troubledView()
    const { out } = await cli('peers')
    assert.match(out, /^b +connected, differs +172\.16\.4\.0\/22 +10\.0\.1\.71:7871 +12D3KooWB2+$/m)
    assert.match(out, /^c +host down [1-9]\d s \(b, d\)/m)
    assert.ok(width(out) <= 120)
  })

  test('long names are shortened before a line is wider than the screen', async () => {
    const [first, ...others] = healthyView().nodes
    assert.ok(first)
    const record = { ...first.record, name: 'n'.repeat(64) }
    agent.view = { ...healthyView(), nodes: [{ ...first, record }, ...others] }
    const { out } = await cli('peers')
    assert.match(out, /n…/)
    assert.ok(width(out) <= 120)
  })

  test('an empty list is said in words', async () => {
    agent.view = { ...healthyView(), routes: [] }
    assert.match((await cli('routes')).out, /^no routes/)
  })
})

describe('changes', () => {
  for (const [args, command] of [
    [['leave'], { type: 'leave', force: false }],
    [['leave', '--force'], { type: 'leave', force: true }],
    [['evict', 'b'], { type: 'evict', node: 'b' }],
    [['purge'], { type: 'purge' }],
    [['resync'], { type: 'resync' }],
  ] as const) {
    test(`${args[0]} asks the agent, prints its answer and exits with 0`, async () => {
      const { code, out, err } = await cli(...args)
      assert.deepEqual([code, out, err], [0, `did ${command.type}\n`, ''])
      assert.deepEqual(agent.commands, [command])
    })
  }

  for (const name of ['announce', 'withdraw'] as const) {
    test(`${name} sends a prefix, and refuses what is none without asking`, async () => {
      assert.equal((await cli(name, '10.9.0.0/16')).code, 0)
      assert.deepEqual(
        agent.commands.map((command) => [command.type, 'prefix' in command && command.prefix.text]),
        [[name, '10.9.0.0/16']],
      )
      const { code, err } = await cli(name, '10.9.1.1/16')
      assert.deepEqual(
        [code, err],
        [2, 'starling: 10.9.1.1/16 has host bits set: write 10.9.0.0/16\n'],
      )
      assert.equal(agent.commands.length, 1)
    })
  }

  test('a refusal is one line, exit code 1, and its code in JSON', async () => {
    agent.result = () => ({ ok: false, code: 'unknown-node', message: 'no node is named z' })
    const { code, out, err } = await cli('evict', 'z', '--json')
    assert.deepEqual([code, err], [1, 'starling: no node is named z\n'])
    assert.deepEqual(JSON.parse(out), {
      error: { code: 'unknown-node', message: 'no node is named z' },
    })
  })
})

describe('watch', () => {
  test('prints events as lines until it is interrupted, and exits with 0', async () => {
    const child = start(['watch'], { STARLING_SOCKET: agent.socket, TZ: 'UTC' })
    const closed = once(child, 'close')
    await once(child.stderr, 'data')
    agent.note({ code: 'uplink-missing', lack: { type: 'none' } })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    assert.match(
      line.toString(),
      /^\d\d:\d\d:\d\d\.\d{3} WARN {2}no interface of this host leads.*\n +-> give an interface an address, or set --interface or --next-hop\n$/,
    )
    child.kill('SIGINT')
    assert.deepEqual(await closed, [0, null])
  })

  test('with --json prints one object per line', async () => {
    const child = start(['watch', '--json'], { STARLING_SOCKET: agent.socket })
    const closed = once(child, 'close')
    await once(child.stderr, 'data')
    agent.note({ code: 'route-drifted', prefix: '172.16.4.0/22', by: 'removed', more: 0 })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const event = JSON.parse(line.toString()) as { code: string; fields: unknown }
    assert.deepEqual(
      [event.code, event.fields],
      ['route-drifted', { prefix: '172.16.4.0/22', by: 'removed', more: 0 }],
    )
    child.kill('SIGTERM')
    assert.deepEqual(await closed, [0, null])
  })

  test('exits with 3 when the agent ends', async () => {
    const other = await startFakeAgent()
    const child = start(['watch'], { STARLING_SOCKET: other.socket })
    const closed = once(child, 'close')
    await once(child.stderr, 'data')
    await other.stop()
    assert.deepEqual(await closed, [3, null])
  })
})

describe('without an agent', { concurrency: 2 }, () => {
  const nowhere = { STARLING_SOCKET: '/nowhere/starling.sock' }

  test('every command says so and exits with 3', async () => {
    const outcomes = await Promise.all(
      [['status'], ['evict', 'b']].map((args) => run(args, nowhere)),
    )
    for (const { code, out, err } of outcomes) {
      assert.deepEqual([code, out], [3, ''])
      assert.match(err, /^starling: no agent listens on \/nowhere\/starling\.sock: start one.*\n$/)
    }
  })

  test('status --wait waits for one to come up, and for one that ends to come back', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'starling-cli-'))
    const socket = join(directory, 'starling.sock')
    const former = createServer().listen(socket)
    const waiting = run(['status', '--wait'], { STARLING_SOCKET: socket })
    const [connection] = (await once(former, 'connection')) as [Socket]
    connection.destroy()
    former.close()
    await once(former, 'close')
    const later = await startFakeAgent(healthyView(), directory)
    try {
      const { code, out, err } = await waiting
      assert.deepEqual([code, err], [0, ''])
      assert.match(out, /^OK /)
    } finally {
      await later.stop()
    }
  })

  test('status --wait says at its timeout how long it waited for one', async () => {
    const { code, out, err } = await run(['status', '--wait', '--timeout', '0.3'], nowhere)
    assert.deepEqual([code, out], [3, ''])
    assert.match(err, /^starling: waited 0\.3 s: no agent listens on \/nowhere\/starling\.sock: /)
  })

  test('purge says how the kernel is cleared by hand', async () => {
    const { code, err } = await run(['purge'], nowhere)
    assert.equal(code, 3)
    assert.match(err, /ip route flush proto 83/)
  })

  test('--json says it in JSON too', async () => {
    const { out } = await run(['status', '--json'], nowhere)
    assert.equal((JSON.parse(out) as { error: { code: string } }).error.code, 'unreachable')
  })
})

describe('usage', { concurrency: 2 }, () => {
  test('an unknown command or option exits with 2 and names the nearest', async () => {
    const command = await run(['statsu'])
    assert.deepEqual([command.code, command.out], [2, ''])
    assert.match(command.err, /unknown command 'statsu'\n\(Did you mean status\?\)/)
    const option = await run(['status', '--jsno'])
    assert.equal(option.code, 2)
    assert.match(option.err, /Did you mean --json\?/)
  })

  test('a missing argument, a surplus one and a bad number exit with 2', async () => {
    for (const args of [['announce'], ['leave', 'now'], ['status', '--timeout', 'soon']]) {
      assert.equal((await run(args)).code, 2, args.join(' '))
    }
  })

  test('help and version exit with 0, and help of agent lists every setting', async () => {
    for (const args of [['--help'], ['--version'], ['help', 'status']]) {
      assert.equal((await run(args)).code, 0, args.join(' '))
    }
    const { code, out } = await run(['agent', '--help'])
    assert.equal(code, 0)
    assert.match(out, /--prefix-length <bits>/)
    assert.match(out, /--cluster-key-file <path>/)
  })

  test('an agent with a wrong configuration does not start, and lists every problem', async () => {
    const { code, out, err } = await run(['agent', '--sed', 'x', '--port', '0'])
    assert.deepEqual([code, out], [2, ''])
    assert.match(err, /^starling: 2 problems in the configuration\n {2}--sed: .*\n {2}--port: /)
  })
})

describe('config', { concurrency: 2 }, () => {
  test('prints every setting with where it comes from', async () => {
    const { code, out } = await run(['config', '--port', '9000'], { STARLING_CLUSTER: 'blue' })
    assert.equal(code, 0)
    assert.match(out, /^port +9000 +flag --port$/m)
    assert.match(out, /^cluster +blue +environment STARLING_CLUSTER$/m)
    assert.match(out, /^metric +0 +default$/m)
    assert.ok(width(out) <= 120)
  })

  test('masks the key', async () => {
    const key = 'c0ffee00'.repeat(8)
    const { out } = await run(['config', '--json'], { STARLING_CLUSTER_KEY: key })
    assert.ok(!out.includes(key))
    assert.ok(out.includes('********'))
  })

  test('lists problems and exits with 2', async () => {
    const { code, out } = await run(['config', '--json', '--port', '0'])
    assert.equal(code, 2)
    const { problems } = JSON.parse(out) as { problems: { where: string }[] }
    assert.deepEqual(
      problems.map(({ where }) => where),
      ['--port'],
    )
  })
})
