/** What every `Kernel` must do, the real one and the simulator's alike. */

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { type Address, parseAddress } from '../../src/core/ip/address.ts'
import { type Prefix, parsePrefix } from '../../src/core/ip/prefix.ts'
import type {
  KernelChange,
  KernelRoute,
  LinkAddress,
  RouteChange,
  RouteKey,
  RouteTarget,
} from '../../src/core/routing/route.ts'
import { noAnswers } from '../../src/core/routing/route.ts'
import type { Kernel } from '../../src/ports/kernel.ts'
import { EventLog } from './event-log.ts'

/** The other process on the host: what it does is drift or alien to the kernel under test. */
export interface Hand {
  addRoute(route: HandRoute): Promise<void>
  removeRoute(route: HandRoute): Promise<void>
  setLink(name: string, state: 'up' | 'down'): Promise<void>
  /** `text` as in 10.0.1.70/24. */
  addAddress(link: string, text: string): Promise<void>
  removeAddress(link: string, text: string): Promise<void>
  /** A rule before the one that leads to the main table. */
  setRule(table: number, state: 'present' | 'absent'): Promise<void>
  /** An alien route by a nexthop object, which is made with it. */
  addNexthopRoute(prefix: string, id: number): Promise<void>
  removeNexthopObject(id: number): Promise<void>
  /** Of the one link. */
  setCarrier(state: 'on' | 'off'): Promise<void>
  switchForwardingOff(): Promise<void>
}

export interface HandRoute {
  readonly prefix: string
  readonly via: string
  readonly metric?: number
  /** `ours`: it carries the scope's route protocol, like what a former run left. */
  readonly protocol: 'ours' | 'alien'
  /** Another one than the agent's. */
  readonly table?: number
}

export interface Host {
  /** Not started. Its scope: table 254, interest 172.16.0.0/12. */
  readonly kernel: Kernel
  readonly hand: Hand
  /** The one link beside the loopback: up, with 10.0.1.70/24. No route inside the interest. */
  readonly link: string
  /** Ends kernel and host. */
  stop(): Promise<void>
}

