/** Reconciling against a model of a kernel: what the changes do, what they leave alone, and how few they are. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { prefix } from '../../../src/core/ip/prefix.ts'
import { FibView, keyText } from '../../../src/core/routing/fib-view.ts'
import { reconcile, sameTarget, type Wanted } from '../../../src/core/routing/reconcile.ts'
import type {
  KernelRoute,
  RouteChange,
  RouteKey,
  RouteTarget,
} from '../../../src/core/routing/route.ts'
import { addressOf, prefixOf } from '../specimens.ts'

/** Few keys and few targets, so that what is wanted and what is there meet. */
const key: fc.Arbitrary<RouteKey> = fc.record({
  prefix: fc
    .integer({ min: 0, max: 9 })
    .map((index) => prefix(4, prefixOf('172.16.0.0/12').first + (BigInt(index) << 10n), 22)),
  metric: fc.constantFrom(0, 0, 100),
})

const ourTarget: fc.Arbitrary<RouteTarget> = fc.oneof(
  fc.record({
    type: fc.constant('via' as const),
    nextHop: fc.constantFrom('10.0.1.1', '10.0.1.2').map(addressOf),
    ifindex: fc.constantFrom(2, 3),
  }),
  fc.constant({ type: 'unreachable' as const }),
)

const anyTarget = fc.oneof(
  ourTarget,
  fc.record({
    type: fc.constant('other' as const),
    ifindex: fc.constantFrom(undefined, 2),
    text: fc.constant(''),
  }),
)

const rib: fc.Arbitrary<Wanted[]> = fc.uniqueArray(
  fc.tuple(key, ourTarget).map(([at, target]) => ({ ...at, target })),
  { maxLength: 12, selector: keyText },
)

/** A kernel has one route for a key. */
const fib: fc.Arbitrary<KernelRoute[]> = fc.uniqueArray(
  fc.tuple(key, anyTarget, fc.boolean()).map(([at, target, owned]) => ({ ...at, target, owned })),
  { maxLength: 12, selector: keyText },
)

/** Refuses what a kernel refuses; a refusal here is a needless change. */
class ModelKernel {
  readonly routes: Map<string, KernelRoute>

  constructor(routes: readonly KernelRoute[]) {
    this.routes = new Map(routes.map((route) => [keyText(route), route]))
  }

  apply(changes: readonly RouteChange[]): void {
    for (const change of changes) {
      const text = keyText(change.key)
      const found = this.routes.get(text)
      if (change.type === 'remove') {
        assert.ok(found?.owned, `removed ${text}, which is not ours`)
        this.routes.delete(text)
      } else {
        assert.equal(found, undefined, `added ${text} over another route`)
        this.routes.set(text, { ...change.key, target: change.target, owned: true })
      }
    }
  }

  get view(): FibView {
    return FibView.of(this.routes.values())
  }
}

const allowed = { removals: 'allowed' } as const
const held = { removals: 'held' } as const

const linesOf = (routes: Iterable<RouteKey & { target: RouteTarget }>) =>
  [...routes]
    .map(({ target, ...at }) =>
      target.type === 'via'
        ? `${keyText(at)} via ${target.nextHop.text} ${target.ifindex}`
        : `${keyText(at)} ${target.type}`,
    )
    .sort()

describe('reconciling', () => {
  it('makes the owned routes what is wanted, except where an alien is in the way', () => {
    fc.assert(
      fc.property(rib, fib, (wanted, routes) => {
        const kernel = new ModelKernel(routes)
        kernel.apply(reconcile(wanted, kernel.view, allowed))
        const aliens = new Set(routes.filter(({ owned }) => !owned).map(keyText))
        assert.deepEqual(
          linesOf([...kernel.routes.values()].filter(({ owned }) => owned)),
          linesOf(wanted.filter((route) => !aliens.has(keyText(route)))),
        )
      }),
    )
  })

  it('touches no alien route', () => {
    fc.assert(
      fc.property(rib, fib, (wanted, routes) => {
        const kernel = new ModelKernel(routes)
        kernel.apply(reconcile(wanted, kernel.view, allowed))
        for (const alien of routes.filter(({ owned }) => !owned)) {
          assert.equal(kernel.routes.get(keyText(alien)), alien)
        }
      }),
    )
  })

  it('has nothing left to do the second time', () => {
    fc.assert(
      fc.property(rib, fib, (wanted, routes) => {
        const kernel = new ModelKernel(routes)
        kernel.apply(reconcile(wanted, kernel.view, allowed))
        assert.deepEqual(reconcile(wanted, kernel.view, allowed), [])
      }),
    )
  })

  it('makes no change more than the difference', () => {
    fc.assert(
      fc.property(rib, fib, (wanted, routes) => {
        const wants = new Map(wanted.map((route) => [keyText(route), route]))
        const has = new Map(routes.map((route) => [keyText(route), route]))
        let fewest = 0
        for (const text of new Set([...wants.keys(), ...has.keys()])) {
          const want = wants.get(text)
          const have = has.get(text)
          const isRight = want && have?.owned && sameTarget(have.target, want.target)
          if (isRight || (have && !have.owned)) continue
          fewest += (have ? 1 : 0) + (want ? 1 : 0)
        }
        assert.equal(reconcile(wanted, FibView.of(routes), allowed).length, fewest)
      }),
    )
  })

  it('before in-sync adds what is missing and neither removes nor replaces anything', () => {
    fc.assert(
      fc.property(rib, fib, (wanted, routes) => {
        const kernel = new ModelKernel(routes)
        const changes = reconcile(wanted, kernel.view, held)
        assert.ok(changes.every(({ type }) => type === 'add'))
        kernel.apply(changes)
        for (const route of routes) assert.equal(kernel.routes.get(keyText(route)), route)
        for (const route of wanted) assert.ok(kernel.routes.has(keyText(route)))
      }),
    )
  })
})

describe('the view of the kernel', () => {
  it('finds the aliens that overlap a prefix, and forgets what was dropped', () => {
    fc.assert(
      fc.property(fib, key, (routes, { prefix: asked }) => {
        const view = FibView.of(routes)
        const aliens = routes.filter((r) => !r.owned && r.prefix.text === asked.text)
        assert.deepEqual(linesOf(view.aliensOverlapping(asked)), linesOf(aliens))
        for (const route of routes) view.drop(route)
        assert.deepEqual([...view.allOwned()], [])
        assert.deepEqual([...view.aliensOverlapping(prefixOf('0.0.0.0/0'))], [])
      }),
    )
  })

  it('keeps an owned and an alien route of one prefix apart', () => {
    const at = { prefix: prefixOf('172.16.0.0/22'), target: { type: 'unreachable' as const } }
    const view = FibView.of([
      { ...at, metric: 0, owned: true },
      { ...at, metric: 5, owned: false },
    ])
    assert.equal(view.owned({ ...at, metric: 0 })?.owned, true)
    assert.equal(view.alien({ ...at, metric: 0 }), undefined)
    assert.equal(view.alien({ ...at, metric: 5 })?.owned, false)
    view.drop({ ...at, metric: 0, owned: false })
    assert.ok(view.owned({ ...at, metric: 0 }), 'dropped as alien what is owned')
  })
})
