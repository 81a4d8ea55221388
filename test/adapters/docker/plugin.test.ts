/** The plugin socket: every call of Docker's IPAM protocol, and everything that is no such call. */

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, describe, test } from 'node:test'
import { listenOnSocket } from '../../../src/adapters/api/socket.ts'
import { type DockerDoor, openDockerDoor } from '../../../src/adapters/docker/door.ts'
import type { Trouble } from '../../../src/core/event.ts'
import { address } from '../../../src/core/ip/address.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import { prefixOf, realClock } from '../../cli/fake-agent.ts'
import { FakeOperator } from './fake-operator.ts'

const directory = mkdtempSync(join(tmpdir(), 'starling-docker-'))
after(() => rmSync(directory, { recursive: true }))

const pool = '172.16.8.0/22'
const pool6 = 'fd00:10:0:1::/64'
const mac = '02:42:ac:10:08:02'
const gatewayType = { RequestAddressType: 'com.docker.network.gateway' }
const macOption = (value: string) => ({ 'com.docker.network.endpoint.macaddress': value })

let socket = ''
let sockets = 0
let operator: FakeOperator
let door: DockerDoor | undefined
const troubles: Trouble[] = []

beforeEach(() => {
  sockets += 1
  socket = join(directory, `${sockets}`, 'plugins', 'starling.sock')
  operator = new FakeOperator(prefixOf(pool), prefixOf(pool6))
  troubles.length = 0
})
afterEach(() => door?.close())

async function open(clock: Clock = realClock): Promise<void> {
  door = await openDockerDoor({
    listen: (server) => listenOnSocket(server, socket, '--docker-plugin'),
    operator,
    clock,
    tell: (trouble) => troubles.push(trouble),
  })
}

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** `body`: as it is where it is a text, else as JSON. */
function post(call: string, body: unknown = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ socketPath: socket, path: `/${call}`, method: 'POST' }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          body: JSON.parse(Buffer.concat(chunks).toString()),
        }),
      )
    })
    sent.on('error', reject)
    sent.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
}

async function done(call: string, body: unknown = {}): Promise<Answer['body']> {
  const answer = await post(`IpamDriver.${call}`, body)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return answer.body
}

async function refused(call: string, body: unknown, why: RegExp): Promise<void> {
  const answer = await post(`IpamDriver.${call}`, body)
  assert.equal(answer.status, 500)
  assert.match(String(answer.body.Err), /^starling: /)
  assert.match(String(answer.body.Err), why)
}

const requestAddress = (options: object, rest: object = {}) =>
  done('RequestAddress', { PoolID: pool, Address: '', Options: options, ...rest })

