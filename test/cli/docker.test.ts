/** `starling docker network`: a real process, a real API, a hand-made agent and a hand-made dockerd. */

import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { AgentView } from '../../src/core/view.ts'
import { type FakeAgent, healthyView, prefixOf, startFakeAgent } from './fake-agent.ts'
import { type FakeEngine, startFakeEngine } from './fake-engine.ts'
import { type Outcome, run } from './run.ts'

let agent: FakeAgent
let engine: FakeEngine
before(async () => {
  agent = await startFakeAgent()
  engine = await startFakeEngine()
})
after(async () => {
  await engine.stop()
  await agent.stop()
})
afterEach(() => {
  agent.view = healthyView()
  engine.version = '20.10.24+dfsg1'
  engine.networks = []
  engine.refusal = ''
  engine.raw = ''
})

const cli = (...words: string[]): Promise<Outcome> =>
  run(['docker', 'network', ...words], {
    STARLING_SOCKET: agent.socket,
    DOCKER_HOST: engine.host,
  })

function viewWith(...subnets: readonly string[]): AgentView {
  const view = healthyView()
  const [claim] = view.own.claims
  assert.ok(claim)
  const claims = subnets.map((text) => ({ ...claim, prefix: prefixOf(text) }))
  return { ...view, own: { ...view.own, claims } }
}

async function fails(outcome: Promise<Outcome>, code: number, why: RegExp): Promise<void> {
  const { code: exitCode, err, out } = await outcome
  assert.equal(exitCode, code, err)
  assert.match(err, why)
  assert.equal(err.trim().split('\n').length, 1)
  assert.equal(out, '')
}

const bridge = 'com.docker.network.bridge'