export function kernelConformance(name: string, make: () => Promise<Host>): void {
  describe(`kernel conformance: ${name}`, () => {
    let host: Host
    let log: EventLog
    let ifindex: number

    beforeEach(async () => {
      host = await make()
      log = new EventLog()
      await host.kernel.start(log.deliver)
      const link = (await host.kernel.dump()).links.find((l) => l.name === host.link)
      assert.ok(link, `${host.link} is in the dump`)
      ifindex = link.ifindex
    })
    afterEach(() => host.stop())

    const via = (nextHop: string): RouteTarget => ({
      type: 'via',
      nextHop: addressOf(nextHop),
      ifindex,
    })
    const add = (text: string, nextHop: string, metric = 0): RouteChange => ({
      type: 'add',
      key: keyOf(text, metric),
      target: via(nextHop),
    })
    const remove = (text: string, metric = 0): RouteChange => ({
      type: 'remove',
      key: keyOf(text, metric),
    })
    const outcomes = async (...changes: RouteChange[]) =>
      (await host.kernel.apply(changes)).map((result) => result.outcome)
    const routesTo = async (text: string) =>
      (await host.kernel.dump()).routes.filter((route) => route.prefix.text === text)
    /** What takes routes along is told before they are gone. */
    const noRouteTo = async (text: string) => {
      const expired = AbortSignal.timeout(10_000)
      while ((await routesTo(text)).length > 0) {
        assert.ok(!expired.aborted, `there is a route to ${text}`)
      }
    }
    /** A change by the hand after everything before it, so that its arrival proves what did not come. */
    const fence = async () => {
      const route: HandRoute = { prefix: '172.31.255.0/24', via: '10.0.1.99', protocol: 'alien' }
      await host.hand.addRoute(route)
      await log.change('the fence', isRoute('route-added', route.prefix))
      await host.hand.removeRoute(route)
      await log.change('the end of the fence', isRoute('route-removed', route.prefix))
    }

    test('a dump shows links with their state and addresses with their length', async () => {
      const { links, addresses } = await host.kernel.dump()
      assert.equal(links.find((link) => link.name === host.link)?.up, true)
      const own = addresses.find((held) => held.address.text === '10.0.1.70')
      assert.deepEqual([own?.ifindex, own?.length], [ifindex, 24])
    })

    test('an added route is dumped as owned, with its next hop', async () => {
      assert.deepEqual(await outcomes(add('172.16.4.0/22', '10.0.1.71')), ['done'])
      assert.deepEqual(await routesTo('172.16.4.0/22'), [
        { ...keyOf('172.16.4.0/22', 0), target: via('10.0.1.71'), owned: true },
      ])
    })

    test('an unreachable route is dumped as such and can be removed', async () => {
      const key = keyOf('172.16.4.0/22', 0)
      assert.deepEqual(await outcomes({ type: 'add', key, target: { type: 'unreachable' } }), [
        'done',
      ])
      assert.deepEqual(await routesTo('172.16.4.0/22'), [
        { ...key, target: { type: 'unreachable' }, owned: true },
      ])
      assert.deepEqual(await outcomes(remove('172.16.4.0/22')), ['done'])
      assert.deepEqual(await routesTo('172.16.4.0/22'), [])
    })

    for (const text of ['fd00:10::/64', 'fd00:10::5/128']) {
      test(`an unreachable route to ${text} is dumped as such and can be replaced`, async () => {
        const key = keyOf(text, 1024)
        const none = { type: 'unreachable' } as const
        assert.deepEqual(await outcomes({ type: 'add', key, target: none }), ['done'])
        assert.deepEqual(await routesTo(text), [{ ...key, target: none, owned: true }])
        const here = { type: 'on-link', ifindex } as const
        assert.deepEqual(await outcomes(remove(text, 1024), { type: 'add', key, target: here }), [
          'done',
          'done',
        ])
        assert.deepEqual(await routesTo(text), [{ ...key, target: here, owned: true }])
      })
    }

    test('an address that is on the link itself is dumped as such and can be removed', async () => {
      const key = keyOf('172.16.4.7/32', 0)
      const target = { type: 'on-link', ifindex } as const
      assert.deepEqual(await outcomes({ type: 'add', key, target }), ['done'])
      assert.deepEqual(await routesTo('172.16.4.7/32'), [{ ...key, target, owned: true }])
      const question = { key, destination: addressOf('172.16.4.7') }
      assert.deepEqual(await host.kernel.lookUpUsage([question]), [
        { question, use: { type: 'ours' } },
      ])
      assert.deepEqual(await outcomes(remove('172.16.4.7/32')), ['done'])
      assert.deepEqual(await routesTo('172.16.4.7/32'), [])
    })

    test('every change has its own result, in order, and a failure stops none of the others', async () => {
      await host.hand.addRoute({ prefix: '172.20.0.0/22', via: '10.0.1.80', protocol: 'alien' })
      const changes = [
        add('172.16.4.0/22', '10.0.1.71'),
        add('172.20.0.0/22', '10.0.1.71'),
        add('172.16.8.0/22', '10.9.9.9'),
        remove('172.16.12.0/22'),
        add('172.16.16.0/22', '10.0.1.72'),
        remove('172.16.4.0/22'),
        remove('172.20.0.0/22'),
        add('172.16.4.0/22', '10.0.1.73'),
      ]
      const results = await host.kernel.apply(changes)
      assert.deepEqual(
        results.map((result) => result.outcome),
        ['done', 'exists', 'not-on-link', 'absent', 'done', 'done', 'absent', 'done'],
      )
      assert.deepEqual(
        results.map((result) => result.change),
        changes,
      )
      for (const { outcome, error } of results) assert.equal(error === '', outcome === 'done')
      assert.deepEqual((await routesTo('172.16.4.0/22'))[0]?.target, via('10.0.1.73'))
      assert.deepEqual((await routesTo('172.16.16.0/22'))[0]?.target, via('10.0.1.72'))
      assert.equal((await routesTo('172.20.0.0/22'))[0]?.owned, false)
    })

    test('an add replaces nothing, not even an owned route', async () => {
      assert.deepEqual(
        await outcomes(add('172.16.4.0/22', '10.0.1.71'), add('172.16.4.0/22', '10.0.1.72')),
        ['done', 'exists'],
      )
      assert.deepEqual((await routesTo('172.16.4.0/22'))[0]?.target, via('10.0.1.71'))
    })

    test('routes to one prefix with different metrics are different routes', async () => {
      assert.deepEqual(
        await outcomes(
          add('172.16.4.0/22', '10.0.1.71', 50),
          add('172.16.4.0/22', '10.0.1.72', 60),
          remove('172.16.4.0/22', 60),
        ),
        ['done', 'done', 'done'],
      )
      assert.deepEqual(await routesTo('172.16.4.0/22'), [
        { ...keyOf('172.16.4.0/22', 50), target: via('10.0.1.71'), owned: true },
      ])
    })

    test('many changes at once are all performed', async () => {
      const prefixes = Array.from({ length: 1024 }, (_, i) => subnet(i))
      const added = await outcomes(...prefixes.map((text) => add(text, '10.0.1.71')))
      assert.ok(added.every((outcome) => outcome === 'done'))
      const { routes } = await host.kernel.dump()
      assert.equal(routes.filter((route) => route.owned).length, 1024)
      const removed = await outcomes(...prefixes.map((text) => remove(text)))
      assert.ok(removed.every((outcome) => outcome === 'done'))
      assert.deepEqual(
        (await host.kernel.dump()).routes.filter((route) => route.owned),
        [],
      )
    })

    test('own writes are not delivered; another process deleting an owned route is', async () => {
      await outcomes(add('172.16.4.0/22', '10.0.1.71'), add('172.16.8.0/22', '10.0.1.72'))
      await host.hand.removeRoute({
        prefix: '172.16.4.0/22',
        via: '10.0.1.71',
        protocol: 'ours',
      })
      const removed = await log.change('removal', isRoute('route-removed', '172.16.4.0/22'))
      assert.deepEqual(removed, {
        type: 'route-removed',
        route: { ...keyOf('172.16.4.0/22', 0), target: via('10.0.1.71'), owned: true },
      })
      assert.deepEqual(
        log.changes.filter((change) => change.type === 'route-added').map(prefixText),
        [],
      )
    })

    test('an owned route that another process adds is delivered as owned', async () => {
      await host.hand.addRoute({ prefix: '172.16.4.0/22', via: '10.0.1.71', protocol: 'ours' })
      const added = await log.change('addition', isRoute('route-added', '172.16.4.0/22'))
      assert.equal(added.type === 'route-added' && added.route.owned, true)
    })

    test('alien routes inside the interest are delivered and dumped, others are not', async () => {
      await host.hand.addRoute({ prefix: '192.168.7.0/24', via: '10.0.1.80', protocol: 'alien' })
      await host.hand.addRoute({ prefix: '172.20.0.0/22', via: '10.0.1.80', protocol: 'alien' })
      const added = await log.change('the alien', isRoute('route-added', '172.20.0.0/22'))
      assert.deepEqual(added, {
        type: 'route-added',
        route: { ...keyOf('172.20.0.0/22', 0), target: via('10.0.1.80'), owned: false },
      })
      assert.deepEqual(await routesTo('172.20.0.0/22'), [
        { ...keyOf('172.20.0.0/22', 0), target: via('10.0.1.80'), owned: false },
      ])
      assert.deepEqual(await routesTo('192.168.7.0/24'), [])
      await host.hand.removeRoute({ prefix: '192.168.7.0/24', via: '10.0.1.80', protocol: 'alien' })
      await host.hand.removeRoute({ prefix: '172.20.0.0/22', via: '10.0.1.80', protocol: 'alien' })
      await log.change('its removal', isRoute('route-removed', '172.20.0.0/22'))
      assert.ok(!log.changes.some((change) => prefixText(change) === '192.168.7.0/24'))
    })

    test('an alien found in the way outside the interest is reported until it is gone', async () => {
      const alien: HandRoute = { prefix: '192.168.7.0/24', via: '10.0.1.80', protocol: 'alien' }
      await host.hand.addRoute(alien)
      assert.deepEqual(await outcomes(add('192.168.7.0/24', '10.0.1.71')), ['exists'])
      await host.hand.removeRoute(alien)
      const removed = await log.change('removal', isRoute('route-removed', '192.168.7.0/24'))
      assert.equal(removed.type === 'route-removed' && removed.route.owned, false)
      assert.deepEqual(await outcomes(add('192.168.7.0/24', '10.0.1.71')), ['done'])
    })

    test('changes of one route are delivered so that the last one is the truth', async () => {
      const route: HandRoute = { prefix: '172.20.0.0/22', via: '10.0.1.80', protocol: 'alien' }
      for (let round = 0; round < 5; round += 1) {
        await host.hand.addRoute(route)
        await host.hand.removeRoute(route)
      }
      await host.hand.addRoute(route)
      await fence()
      const last = log.changes.filter((change) => prefixText(change) === route.prefix).at(-1)
      assert.equal(last?.type, 'route-added')
    })

    test('a link that goes down is delivered, and its IPv4 routes are gone', async () => {
      await outcomes(add('172.16.4.0/22', '10.0.1.71'))
      await host.hand.setLink(host.link, 'down')
      await log.change('link down', isLink(ifindex, false))
      await noRouteTo('172.16.4.0/22')
      assert.deepEqual(await outcomes(add('172.16.4.0/22', '10.0.1.71')), ['not-on-link'])
      await host.hand.setLink(host.link, 'up')
      await log.change('link up', isLink(ifindex, true))
      assert.deepEqual(await outcomes(add('172.16.4.0/22', '10.0.1.71')), ['done'])
    })

    test('an address that comes and goes is delivered and dumped', async () => {
      await host.hand.addAddress(host.link, '10.0.2.5/24')
      const added = await log.change('address', (change) => change.type === 'address-added')
      const held = { ifindex, address: addressOf('10.0.2.5'), length: 24 }
      assert.deepEqual(added, { type: 'address-added', address: held })
      assert.ok((await host.kernel.dump()).addresses.some((a) => a.address.text === '10.0.2.5'))
      await host.hand.removeAddress(host.link, '10.0.2.5/24')
      const removed = await log.change('its end', (change) => change.type === 'address-removed')
      assert.deepEqual(removed, { type: 'address-removed', address: held })
    })

    test('a next hop is on-link where a link leads to it without a gateway', async () => {
      await host.hand.addRoute({ prefix: '192.168.7.0/24', via: '10.0.1.80', protocol: 'alien' })
      const asked = ['10.0.1.71', '192.168.7.1', '203.0.113.9', '10.0.1.70', '127.0.0.1']
      const answers = await host.kernel.lookUpNextHops(
        asked.map((text) => ({ nextHop: addressOf(text), ifindex: 0 })),
      )
      assert.deepEqual(
        answers.map((answer) => [answer.question.nextHop.text, answer.ifindex]),
        [
          ['10.0.1.71', ifindex],
          ['192.168.7.1', undefined],
          ['203.0.113.9', undefined],
          ['10.0.1.70', undefined],
          ['127.0.0.1', undefined],
        ],
      )
    })

    test('the uplink is found with its address', async () => {
      const uplink = await host.kernel.locateUplink([])
      assert.deepEqual([uplink.ifindex, uplink.name], [ifindex, host.link])
      assert.deepEqual(
        uplink.nextHops.filter((hop) => hop.family === 4).map((hop) => hop.text),
        ['10.0.1.70'],
      )
    })

    test('a bridge is made, is up, and has the wanted addresses beside those of others', async () => {
      const configure = (addresses: string[], former: LinkAddress[] = []) =>
        host.kernel.configureBridge({
          name: 'starling0',
          addresses: addresses.map((text) => ({ address: addressOf(text), length: 22 })),
          former,
          answers: noAnswers,
        })
      const held = async () => {
        const { links, addresses } = await host.kernel.dump()
        const bridge = links.find((link) => link.name === 'starling0')
        return addresses
          .filter((a) => a.ifindex === bridge?.ifindex && a.address.family === 4)
          .map((a) => `${a.address.text}/${a.length}${a.owned ? ' ours' : ''}`)
          .sort()
      }
      assert.equal(await configure([]), '')
      assert.deepEqual(await held(), [], 'nothing is made for nothing')
      assert.equal(await configure(['172.16.4.1']), '')
      const { links } = await host.kernel.dump()
      assert.equal(links.find((link) => link.name === 'starling0')?.up, true)
      assert.deepEqual(await held(), ['172.16.4.1/22 ours'])
      await host.hand.addAddress('starling0', '172.16.9.1/24')
      assert.equal(await configure(['172.16.8.1']), '')
      assert.deepEqual(await held(), ['172.16.8.1/22 ours', '172.16.9.1/24'])
      assert.equal(await configure(['172.16.8.1']), '')
      assert.deepEqual(await held(), ['172.16.8.1/22 ours', '172.16.9.1/24'])
      assert.equal(await configure([]), '')
      assert.deepEqual(await held(), ['172.16.9.1/24'])
      const former = { link: 'starling0', address: addressOf('172.16.9.1'), length: 24 }
      assert.equal(await configure([], [{ ...former, link: 'elsewhere0' }]), '')
      assert.deepEqual(await held(), ['172.16.9.1/24'])
      assert.equal(await configure([], [former]), '')
      assert.deepEqual(await held(), [])
    })

    test('a link that is no bridge is not taken for one', async () => {
      const error = await host.kernel.configureBridge({
        name: host.link,
        addresses: [{ address: addressOf('172.16.4.1'), length: 22 }],
        former: [],
        answers: noAnswers,
      })
      assert.match(error, /not a bridge/)
    })

    test('forwarding is on after it was asked for, and that it was off is told once', async () => {
      await host.hand.switchForwardingOff()
      await log.change('the switch', (change) => change.type === 'forwarding-changed')
      assert.deepEqual(await host.kernel.checkForwarding([4], []), {
        restored: ['net.ipv4.ip_forward'],
        error: '',
      })
      assert.deepEqual(await host.kernel.checkForwarding([4], [host.link]), {
        restored: [],
        error: '',
      })
    })

    const useOf = async (text: string, destination: string) => {
      const question = { key: keyOf(text, 0), destination: addressOf(destination) }
      const [answer] = await host.kernel.lookUpUsage([question])
      return answer?.use.type
    }

    test('the kernel tells which route takes a packet: ours, a better one, or none', async () => {
      await outcomes(add('172.16.4.0/22', '10.0.1.71'))
      assert.equal(await useOf('172.16.4.0/22', '172.16.4.1'), 'ours')
      await host.hand.addRoute({ prefix: '172.16.5.0/24', via: '10.0.1.80', protocol: 'alien' })
      assert.equal(await useOf('172.16.4.0/22', '172.16.4.1'), 'ours')
      assert.equal(await useOf('172.16.4.0/22', '172.16.5.1'), 'other')
      assert.equal(await useOf('172.16.8.0/22', '172.16.8.1'), 'none')
    })

    test('a route of another table is an alien where a rule leads to the table', async () => {
      await outcomes(add('172.16.4.0/22', '10.0.1.71'))
      const other = {
        prefix: '172.16.4.0/22',
        via: '10.0.1.80',
        protocol: 'alien',
        table: 77,
      } as const
      await host.hand.addRoute(other)
      assert.equal((await routesTo('172.16.4.0/22')).length, 1)
      await host.hand.setRule(77, 'present')
      await log.change('the rule', (change) => change.type === 'rules-changed')
      assert.deepEqual(
        new Set(
          (await routesTo('172.16.4.0/22')).map((route) => `${route.otherTable} ${route.owned}`),
        ),
        new Set(['77 false', 'undefined true']),
      )
      assert.equal(await useOf('172.16.4.0/22', '172.16.4.1'), 'other')
      await host.hand.setRule(77, 'absent')
      assert.equal((await routesTo('172.16.4.0/22')).length, 1)
      assert.equal(await useOf('172.16.4.0/22', '172.16.4.1'), 'ours')
      await host.hand.removeRoute(other)
    })

    test('a nexthop object takes the routes that use it along, and only its own end is told', async () => {
      await host.hand.addNexthopRoute('172.20.0.0/22', 7)
      await log.change('the alien', isRoute('route-added', '172.20.0.0/22'))
      log.clear()
      await host.hand.removeNexthopObject(7)
      await log.change('its end', (change) => change.type === 'nexthop-objects-changed')
      await noRouteTo('172.20.0.0/22')
      assert.ok(!log.changes.some((change) => change.type === 'route-removed'))
    })

    test('with the last address of a link its routes go without a word', async () => {
      await outcomes(add('172.16.4.0/22', '10.0.1.71'))
      log.clear()
      await host.hand.removeAddress(host.link, '10.0.1.70/24')
      await log.change('its end', (change) => change.type === 'address-removed')
      await noRouteTo('172.16.4.0/22')
      assert.ok(!log.changes.some(isRoute('route-removed', '172.16.4.0/22')))
    })

    test('a cable that is pulled leaves the route, which is dead', async () => {
      await outcomes(add('172.16.4.0/22', '10.0.1.71'))
      await host.hand.setCarrier('off')
      await log.change(
        'the carrier',
        (change) => change.type === 'link-changed' && !change.link.carrier,
      )
      assert.equal((await routesTo('172.16.4.0/22')).length, 1)
      assert.equal(await useOf('172.16.4.0/22', '172.16.4.1'), 'dead')
      await host.hand.setCarrier('on')
      await log.change(
        'its return',
        (change) => change.type === 'link-changed' && change.link.carrier,
      )
      assert.equal(await useOf('172.16.4.0/22', '172.16.4.1'), 'ours')
    })

    test('routes that concern no pool are only counted', async () => {
      const foreign: HandRoute = { prefix: '192.168.7.0/24', via: '10.0.1.80', protocol: 'alien' }
      await host.hand.addRoute(foreign)
      const counted = await log.change(
        'the count',
        (change) => change.type === 'foreign-routes-changed',
      )
      assert.ok(counted.type === 'foreign-routes-changed' && counted.count >= 1)
      await host.hand.removeRoute(foreign)
    })

    test('nothing is delivered after stop', async () => {
      await host.kernel.stop()
      log.clear()
      await host.hand.addRoute({ prefix: '172.20.0.0/22', via: '10.0.1.80', protocol: 'alien' })
      assert.deepEqual(log.events, [])
    })
  })
}

const keyOf = (text: string, metric: number): RouteKey => ({ prefix: prefixOf(text), metric })

const subnet = (index: number): string => `172.${16 + (index >> 6)}.${(index & 63) * 4}.0/22`

function isRoute(type: 'route-added' | 'route-removed', prefix: string) {
  return (change: KernelChange): boolean => change.type === type && prefixText(change) === prefix
}

function isLink(ifindex: number, up: boolean) {
  return (change: KernelChange): boolean =>
    change.type === 'link-changed' && change.link.ifindex === ifindex && change.link.up === up
}

function prefixText(change: KernelChange): string {
  return routeOf(change)?.prefix.text ?? ''
}

function routeOf(change: KernelChange): KernelRoute | undefined {
  return change.type === 'route-added' || change.type === 'route-removed' ? change.route : undefined
}

function addressOf(text: string): Address {
  const parsed = parseAddress(text)
  assert.ok(parsed, text)
  return parsed
}

function prefixOf(text: string): Prefix {
  const parsed = parsePrefix(text)
  assert.ok(parsed, text)
  return parsed
}