describe('the driver', () => {
  beforeEach(() => open())

  test('says what it is, what it needs and which address space it has', async () => {
    assert.deepEqual(await post('Plugin.Activate'), {
      status: 200,
      body: { Implements: ['IpamDriver'] },
    })
    assert.deepEqual(await done('GetCapabilities'), {
      RequiresMACAddress: true,
      RequiresRequestReplay: true,
    })
    const spaces = await done('GetDefaultAddressSpaces', '')
    assert.equal(spaces.LocalDefaultAddressSpace, spaces.GlobalDefaultAddressSpace)
  })

  test("serves the host's own subnets with their gateways, again and again alike", async () => {
    const v4 = { PoolID: pool, Pool: pool, Data: { 'com.docker.network.gateway': '172.16.8.1/22' } }
    assert.deepEqual(await done('RequestPool', { Pool: pool, V6: false }), v4)
    assert.deepEqual(await done('RequestPool', { Pool: pool, Options: null, SubPool: '' }), v4)
    assert.deepEqual(await done('RequestPool', { Pool: pool6, V6: true }), {
      PoolID: pool6,
      Pool: pool6,
      Data: { 'com.docker.network.gateway': 'fd00:10:0:1::1/64' },
    })
    assert.deepEqual(await done('ReleasePool', { PoolID: pool }), {})
    assert.deepEqual(await done('ReleasePool', { PoolID: 'long ago' }), {})
    assert.deepEqual(operator.commands, [])
  })

  test('refuses at once what would make Docker ask for ever, and says what to do', async () => {
    await refused('RequestPool', { Pool: '' }, /starling docker network NAME/)
    await refused('RequestPool', {}, /starling docker network NAME/)
    await refused(
      'RequestPool',
      { Pool: '10.0.0.0/24' },
      /10\.0\.0\.0\/24 is not this host's subnet, which is 172\.16\.8\.0\/22, fd00.*starling docker network/,
    )
    await refused('RequestPool', { Pool: '172.16.8.0/23' }, /is not this host's subnet/)
    await refused('RequestPool', { Pool: '172.16.8.1/22' }, /is no subnet/)
    await refused('RequestPool', { Pool: pool6, V6: false }, /no subnet of IPv4/)
    await refused('RequestPool', { Pool: pool, V6: true }, /no subnet of IPv6/)
    await refused('RequestPool', { Pool: pool, SubPool: '172.16.9.0/24' }, /leave --ip-range out/)
  })

  test('grants one address for each MAC address, however often it is asked', async () => {
    const first = await requestAddress(macOption(mac))
    assert.deepEqual(first, { Address: '172.16.8.2/22', Data: {} })
    assert.deepEqual(await requestAddress(macOption(mac.toUpperCase())), first)
    assert.deepEqual(await requestAddress(macOption('02:42:ac:10:08:03')), {
      Address: '172.16.8.3/22',
      Data: {},
    })
    const [lease] = operator.leases.values()
    assert.deepEqual(lease?.attachment, { door: 'docker', network: pool, id: mac, ifname: '' })
    assert.equal(lease?.mac, mac)
  })

  test('grants an address of each family to one MAC address', async () => {
    await requestAddress(macOption(mac))
    const sixth = await requestAddress(macOption(mac), { PoolID: pool6 })
    assert.deepEqual(sixth, { Address: 'fd00:10:0:1::2/64', Data: {} })
  })

  test('grants the address that is asked for, or refuses it', async () => {
    const wanted = { Address: '172.16.8.77' }
    assert.equal((await requestAddress(macOption(mac), wanted)).Address, '172.16.8.77/22')
    assert.equal((await requestAddress(macOption(mac), wanted)).Address, '172.16.8.77/22')
    const other = { PoolID: pool, Options: macOption('02:42:ac:10:08:09'), ...wanted }
    await refused('RequestAddress', other, /172\.16\.8\.77 is taken/)
  })

  test('grants auxiliary addresses, and what Docker asks for again without its MAC address', async () => {
    const auxiliary = { Address: '172.16.8.9' }
    for (const options of [{}, null])
      assert.equal((await requestAddress(options as object, auxiliary)).Address, '172.16.8.9/22')
    assert.equal(operator.leases.get('172.16.8.9')?.attachment.id, '172.16.8.9')
    const { Address } = await requestAddress(macOption(mac))
    const again = await requestAddress({}, { Address: String(Address).split('/')[0] })
    assert.equal(again.Address, Address)
    assert.equal(operator.leases.size, 2)
    await done('ReleaseAddress', { PoolID: pool, Address: '172.16.8.9' })
    assert.equal(operator.leases.size, 1)
  })

  test('gives the gateway as often as it is asked for, and takes it back in peace', async () => {
    assert.equal((await requestAddress(gatewayType)).Address, '172.16.8.1/22')
    const named = { Address: '172.16.8.1' }
    assert.equal((await requestAddress(gatewayType, named)).Address, '172.16.8.1/22')
    const other = { PoolID: pool, Options: gatewayType, Address: '172.16.8.254' }
    await refused(
      'RequestAddress',
      other,
      /the gateway of .* is 172\.16\.8\.1: leave --gateway out/,
    )
    assert.deepEqual(await done('ReleaseAddress', { PoolID: pool, Address: '172.16.8.1' }), {})
    assert.deepEqual(operator.commands, [])
  })

  test('names the lease after the endpoint', async () => {
    await requestAddress({ ...macOption(mac), 'com.docker.network.endpoint.name': 'web' })
    assert.equal(operator.leases.get('172.16.8.2')?.name, 'web')
  })

  test('releases what it granted, and what nobody holds', async () => {
    await requestAddress(macOption(mac))
    for (const Address of ['172.16.8.2', '172.16.8.2', '172.16.8.200', '172.16.8.2/22'])
      assert.deepEqual(await done('ReleaseAddress', { PoolID: pool, Address }), {})
    assert.equal(operator.leases.size, 0)
  })

  test("never releases another door's address", async () => {
    const attachment = { door: 'cni', network: 'pods', id: 'c1', ifname: 'eth0' } as const
    const held = address(4, prefixOf(pool).first + 5n)
    operator.leases.set(held.text, {
      attachment,
      address: held,
      subnet: prefixOf(pool),
      name: '',
      sinceMs: 0,
      witness: { bootId: '', path: '', inode: '' },
      seenBy: '',
      mac: '',
    })
    const release = { PoolID: pool, Address: held.text }
    await refused('ReleaseAddress', release, /172\.16\.8\.5 is not Docker's: .* by cni/)
    const other = { ...release, Options: macOption(mac) }
    await refused('RequestAddress', other, /172\.16\.8\.5 is taken/)
    assert.ok(operator.leases.has(held.text))
  })

  test('says in the words of the agent why it grants nothing', async () => {
    operator.refusal = { ok: false, code: 'exhausted', message: 'IP allocation exhausted' }
    const asked = { PoolID: pool, Options: macOption(mac) }
    await refused('RequestAddress', asked, /IP allocation exhausted/)
  })

  test('keeps no address of a subnet that was lost while it was asked for', async () => {
    const lost = prefixOf('172.16.12.0/22')
    const { subnets } = operator
    operator.subnets = [...subnets, lost]
    const asked = { PoolID: lost.text, Options: macOption(mac) }
    await refused('RequestAddress', asked, /172\.16\.12\.0\/22 is not this host's subnet/)
    assert.equal(operator.leases.size, 0)
  })

  test('breaks the connection where the agent ends, for then Docker asks the next one', async () => {
    operator.refusal = { ok: false, code: 'stopping', message: 'the agent is stopping' }
    await assert.rejects(requestAddress(macOption(mac)), /socket hang up|ECONNRESET/)
  })
})

describe('bad input is answered, and nothing is lost by it', () => {
  beforeEach(() => open())

  const cases: readonly (readonly [string, string, unknown, RegExp])[] = [
    ['no JSON', 'RequestPool', '{"Pool":', /no JSON/],
    ['a list', 'RequestPool', '[]', /the request is no JSON object/],
    ['null', 'RequestAddress', 'null', /the request is no JSON object/],
    ['a number for a text', 'RequestPool', { Pool: 4 }, /Pool is no text/],
    ['a long text', 'RequestPool', { Pool: '1'.repeat(300) }, /Pool has more than 256/],
    [
      'a text for an object',
      'RequestAddress',
      { PoolID: pool, Options: 'x' },
      /Options is no JSON/,
    ],
    ['no pool', 'RequestAddress', { Options: macOption(mac) }, /"" is no subnet/],
    ['a foreign pool', 'RequestAddress', { PoolID: 'local/1' }, /"local\/1" is no subnet/],
    ['neither MAC address nor address', 'RequestAddress', { PoolID: pool }, /neither a MAC/],
    [
      'no MAC address',
      'RequestAddress',
      { PoolID: pool, Options: macOption('x') },
      /no MAC address/,
    ],
    ['no address', 'RequestAddress', { PoolID: pool, Address: 'a.b' }, /"a\.b" is no address/],
    ['nothing to release', 'ReleaseAddress', { PoolID: pool }, /no address is given/],
    ['an address that is none', 'ReleaseAddress', { PoolID: pool, Address: '1' }, /"1" is no add/],
    ['too much', 'RequestPool', `"${'x'.repeat(100_000)}"`, /more than 65536 bytes/],
  ]
  for (const [name, call, body, why] of cases) {
    test(name, async () => {
      await refused(call, body, why)
      assert.equal(operator.leases.size, 0)
      await requestAddress(macOption(mac))
    })
  }

  test('an unknown call', async () => {
    const answer = await post('NetworkDriver.Join')
    assert.deepEqual(answer, {
      status: 404,
      body: { Err: 'there is no call /NetworkDriver.Join' },
    })
  })

  test('no HTTP at all, and a caller that goes away', async () => {
    for (const text of [
      '\0\x01\x02\r\n\r\n',
      'POST /IpamDriver.RequestPool HTTP/1.1\r\nHost: a\r\n',
    ]) {
      const connection = connect(socket)
      connection.on('error', () => {})
      connection.end(text)
      await new Promise((resolve) => connection.on('close', resolve).resume())
    }
    await requestAddress(macOption(mac))
  })
})

describe('the door', () => {
  test('is a socket for root and its group in a directory that is made for it', async () => {
    await open()
    assert.equal(statSync(socket).mode & 0o777, 0o660)
    assert.deepEqual(
      troubles.map(({ active }) => active),
      [false],
    )
    await door?.close()
    assert.ok(!existsSync(socket))
  })

  test('that cannot be opened is told of, and opened when that ends', async () => {
    let tryAgain = (): void => {}
    const clock: Clock = {
      now: () => 0,
      schedule: (_, callback) => {
        tryAgain = callback
        return () => {}
      },
    }
    const { promise: opened, resolve } = Promise.withResolvers<void>()
    mkdirSync(join(directory, `${sockets}`))
    writeFileSync(join(socket, '..'), '')
    const push = troubles.push.bind(troubles)
    troubles.push = (...told) => {
      if (told.some(({ active }) => !active)) resolve()
      return push(...told)
    }
    await open(clock)
    assert.equal(troubles.length, 1)
    assert.deepEqual([troubles[0]?.code, troubles[0]?.active], ['door-shut', true])
    assert.match(troubles[0]?.reason ?? '', /plugins\/starling\.sock.*: set --docker-plugin/)
    rmSync(join(socket, '..'))
    tryAgain()
    await opened
    await done('GetCapabilities')
  })

  test('lets requests wait for the subnet of an agent that has just started', async () => {
    operator.subnets = []
    await open()
    const asked = done('RequestPool', { Pool: pool })
    operator.subnets = [prefixOf(pool)]
    assert.equal((await asked).Pool, pool)
  })

  test('does not wait for a subnet when it is closed', async () => {
    operator.subnets = []
    await open()
    const asked = done('RequestPool', { Pool: pool })
    const broken = assert.rejects(asked, /socket hang up|ECONNRESET/)
    await post('Plugin.Activate')
    await door?.close()
    await broken
  })

  test('does not wait for ever', async () => {
    operator.subnets = []
    let now = 0
    await open({
      now: () => now,
      schedule: (at, callback) => {
        now = at
        setImmediate(callback)
        return () => {}
      },
    })
    await refused('RequestPool', { Pool: pool }, /this host has no subnet yet, not 172.*status/)
  })
})