describe('starling docker network', () => {
  test('makes the network on the bridge and the subnet of the agent, once', async () => {
    const { code, out, err } = await cli('pods')
    assert.deepEqual([code, err], [0, ''])
    assert.match(out, /^network pods gives containers addresses of 172\.16\.0\.0\/22: docker run/)
    const wanted = {
      Name: 'pods',
      Driver: 'bridge',
      CheckDuplicate: true,
      EnableIPv6: false,
      IPAM: { Driver: 'starling', Config: [{ Subnet: '172.16.0.0/22' }] },
      Options: { [`${bridge}.name`]: 'starling0', [`${bridge}.enable_ip_masquerade`]: 'false' },
    }
    assert.deepEqual(engine.networks, [wanted])
    const again = await cli('pods')
    assert.deepEqual([again.code, again.err], [0, ''])
    assert.match(again.out, /^network pods already exists, as it should be/)
    assert.equal(engine.networks.length, 1)
  })

  test('opens all ports to other hosts from Docker 28 on, and IPv6 where there is a subnet', async () => {
    agent.view = viewWith('172.16.0.0/22', 'fd00:10::/64')
    const modes = async (version: string) => {
      engine.version = version
      engine.networks = []
      assert.equal((await cli('pods')).code, 0)
      const [made] = engine.networks as {
        EnableIPv6: boolean
        IPAM: object
        Options: Record<string, string>
      }[]
      assert.equal(made?.EnableIPv6, true)
      assert.deepEqual(made.IPAM, {
        Driver: 'starling',
        Config: [{ Subnet: '172.16.0.0/22' }, { Subnet: 'fd00:10::/64' }],
      })
      return [
        made.Options[`${bridge}.gateway_mode_ipv4`],
        made.Options[`${bridge}.gateway_mode_ipv6`],
      ]
    }
    for (const version of ['20.10.24+dfsg1', '26.1.4', '27.5.1'])
      assert.deepEqual(await modes(version), [undefined, undefined], version)
    for (const version of ['28.0.0', '28.5.2', '29.0.0-rc.1'])
      assert.deepEqual(await modes(version), ['nat-unprotected', 'nat-unprotected'], version)
  })

  test('prints the command that does the same', async () => {
    engine.version = '28.2.2'
    agent.view = viewWith('172.16.8.0/22', 'fd00:10::/64')
    const { code, out } = await cli('pods', '--print')
    assert.equal(code, 0)
    assert.equal(
      out.trim(),
      'docker network create --driver bridge --ipam-driver starling --ipv6 --subnet 172.16.8.0/22 --subnet fd00:10::/64 ' +
        `--opt ${bridge}.name=starling0 --opt ${bridge}.enable_ip_masquerade=false ` +
        `--opt ${bridge}.gateway_mode_ipv4=nat-unprotected --opt ${bridge}.gateway_mode_ipv6=nat-unprotected pods`,
    )
    assert.deepEqual(engine.networks, [])
  })

  test('says how a network of that name differs, and leaves it alone', async () => {
    await cli('pods')
    const right = engine.networks[0]
    const cases: readonly (readonly [object, RegExp])[] = [
      [{ Driver: 'macvlan' }, /its driver is macvlan and must be bridge: docker network rm pods/],
      [{ IPAM: { Driver: 'default', Config: [] } }, /its IPAM driver is default and must be starl/],
      [
        { IPAM: { Driver: 'starling', Config: [{ Subnet: '172.16.4.0/22' }] } },
        /its subnet is 172\.16\.4\.0\/22 and must be 172\.16\.0\.0\/22/,
      ],
      [{ Options: {} }, /its option .*bridge\.name is not set and must be starling0/],
      [{ Options: null }, /its option .*bridge\.name is not set/],
      [{ EnableIPv6: true }, /its address family is IPv4 and IPv6 and must be IPv4/],
    ]
    for (const [change, why] of cases) {
      engine.networks = [{ ...right, ...change }]
      await fails(cli('pods'), 1, why)
      assert.equal(engine.networks.length, 1)
    }
  })

  test('makes no second network for the same bridge or subnet', async () => {
    await cli('pods')
    await fails(
      cli('others'),
      1,
      /network pods already has this host's bridge or subnet.*docker run --network pods/,
    )
    assert.equal(engine.networks.length, 1)
    engine.networks = [
      { Name: 'bridge', Driver: 'bridge', IPAM: { Config: [{ Subnet: '172.17.0.0/16' }] } },
      { Name: 'host', Driver: 'host', IPAM: { Driver: 'default', Config: null }, Options: null },
    ]
    assert.equal((await cli('others')).code, 0, "Docker's own networks are no obstacle")
  })

  test('without IPv4 needs Docker 28', async () => {
    agent.view = viewWith('fd00:10::/64')
    await fails(cli('pods'), 1, /no IPv4 subnet, which Docker 20\.10\.24.* needs: use Docker 28/)
    engine.version = '28.0.0'
    assert.equal((await cli('pods')).code, 0)
    const [made] = engine.networks as { EnableIPv4: boolean }[]
    assert.equal(made?.EnableIPv4, false)
  })

  test('needs a confirmed subnet, a bridge and an agent', async () => {
    agent.view = viewWith()
    await fails(cli('pods'), 1, /no confirmed subnet yet: starling status/)
    agent.view = { ...healthyView(), bridge: '' }
    await fails(cli('pods'), 1, /manages no bridge: start it without --bridge none/)
    await fails(cli('pods', '--socket', '/nowhere/a.sock'), 3, /no agent listens on/)
    assert.deepEqual(engine.networks, [])
  })

  test('says what keeps Docker from answering, and what to do', async () => {
    await fails(
      cli('pods', '--docker-host', 'unix:///nowhere/docker.sock'),
      1,
      /no Docker runs on \/nowhere\/docker\.sock: start it, or name its socket/,
    )
    await fails(cli('pods', '--docker-host', 'tcp://10.0.0.1:2375'), 2, /is not on this host/)
    await fails(cli('a/b'), 2, /"a\/b" is not a network name/)
    engine.raw = '<html>'
    await fails(cli('pods'), 1, /what answers is no Docker: <html>/)
  })

  test("passes on Docker's refusal, and says where the driver comes from", async () => {
    engine.refusal = 'Pool overlaps with other one on this address space'
    await fails(cli('pods'), 1, /Docker refuses network pods: Pool overlaps/)
    engine.refusal = 'legacy plugin: plugin not found'
    await fails(cli('pods'), 1, /not found: start the agent with --docker-plugin \/run\/docker/)
  })

  test('tells as JSON what it did', async () => {
    const { out } = await cli('pods', '--json')
    const answer = JSON.parse(out) as { network: string; created: boolean; command: string }
    assert.deepEqual([answer.network, answer.created], ['pods', true])
    assert.match(answer.command, /^docker network create .* pods$/)
    const refused = await cli('others', '--json')
    assert.equal(
      (JSON.parse(refused.out) as { error: { code: string } }).error.code,
      'bridge-in-use',
    )
  })
})
